#include "controller/memory.h"

#include <malloc.h>

namespace engineroom::controller {

void set_up_memory() {
  mallopt(M_ARENA_MAX, 1);
  // No block of its own mapping for large sizes …
  mallopt(M_MMAP_MAX, 0);
  // … and free memory at the end of the heap is kept up to this.
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
}

void MemoryTrimmer::on_time(Time now) {
  if (!has_worked_ || now - last_work_ < kRest) return;
  has_worked_ = false;
  malloc_trim(0);
}

}  // namespace engineroom::controller
