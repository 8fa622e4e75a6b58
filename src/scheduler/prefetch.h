// scheduler/prefetch.h — how many tasks an engine may hold when the limit is automatic.
//
// With one task at a time an engine idles for a network round trip between tasks: nothing for a
// task of a second, most of the time for one of 50 µs. With many, a task can wait behind a long one
// while other engines are idle. So the limit follows what the engine's recent tasks took: 1 at
// first; while the mean is below `short_task` it doubles with each reply, up to `max_prefetch`; a
// mean above it, or one task that took longer than `take_back_after` (what waiting behind it may
// cost), sets it back to 1.
//
// The time a task took is measured from when the engine could start it: when it was sent or, if the
// engine had others first, when it answered the one before.
#pragma once

#include <algorithm>

#include "base/clock.h"
#include "scheduler/scheduler.h"

namespace engineroom::scheduler {

class PrefetchLimit {
 public:
  int limit() const { return is_allowed_ ? limit_ : 1; }
  // The engine would not give a task back that waits behind a long one.
  void forbid() { is_allowed_ = false; }
  Duration mean() const { return mean_; }

  void observe(Duration took, const SchedulerConfig& config) {
    mean_ = is_first_ ? took : mean_ + (took - mean_) / 4;
    is_first_ = false;
    if (mean_ >= config.short_task || took >= std::max(config.take_back_after, config.short_task)) {
      limit_ = 1;
    } else {
      limit_ = std::clamp(limit_ * 2, 1, std::max(1, config.max_prefetch));
    }
  }

  // A task is taking long and has not even answered.
  void reset() { limit_ = 1; }

 private:
  Duration mean_{};  // exponential, a quarter of each new value
  int limit_ = 1;
  bool is_first_ = true;
  bool is_allowed_ = true;
};

}  // namespace engineroom::scheduler
