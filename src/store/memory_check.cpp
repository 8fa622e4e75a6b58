// What must hold between the parts of a MemoryStore's state; for tests.
#include <cstdlib>

#include "store/memory_state.h"

namespace engineroom::store {

void MemoryStore::sanity_check() const {
  const State& state = *state_;
  const auto require = [](bool consistent) {
    if (!consistent) std::abort();  // not assert: it is for tests of release builds too
  };
  StoreStats counted = state.stats;
  counted.pending = counted.finished = counted.pending_bytes = counted.finished_bytes = 0;
  std::uint64_t unassigned = 0;
  for (Slot slot = state.all.front(); slot != kNone; slot = state.all.after(state.entries, slot)) {
    const Entry& entry = state.entries[slot];
    require(state.find(entry.text.msg_id()) == slot);
    ++(entry.finished ? counted.finished : counted.pending);
    (entry.finished ? counted.finished_bytes : counted.pending_bytes) += entry.bytes();
    const bool waits = !entry.finished && entry.engine == kNoEngine;
    if (waits && entry.queue == QueueKind::kTask) ++unassigned;
    require(!entry.sealed || entry.payload_bytes() == 0);
  }
  require(counted.pending == state.stats.pending);
  require(counted.finished == state.stats.finished);
  require(counted.pending_bytes == state.stats.pending_bytes);
  require(counted.finished_bytes == state.stats.finished_bytes);
  require(unassigned == state.unassigned);
  require(state.index.size() == state.all.size());
  require(state.finished.size() == counted.finished);
  require(counted.finished <= state.config.max_records);
  require(counted.finished_bytes <= state.config.max_bytes);

  bool sealed = true;
  for (Slot slot = state.finished.front(); slot != kNone;
       slot = state.finished.after(state.entries, slot)) {
    if (slot == state.first_unsealed) sealed = false;
    require(state.entries[slot].finished && state.entries[slot].sealed == sealed);
  }
}

}  // namespace engineroom::store
