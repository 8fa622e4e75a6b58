#include "controller/result_query.h"

#include <algorithm>
#include <span>
#include <utility>

#include "controller/user_messages.h"
#include "store/selection.h"

namespace engineroom::controller {
namespace {

// The content of its reply: an error, if what the task returned is no longer there.
std::string content_of_result(JsonReader& json, const store::Record& record,
                              const std::string& name) {
  if (!record.payload_dropped || !record.result_buffers.empty()) return record.result_content;
  const auto header = read_object(json, record.result_header);
  if (!header || header->text("msg_type") != "apply_reply") return record.result_content;
  const auto content = read_object(json, record.result_content);
  if (!content || content->text("status") != "ok") return record.result_content;
  std::string text = "'The result of ";
  text += name;
  text += " was dropped from its record: it was too large, or there are newer ones'";
  return to_content({"KeyError", std::move(text)});
}

}  // namespace

ResultQuery::ResultQuery(const JsonObject& content, Scope scope)
    : LongQuery("result_reply"),
      scope_(std::move(scope)),
      status_only_(content.flag("status_only").value_or(false)),
      msg_ids_(scope_.inside(content.texts("msg_ids"))) {
  std::sort(msg_ids_.begin(), msg_ids_.end());
  msg_ids_.erase(std::unique(msg_ids_.begin(), msg_ids_.end()), msg_ids_.end());
  w_.begin_object().key("status").value("ok");
}

std::optional<Answer> ResultQuery::step(const Turn& turn) {
  if (wanted_.empty()) take_some(turn.store);
  const Result<bool> is_through = look(turn.store);
  if (!is_through.ok()) return failure(is_through.status());
  if (!is_one() && w_.str().size() + buffer_bytes_ + found_bytes_ > kMaxReplyBytes) {
    return too_large("these results", "ask for fewer at a time");
  }
  if (!is_through.value()) return std::nullopt;
  if (!wanted_.empty()) {
    return failure({"KeyError", "'No such message: " + name(wanted_.front()) + "'"});
  }
  for (const auto& [msg_id, record] : found_) write(record, turn.checker);
  found_.clear();
  found_bytes_ = 0;
  if (next_ < msg_ids_.size()) return std::nullopt;
  return finish();
}

void ResultQuery::take_some(const store::Store& store) {
  const std::size_t end = std::min(next_ + store::kRecordsPerStep, msg_ids_.size());
  for (; next_ < end; ++next_) {
    if (store.is_pending(msg_ids_[next_])) {
      pending_.push_back(name(msg_ids_[next_]));
    } else {
      wanted_.push_back(std::move(msg_ids_[next_]));
    }
  }
}

Result<bool> ResultQuery::look(const store::Store& store) {
  if (!status_only_) {
    return store::read_some(store, wanted_, [this](const store::Record& record) {
      store::Record& kept = found_.emplace(record.msg_id, record).first->second;
      kept.content.clear();
      kept.buffers.clear();
      found_bytes_ += kept.bytes();
      return found_bytes_ <= kMaxReplyBytes || is_one();
    });
  }
  auto listed = store.list(wanted_);
  if (!listed.ok()) return listed.status();
  std::sort(listed.value().begin(), listed.value().end(),
            [](const store::Listed& a, const store::Listed& b) { return a.msg_id < b.msg_id; });
  std::vector<std::string> missing;
  auto found = listed.value().begin();
  for (std::string& msg_id : wanted_) {
    if (found == listed.value().end() || found->msg_id != msg_id) {
      missing.push_back(std::move(msg_id));
    } else {
      completed_.push_back(name((found++)->msg_id));
    }
  }
  wanted_ = std::move(missing);
  return true;
}

void ResultQuery::write(const store::Record& record, JsonReader& checker) {
  const std::string msg_id = name(record.msg_id);
  w_.key(msg_id).begin_object();
  write_json(w_.key("header"), checker, unmarked_header(record.header, scope_));
  write_json(w_.key("metadata"), checker, record.metadata);
  write_json(w_.key("result_metadata"), checker, record.result_metadata);
  write_json(w_.key("result_header"), checker, record.result_header);
  write_json(w_.key("result_content"), checker, content_of_result(checker, record, msg_id));
  w_.key("received");
  if (record.received) {
    w_.value(iso8601(*record.received));
  } else {
    w_.null();
  }
  w_.key("io").begin_object();
  write_json(w_.key("execute_input"), checker, record.execute_input);
  write_json(w_.key("execute_result"), checker, record.execute_result);
  write_json(w_.key("error"), checker, record.error);
  w_.key("stdout").value(record.stdout_text).key("stderr").value(record.stderr_text);
  w_.end_object().end_object();
  buffers_.insert(buffers_.end(), record.result_buffers.begin(), record.result_buffers.end());
  for (const Bytes& buffer : record.result_buffers) buffer_bytes_ += buffer.size();
  completed_.push_back(msg_id);
}

std::string ResultQuery::name(const std::string& inside) const {
  return std::string(scope_.outside(inside).value_or(""));
}

Answer ResultQuery::finish() {
  for (const auto& [key, ids] :
       {std::pair("pending", &pending_), std::pair("completed", &completed_)}) {
    w_.key(key).begin_array();
    for (const std::string& msg_id : *ids) w_.value(msg_id);
    w_.end_array();
  }
  w_.end_object();
  return reply(w_.take(), std::move(buffers_));
}

}  // namespace engineroom::controller
