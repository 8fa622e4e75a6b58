// engine/wake_up.h — an eventfd: one thread waits for it in poll(), another makes it readable.
#pragma once

#include <csignal>

namespace engineroom::engine {

class WakeUp {
 public:
  WakeUp();
  ~WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  // From any thread, and from signal handlers.
  void notify() const;
  // Makes it unreadable until the next notify().
  void clear() const;
  // Waits for notify(), the time-out (milliseconds, -1 = none) or a signal. With `mask`, those are
  // the signals blocked during the wait: who blocks signals before and lets them in here misses
  // none.
  void wait(int timeout_ms, const sigset_t* mask = nullptr) const;
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace engineroom::engine
