#include "scheduler/policy_drawn.h"

#include <algorithm>

namespace engineroom::scheduler {

void DrawnPolicy::put(EngineSlot engine, EngineLoad load) {
  if (index(engine) >= positions_.size()) positions_.resize(index(engine) + 1, kAbsent);
  if (positions_[index(engine)] == kAbsent) {
    positions_[index(engine)] = static_cast<std::uint32_t>(pool_.size());
    pool_.push_back({engine, load.tasks});
  } else {
    pool_[positions_[index(engine)]].tasks = load.tasks;
  }
}

void DrawnPolicy::remove(EngineSlot engine) {
  if (!contains(engine)) return;
  const std::uint32_t position = positions_[index(engine)];
  pool_[position] = pool_.back();
  positions_[index(pool_[position].engine)] = position;
  pool_.pop_back();
  positions_[index(engine)] = kAbsent;
}

bool DrawnPolicy::contains(EngineSlot engine) const {
  return index(engine) < positions_.size() && positions_[index(engine)] != kAbsent;
}

std::optional<EngineSlot> DrawnPolicy::pick(std::span<const EngineSlot> excluded) {
  if (pool_.empty()) return std::nullopt;
  if (excluded.empty()) return choose(pool_);
  // Only tasks that failed somewhere come here: linear is good enough.
  candidates_.clear();
  for (const Candidate& candidate : pool_) {
    if (!std::binary_search(excluded.begin(), excluded.end(), candidate.engine)) {
      candidates_.push_back(candidate);
    }
  }
  if (candidates_.empty()) return std::nullopt;
  return choose(candidates_);
}

std::optional<EngineSlot> DrawnPolicy::pick_from(std::span<const EngineSlot> allowed) {
  candidates_.clear();
  for (EngineSlot engine : allowed) {
    if (contains(engine)) candidates_.push_back(pool_[positions_[index(engine)]]);
  }
  if (candidates_.empty()) return std::nullopt;
  return choose(candidates_);
}

}  // namespace engineroom::scheduler
