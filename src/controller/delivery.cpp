#include "controller/delivery.h"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace engineroom::controller {

std::string printable(const Bytes& identity) {
  const std::string_view text = identity.view().substr(0, 64);
  if (std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isgraph(c); })) {
    return std::string(text);
  }
  std::string hex = "0x";
  for (const unsigned char c : text) hex += fmt::format("{:02x}", c);
  return hex;
}

SendResult Delivery::send(Channel channel, const Frames& frames) {
  const SendResult result = outbox_.send(channel, frames);
  if (result == SendResult::kSent) ++counters_.sent[index_of(channel)];
  return result;
}

void Delivery::drop(Drop why, Channel channel, const Bytes& peer) {
  ++counters_[why];
  const std::string name = printable(peer);
  const char* reason = kDropNames[static_cast<std::size_t>(why)];
  if (!complaints_.first_time(fmt::format("{}/{}/{}", to_string(channel), name, reason))) return;
  ER_LOG_WARN("dropped a message to {} on {}: {}; further ones are only counted", name,
              to_string(channel), reason);
}

void Delivery::to_client(Channel channel, const Frames& frames) {
  if (is_batching_) return batch_.push_back({channel, std::nullopt, frames});
  send_to_client(channel, frames);
}

void Delivery::send_to_client(Channel channel, const Frames& frames) {
  switch (send(channel, frames)) {
    case SendResult::kSent:
      return;
    case SendResult::kNoPeer:
      if (is_patient_ && waiting_for_clients_.size() < kMaxWaiting) {
        waiting_for_clients_.push_back({channel, frames, std::nullopt});
        return;
      }
      return drop(Drop::kNoPeer, channel, frames.front());
    case SendResult::kQueueFull:
      return drop(Drop::kQueueFull, channel, frames.front());
  }
}

void Delivery::to_engine(Channel channel, const Engine& engine, Frames frames, Time now) {
  if (!epoch_.empty() && engine.is_ours()) frames.insert(frames.begin(), epoch_);
  frames.insert(frames.begin(), engine.identity);
  if (is_batching_) return batch_.push_back({channel, engine.id, std::move(frames)});
  send_to_engine(channel, engine.id, std::move(frames), now);
}

void Delivery::send_to_engine(Channel channel, EngineId engine, Frames frames, Time now) {
  const Line line{engine, channel};
  const bool must_queue =
      (!waiting_.empty() && waiting_.contains(line)) || (!held_.empty() && held_.contains(engine));
  if (!must_queue && send(channel, frames) == SendResult::kSent) return;
  std::deque<Waiting>& waiting = waiting_[line];
  if (waiting.size() >= kMaxWaiting) return drop(Drop::kQueueFull, channel, frames.front());
  waiting.push_back({std::move(frames), now});
  if (!retry_at_) retry_at_ = now + kRetryEvery;
}

void Delivery::end_batch(Time now) {
  is_batching_ = false;
  for (Batched& message : batch_) {
    if (message.engine) {
      send_to_engine(message.channel, *message.engine, std::move(message.frames), now);
    } else {
      send_to_client(message.channel, message.frames);
    }
  }
  batch_.clear();
}

void Delivery::forget(EngineId engine) {
  held_.erase(engine);
  std::erase_if(batch_, [engine](const Batched& message) { return message.engine == engine; });
  std::erase_if(waiting_, [engine](const auto& item) { return item.first.first == engine; });
}

bool Delivery::advance(Line line, std::deque<Waiting>& waiting, Time now) {
  if (held_.contains(line.first)) return false;
  while (!waiting.empty()) {
    if (send(line.second, waiting.front().frames) != SendResult::kSent) {
      if (now - waiting.front().since < kPatience) return false;
      drop(Drop::kNoPeer, line.second, waiting.front().frames.front());
    }
    waiting.pop_front();
  }
  return true;
}

void Delivery::advance_clients(Time now) {
  std::erase_if(waiting_for_clients_, [this, now](WaitingForClient& waiting) {
    if (!waiting.since) waiting.since = now;
    if (send(waiting.channel, waiting.frames) == SendResult::kSent) return true;
    if (is_patient_ && now - *waiting.since < kPatience) return false;
    drop(Drop::kNoPeer, waiting.channel, waiting.frames.front());
    return true;
  });
}

void Delivery::on_time(Time now) {
  if (const auto due = next_deadline(); !due || now < *due) return;
  advance_clients(now);
  for (auto item = waiting_.begin(); item != waiting_.end();) {
    const bool is_done = advance(item->first, item->second, now);
    item = is_done ? waiting_.erase(item) : std::next(item);
  }
  retry_at_.reset();
  if (!waiting_.empty() || !waiting_for_clients_.empty()) retry_at_ = now + kRetryEvery;
}

std::optional<Time> Delivery::next_deadline() const {
  // What came to wait without a time is due at once.
  if (!retry_at_ && !waiting_for_clients_.empty()) return Time{};
  return retry_at_;
}

}  // namespace engineroom::controller
