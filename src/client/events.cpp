#include "client/events.h"

#include <utility>

namespace engineroom::client {

void EventQueue::enable_notices() {
  const std::lock_guard lock(mutex_);
  notices_enabled_ = true;
}

void EventQueue::push_notice(Event event) {
  {
    const std::lock_guard lock(mutex_);
    if (!notices_enabled_) return;
  }
  push(std::move(event));
}

void EventQueue::push(Event event) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  events_.push_back(std::move(event));
  changed_.notify_one();
}

void EventQueue::close() {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  closed_ = true;
  events_.emplace_back(SessionClosed{});
  changed_.notify_all();
}

std::optional<Event> EventQueue::next(std::optional<Time> deadline, const Interrupt& interrupt) {
  std::unique_lock lock(mutex_);
  wait_on(changed_, lock, deadline, interrupt, [this] { return closed_ || !events_.empty(); });
  if (events_.empty()) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace engineroom::client
