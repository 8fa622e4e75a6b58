#include "transport/poller.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <sched.h>

namespace engineroom::transport {

Poller::Poller(std::vector<Socket*> sockets, int wake_fd)
    : sockets_(std::move(sockets)), ready_(sockets_.size()), monitor_ready_(sockets_.size()) {
  for (Socket* socket : sockets_) items_.push_back({socket->fd(), POLLIN, 0});
  // Descriptors of -1 are ignored by poll().
  for (Socket* socket : sockets_) items_.push_back({socket->monitor_fd(), POLLIN, 0});
  items_.push_back({wake_fd, POLLIN, 0});
}

bool Poller::must_look() {
  bool found = false;
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    ready_[i] = sockets_[i]->may_have_more() && sockets_[i]->readable();
    monitor_ready_[i] = sockets_[i]->may_have_more_events();
    found = found || ready_[i] || monitor_ready_[i];
  }
  return found;
}

void Poller::sleep(int timeout_ms) { poll(timeout_ms); }

void Poller::sleep(int timeout_ms, Duration spin) {
  if (timeout_ms >= 0) spin = std::min<Duration>(spin, std::chrono::milliseconds(timeout_ms));
  const Time end = Clock::now() + spin;
  while (Clock::now() < end) {
    if (poll(0)) return;
    // Who is to answer may need this core.
    ::sched_yield();
  }
  poll(timeout_ms);
}

bool Poller::poll(int timeout_ms) {
  const int n = ::poll(items_.data(), static_cast<nfds_t>(items_.size()), timeout_ms);
  if (n > 0) {
    note_events();
  } else {
    items_.back().revents = 0;  // an interrupted call may leave anything there
  }
  return n > 0;
}

void Poller::sleep_on_wake_fd(int timeout_ms) { ::poll(&items_.back(), 1, timeout_ms); }

void Poller::note_events() {
  const std::size_t n = sockets_.size();
  for (std::size_t i = 0; i < n; ++i) {
    if (items_[i].revents != 0) ready_[i] = true;
    if (items_[n + i].revents != 0) monitor_ready_[i] = true;
  }
}

}  // namespace engineroom::transport
