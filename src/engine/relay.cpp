#include "engine/relay.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "wire/pieces.h"

namespace engineroom::engine {
namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;

constexpr const char* kQuestion = "result_request";
constexpr const char* kAnswer = "result_reply";

std::string text_of(const element& object, const char* key, std::string_view otherwise = {}) {
  std::string_view text;
  return std::string(object[key].get(text) == SUCCESS ? text : otherwise);
}

std::optional<std::vector<std::uint64_t>> sizes_of(const element& content) {
  simdjson::dom::array list;
  if (content["sizes"].get(list) != SUCCESS) return std::nullopt;
  std::vector<std::uint64_t> sizes;
  for (const element item : list) {
    std::uint64_t size = 0;
    if (item.get(size) != SUCCESS) return std::nullopt;
    sizes.push_back(size);
  }
  return sizes;
}

}  // namespace

// ---- our own questions ----

void Relay::ask(const std::string& msg_id, bool recorded, Time now, std::string failed) {
  const auto [place, is_new] = pending_.try_emplace(msg_id);
  Pending& pending = place->second;
  if (!is_new) return;
  pending.task = find_task_(msg_id);
  pending.recorded = recorded;
  pending.failed = std::move(failed);
  pending.patience = kAskAgain;
  send_outstanding(msg_id, pending, now);
}

void Relay::send_outstanding(const std::string& msg_id, Pending& pending, Time now) {
  pending.again = now + pending.patience;
  for (const Transfer::Range range : pending.transfer.outstanding()) {
    send_question(msg_id, pending, range);
  }
}

void Relay::send_question(const std::string& msg_id, const Pending& pending,
                          Transfer::Range range) {
  JsonWriter w;
  w.begin_object().key("id").value(msg_id).key("task").value(pending.task);
  w.key("from").value(range.from).key("bytes").value(range.bytes);
  if (pending.recorded) w.key("recorded").value(true);
  if (!pending.failed.empty() && range.from == 0) w.key("failed").value(pending.failed);
  send_(kQuestion, w.end_object().take(), {});
}

std::optional<Answer> Relay::on_answer(const wire::Message& message, Time now) {
  const Result<element> content = json_.parse(message.content.view());
  if (!content.ok()) return std::nullopt;
  const std::string msg_id = text_of(content.value(), "id");
  const auto place = pending_.find(msg_id);
  if (place == pending_.end()) return std::nullopt;
  Pending& pending = place->second;
  const std::string task = find_task_(msg_id);
  // All that needed it were aborted.
  if (task.empty()) {
    end(place, nullptr, {});
    ask_for_more();
    return std::nullopt;
  }
  const std::string status = text_of(content.value(), "status");
  if (status == "ok") return add_piece(place, content.value(), message.buffers, now);
  if (status == "error") {
    element failure;
    if (content.value()["content"].get(failure) != SUCCESS) return std::nullopt;
    auto kept = std::make_shared<Kept>(Kept{false, Bytes(simdjson::minify(failure)), {}});
    return end(place, std::move(kept), {});
  }
  if (status == "elsewhere") {
    Answer answer = end(place, nullptr, "nobody knows where it is");
    answer.elsewhere = wire::read_holder(content.value());
    ask_for_more();
    return answer;
  }
  // The task that it was asked for was aborted meanwhile; there is another one.
  if (status == "refused" && task != pending.task) {
    pending.task = task;
    send_outstanding(msg_id, pending, now);
    return std::nullopt;
  }
  return end(place, nullptr, text_of(content.value(), "why", "it is not there any more"));
}

std::optional<Answer> Relay::add_piece(PendingPlace place, const element& content,
                                       const Frames& buffers, Time now) {
  Pending& pending = place->second;
  Transfer& transfer = pending.transfer;
  if (!transfer.has_begun()) {
    auto sizes = sizes_of(content);
    if (!sizes) return std::nullopt;
    if (!transfer.begin(*std::move(sizes))) return end(place, nullptr, "there is no memory for it");
  }
  std::uint64_t from = 0;
  if (content["from"].get(from) != SUCCESS ||
      !transfer.add(from, buffers.empty() ? std::string_view() : buffers.front().view())) {
    return std::nullopt;
  }
  pending.patience = kAskAgain;
  pending.again = now + kAskAgain;
  if (from > 0) --ahead_;
  std::optional<Answer> answer;
  if (transfer.is_done()) {
    answer = end(place, std::make_shared<Kept>(Kept{true, {}, transfer.take()}), {});
  } else if (from == 0) {
    begun_.push_back(place->first);
  }
  ask_for_more();
  return answer;
}

// What is still on its way for it is of no use, and does not count any more.
Answer Relay::end(PendingPlace place, KeptPtr kept, std::string why) {
  const std::vector<Transfer::Range> left = place->second.transfer.outstanding();
  ahead_ -= static_cast<std::size_t>(std::count_if(
      left.begin(), left.end(), [](Transfer::Range range) { return range.from > 0; }));
  Answer answer{place->first, std::move(kept), std::move(why)};
  std::erase(begun_, place->first);
  pending_.erase(place);
  return answer;
}

void Relay::ask_for_more() {
  while (ahead_ < kAhead && !begun_.empty()) {
    Pending& pending = pending_.at(begun_.front());
    const std::optional<Transfer::Range> range = pending.transfer.next();
    if (!range) {
      begun_.pop_front();
      continue;
    }
    ++ahead_;
    send_question(begun_.front(), pending, *range);
  }
}

void Relay::ask_again(Time now) {
  for (auto& [msg_id, pending] : pending_) send_outstanding(msg_id, pending, now);
}

void Relay::clear() {
  pending_.clear();
  begun_.clear();
  ahead_ = 0;
}

void Relay::on_time(Time now) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto place = it++;
    Pending& pending = place->second;
    if (now < pending.again) continue;
    pending.task = find_task_(place->first);
    if (pending.task.empty()) {
      end(place, nullptr, {});
      continue;
    }
    pending.patience = std::min(2 * pending.patience, kAskAgainAtMost);
    send_outstanding(place->first, pending, now);
  }
  ask_for_more();
}

std::optional<Time> Relay::deadline() const {
  std::optional<Time> first;
  for (const auto& [msg_id, pending] : pending_) {
    first = first ? std::min(*first, pending.again) : pending.again;
  }
  return first;
}

// ---- those of others ----

std::optional<Relay::Question> Relay::read_question(const wire::Message& message) {
  const Result<element> content = json_.parse(message.content.view());
  if (!content.ok()) return std::nullopt;
  Question question{text_of(content.value(), "id"), text_of(content.value(), "asker")};
  if (content.value()["from"].get(question.from) != SUCCESS ||
      content.value()["bytes"].get(question.bytes) != SUCCESS) {
    return std::nullopt;
  }
  return question;
}

void Relay::answer(const Question& question, const KeptPtr& kept, std::string_view why) {
  JsonWriter w;
  w.begin_object().key("id").value(question.msg_id).key("asker").value(question.asker);
  w.key("from").value(question.from);
  w.key("status").value(!kept ? "missing" : kept->ok ? "ok" : "error");
  if (!kept) w.key("why").value(why);
  if (kept && !kept->ok) w.key("content").raw(kept->content.view());
  Frames buffers;
  if (kept && kept->ok) {
    if (question.from == 0) wire::write_sizes(w, kept->buffers);
    buffers = {wire::cut_piece(kept->buffers, question.from, question.bytes)};
  }
  send_(kAnswer, w.end_object().take(), std::move(buffers));
}

}  // namespace engineroom::engine
