#include "controller/resubmit_query.h"

#include <algorithm>
#include <utility>

#include "store/selection.h"

namespace engineroom::controller {

ResubmitQuery::ResubmitQuery(const JsonObject& content, Scope scope, const Resubmit& resubmit)
    : LongQuery("resubmit_reply"),
      scope_(std::move(scope)),
      resubmit_(resubmit),
      msg_ids_(scope_.inside(content.texts("msg_ids"))) {
  w_.begin_object().key("status").value("ok").key("resubmitted").begin_object();
}

std::optional<Answer> ResubmitQuery::step(const Turn& turn) {
  if (!is_read_) {
    if (std::optional<Answer> failed = read_next(turn.store)) return failed;
    // Few of them take no second step.
    if (!is_read_ || msg_ids_.size() > store::kRecordsPerStep) return std::nullopt;
  }
  return submit_next(turn.now);
}

std::optional<Answer> ResubmitQuery::read_next(const store::Store& store) {
  while (reading_.size() < store::kRecordsPerStep && n_read_ < msg_ids_.size()) {
    reading_.push_back(msg_ids_[n_read_++]);
  }
  const Result<bool> is_through =
      store::read_some(store, reading_, [this](const store::Record& record) {
        bytes_ += record.bytes();
        records_.insert_or_assign(record.msg_id, record);
        return bytes_ <= kMaxReplyBytes || records_.size() == 1;
      });
  if (!is_through.ok()) return failure(is_through.status());
  if (bytes_ > kMaxReplyBytes && records_.size() > 1) {
    return too_large("these tasks", "resubmit fewer at a time");
  }
  if (!is_through.value()) return std::nullopt;
  reading_.clear();
  is_read_ = n_read_ == msg_ids_.size();
  return is_read_ ? check() : std::nullopt;
}

std::optional<Answer> ResubmitQuery::check() const {
  std::string missing;
  for (const std::string& inside : msg_ids_) {
    const std::string msg_id(scope_.outside(inside).value_or(""));
    const auto found = records_.find(inside);
    if (found == records_.end()) {
      missing += (missing.empty() ? "'" : ", '") + msg_id + "'";
      continue;
    }
    if (found->second.payload_dropped) {
      return failure({"ValueError", "'" + msg_id +
                                        "' cannot run again: its arguments were dropped from its "
                                        "record to save memory"});
    }
    if (found->second.queue == store::QueueKind::kBroadcast && found->second.engine_uuid.empty()) {
      return failure({"ValueError", "'" + msg_id +
                                        "' went to several engines at once: only a request to one "
                                        "can run again"});
    }
  }
  if (missing.empty()) return std::nullopt;
  return failure({"KeyError", "No such msg(s): [" + missing + "]"});
}

std::optional<Answer> ResubmitQuery::submit_next(Time now) {
  const std::size_t end = std::min(n_submitted_ + store::kRecordsPerStep, msg_ids_.size());
  for (; n_submitted_ < end; ++n_submitted_) {
    const std::string& msg_id = msg_ids_[n_submitted_];
    const Result<std::string> again = resubmit_(records_.at(msg_id), now);
    if (!again.ok()) return failure(again.status());
    w_.key(scope_.outside(msg_id).value_or("")).value(scope_.outside(again.value()).value_or(""));
  }
  if (n_submitted_ < msg_ids_.size()) return std::nullopt;
  w_.end_object().end_object();
  return reply(w_.take());
}

}  // namespace engineroom::controller
