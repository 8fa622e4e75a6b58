#include "store/engine_tally.h"

#include <cassert>

namespace engineroom::store {

EngineNumber EngineTally::retain(std::string_view uuid) {
  if (uuid.empty()) return kNoEngine;
  EngineNumber engine = find(uuid);
  if (engine == kNoEngine) {
    if (free_.empty()) {
      free_.push_back(EngineNumber{static_cast<std::uint32_t>(entries_.size())});
      entries_.emplace_back();
    }
    engine = free_.back();
    free_.pop_back();
    at(engine).uuid = uuid;
    numbers_.emplace(uuid, engine);
  }
  ++at(engine).records;
  at(engine).forgotten = false;
  return engine;
}

void EngineTally::release(EngineNumber engine) {
  if (engine == kNoEngine) return;
  assert(at(engine).records > 0);
  --at(engine).records;
  free_if_unused(engine);
}

EngineNumber EngineTally::find(std::string_view uuid) const {
  const auto found = numbers_.find(uuid);
  return found == numbers_.end() ? kNoEngine : found->second;
}

std::string_view EngineTally::uuid(EngineNumber engine) const {
  return engine == kNoEngine ? std::string_view() : at(engine).uuid;
}

void EngineTally::forget(std::string_view uuid) {
  const EngineNumber engine = find(uuid);
  if (engine == kNoEngine) return;
  at(engine).forgotten = true;
  free_if_unused(engine);
}

void EngineTally::free_if_unused(EngineNumber engine) {
  Entry& entry = at(engine);
  if (!entry.forgotten || entry.records > 0) return;
  numbers_.erase(entry.uuid);
  entry = {};
  free_.push_back(engine);
}

}  // namespace engineroom::store
