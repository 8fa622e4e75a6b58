// client/blocking.h — waiting on a condition variable with a deadline, in a way that a person can
// interrupt.
//
// A thread that waits in native code does not notice Ctrl-C: Python only records the signal. So a
// wait may be given an Interrupt, a function called every kInterruptSlice without any lock held;
// the wait ends when it returns true. Threads that cannot be interrupted pass none and are never
// woken for nothing.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

#include "base/clock.h"

namespace engineroom::client {

using Interrupt = std::function<bool()>;
inline constexpr std::chrono::milliseconds kInterruptSlice{50};

enum class WaitResult { kReady, kTimeout, kInterrupted };

// When a wait of so many seconds ends; nullopt, for ever, if it is negative or absurdly long.
inline std::optional<Time> deadline_after(double timeout_s) {
  constexpr double kAbsurd = 1e9;  // 31 years
  if (!(timeout_s >= 0) || timeout_s > kAbsurd) return std::nullopt;
  return Clock::now() + from_seconds(timeout_s);
}

// Waits until ready(), which is called with the lock held.
template <typename Ready>
WaitResult wait_on(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                   std::optional<Time> deadline, const Interrupt& interrupt, Ready ready) {
  while (!ready()) {
    const Time now = Clock::now();
    if (deadline && now >= *deadline) return WaitResult::kTimeout;
    if (!interrupt) {
      if (deadline) {
        changed.wait_until(lock, *deadline);
      } else {
        changed.wait(lock);
      }
      continue;
    }
    const Time slice_end = now + kInterruptSlice;
    const Time until = deadline ? std::min(*deadline, slice_end) : slice_end;
    if (changed.wait_until(lock, until) != std::cv_status::timeout || ready()) continue;
    lock.unlock();
    const bool stop = interrupt();
    lock.lock();
    if (stop) return WaitResult::kInterrupted;
  }
  return WaitResult::kReady;
}

}  // namespace engineroom::client
