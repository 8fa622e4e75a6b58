// client/releases.h — results that engines still keep, and nobody here holds any more.
//
// Engines keep what tasks return, as it may be an argument of later ones. They forget old results
// by themselves, but large ones are worth saying: the last holder of a task (its destructor, on
// whichever thread) notes it here, and the session's I/O thread tells the engines.
//
// Threads: any.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace engineroom::client {

class Releases {
 public:
  using ByEngine = std::map<std::string, std::vector<std::string>>;  // uuid → msg_ids

  // `ring` is called when there is something to take.
  explicit Releases(std::function<void()> ring) : ring_(std::move(ring)) {}

  void add(std::string engine_uuid, std::string msg_id) {
    const std::lock_guard lock(mutex_);
    if (!ring_) return;
    by_engine_[std::move(engine_uuid)].push_back(std::move(msg_id));
    if (!has_some_.exchange(true)) ring_();
  }
  ByEngine take() {
    if (!has_some_.load(std::memory_order_relaxed)) return {};
    const std::lock_guard lock(mutex_);
    has_some_ = false;
    return std::exchange(by_engine_, {});
  }
  // The session is closed: there is nobody to tell.
  void close() {
    const std::lock_guard lock(mutex_);
    ring_ = nullptr;
    by_engine_.clear();
  }

 private:
  std::mutex mutex_;
  std::function<void()> ring_;  // guarded by mutex_; null once closed
  ByEngine by_engine_;          // guarded by mutex_
  std::atomic<bool> has_some_{false};
};

}  // namespace engineroom::client
