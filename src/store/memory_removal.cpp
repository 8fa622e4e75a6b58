// Records go: what is too much, and what is purged.
#include <cassert>
#include <string>
#include <utility>

#include "store/memory_state.h"

namespace engineroom::store {
namespace {

// A full store makes room for one part in this many.
constexpr std::size_t kCullPart = 64;

}  // namespace

// REQUIRES: finished
void MemoryStore::State::remove(Slot slot) {
  Entry& entry = entries[slot];
  assert(entry.finished);
  --stats.finished;
  stats.finished_bytes -= entry.bytes();
  if (slot == first_unsealed) first_unsealed = finished.after(entries, slot);
  if (slot == first_untaken) first_untaken = all.after(entries, slot);
  finished.remove(entries, slot);
  all.remove(entries, slot);
  index.erase(entry.hash, slot);
  engines.release(entry.engine);
  entries.remove(slot);
}

// ---- what is too much ------------------------------------------------------------------------

// Drops what can be large of a finished record.
void MemoryStore::State::seal(Slot slot) {
  Entry& entry = entries[slot];
  const std::size_t before = entry.bytes();
  entry.payload_dropped |= entry.text.has_payload() || entry.payload_bytes() > 0;
  entry.sealed = true;
  entry.text.drop_payload();
  if (entry.extra) {
    std::string resubmitted = std::move(entry.extra->resubmitted);
    entry.extra.reset();
    if (!resubmitted.empty()) entry.extras().resubmitted = std::move(resubmitted);
  }
  stats.finished_bytes -= before - entry.bytes();
}

template <typename IsEnough>
void MemoryStore::State::cull_until(IsEnough is_enough) {
  while (finished.size() > 0 && !is_enough()) {
    remove(finished.front());
    ++stats.culled;
  }
}

// Keeps the finished records within the limits. Each time a few more than needed go: whoever pages
// through its results then loses them in steps, not one per new task. (In ipyparallel a tenth goes;
// here that was a saw of 1.8 MiB in the memory of a process that is to be flat.)
void MemoryStore::State::trim() {
  if (stats.finished > config.max_records) {
    cull_until(
        [this] { return stats.finished <= config.max_records - config.max_records / kCullPart; });
  }
  if (stats.finished_bytes <= config.max_bytes) return;
  const std::size_t goal = config.max_bytes - config.max_bytes / kCullPart;
  while (stats.finished_bytes > goal && first_unsealed != kNone) {
    seal(first_unsealed);
    first_unsealed = finished.after(entries, first_unsealed);
  }
  cull_until([this, goal] { return stats.finished_bytes <= goal; });
}

// ---- purging ---------------------------------------------------------------------------------

template <typename Matches>
void MemoryStore::State::purge_if(Matches matches) {
  for (Slot slot = finished.front(); slot != kNone;) {
    const Slot next = finished.after(entries, slot);
    if (matches(entries[slot])) remove(slot);
    slot = next;
  }
}

Status MemoryStore::purge(std::span<const std::string> msg_ids) {
  for (const std::string& msg_id : msg_ids) {
    if (is_pending(msg_id)) return {ErrorCode::kInvalidArgument, "msg pending: '" + msg_id + "'"};
  }
  for (const std::string& msg_id : msg_ids) {
    const Slot slot = state_->find(msg_id);
    if (slot != kNone) state_->remove(slot);
  }
  return {};
}

void MemoryStore::purge_engine(std::string_view engine_uuid) {
  const EngineNumber engine = state_->engines.find(engine_uuid);
  if (engine == kNoEngine) return;
  state_->purge_if([engine](const Entry& entry) { return entry.engine == engine; });
}

void MemoryStore::purge_all() {
  state_->purge_if([](const Entry&) { return true; });
}

}  // namespace engineroom::store
