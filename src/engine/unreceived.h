// engine/unreceived.h — the replies that the controller has not said it received: it may be killed
// and started anew, and what was on the way to it then is sent again.
//
// Kept only for a controller that keeps a journal, which says so and sends receipts; they come in
// the order of the replies, nearly, so each is found at the front.
//
// Belongs to the I/O thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "engine/request.h"

namespace engineroom::engine {

class Unreceived {
 public:
  struct Entry {
    std::string msg_id;  // of the request
    Channel channel;
    Frames frames;
  };

  // Beyond, the oldest go: then the controller sends no receipts.
  explicit Unreceived(std::size_t max = 100'000) : max_(max) {}

  void add(std::string msg_id, Channel channel, Frames frames) {
    entries_.push_back({std::move(msg_id), channel, std::move(frames)});
    if (entries_.size() > max_) entries_.pop_front();
  }

  // One of this id, the oldest: a task that was given back may have come again.
  void received(std::string_view msg_id) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [msg_id](const Entry& entry) {
      return entry.msg_id == msg_id;
    });
    if (found != entries_.end()) entries_.erase(found);
  }

  void clear() { entries_.clear(); }
  const std::deque<Entry>& all() const { return entries_; }

 private:
  const std::size_t max_;
  std::deque<Entry> entries_;
};

}  // namespace engineroom::engine
