// controller/memory.h — how the process uses the heap: fast while it works, small when it rests.
//
// A 100 MiB argument is received into fresh memory, passed on and freed. glibc would take such
// blocks from the system and give them back each time, and the page faults cost more than moving
// the bytes (measured, per 100 MiB in and out: 160 ms of CPU, 63 ms when the memory is kept). So
// blocks of all sizes come from one heap, which keeps what is freed; when nothing has happened for
// a moment, all of it that is free goes back to the system.
//
// One heap for both threads costs nothing measurable: small blocks come from caches per thread.
#pragma once

#include "base/clock.h"

namespace engineroom::controller {

// Call first thing in main().
void set_up_memory();

// Notes that work was done, and gives free memory back once none was for a second. Threads: one.
class MemoryTrimmer {
 public:
  static constexpr Duration kRest = std::chrono::seconds(1);

  void on_work(Time now) {
    last_work_ = now;
    has_worked_ = true;
  }
  // To be called now and then, most of all when idle.
  void on_time(Time now);

 private:
  Time last_work_{};
  bool has_worked_ = false;
};

}  // namespace engineroom::controller
