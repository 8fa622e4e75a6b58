// controller/memory.h — how the process uses the heap: fast while it works, small when it rests.
//
// A 100 MiB argument is received into fresh memory, passed on and freed. glibc would take such
// blocks from the system and give them back each time, and the page faults cost more than moving
// the bytes (measured, per 100 MiB in and out: 160 ms of CPU, 63 ms when the memory is kept). So
// blocks of all sizes come from one heap, which keeps what is freed; when nothing has happened for
// a moment, all of it that is free goes back to the system. (A batch of 2,000 empty tasks leaves
// 8 MiB, to be used by the next one.)
//
// One heap for both threads costs nothing measurable: small blocks come from caches per thread.
#pragma once

#include <optional>

#include "base/clock.h"

namespace engineroom::controller {

// Call first thing in main().
void set_up_memory();

// Notes that work was done, and gives free memory back once none was for a while. Threads: one.
class MemoryTrimmer {
 public:
  static constexpr Duration kRest = std::chrono::milliseconds(500);

  void on_work(Time now) {
    last_work_ = now;
    has_worked_ = true;
  }
  // To be called at next_deadline() or later.
  void on_time(Time now);
  std::optional<Time> next_deadline() const {
    return has_worked_ ? std::optional(last_work_ + kRest) : std::nullopt;
  }

 private:
  Time last_work_{};
  bool has_worked_ = false;
};

}  // namespace engineroom::controller
