// scheduler/policy_ranked.h — policies that take the first engine of an order: leastload and lru.
//
// `Rank` maps an EngineLoad to a comparable key; the smallest is picked. O(log engines).
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "scheduler/indexed_heap.h"
#include "scheduler/policy.h"

namespace engineroom::scheduler {

template <typename Rank>
class RankedPolicy : public Policy {
 public:
  void put(EngineSlot engine, EngineLoad load) override { pool_.put(engine, Rank{}(load)); }
  void remove(EngineSlot engine) override { pool_.erase(engine); }
  bool contains(EngineSlot engine) const override { return pool_.contains(engine); }
  std::size_t size() const override { return pool_.size(); }

  std::optional<EngineSlot> pick(std::span<const EngineSlot> excluded) override {
    // Lifts the excluded engines that come first out of the way, and puts them back.
    std::optional<EngineSlot> picked;
    while (!picked && !pool_.empty()) {
      const EngineSlot first = pool_.top().item;
      if (std::binary_search(excluded.begin(), excluded.end(), first)) {
        lifted_.push_back(pool_.pop());
      } else {
        picked = first;
      }
    }
    for (const auto& entry : lifted_) pool_.put(entry.item, entry.key);
    lifted_.clear();
    return picked;
  }

  std::optional<EngineSlot> pick_from(std::span<const EngineSlot> allowed) override {
    std::optional<EngineSlot> best;
    for (EngineSlot engine : allowed) {
      if (!pool_.contains(engine)) continue;
      if (!best || pool_.key_of(engine) < pool_.key_of(*best)) best = engine;
    }
    return best;
  }

 private:
  using Key = decltype(Rank{}(EngineLoad{}));
  using Pool = IndexedHeap<EngineSlot, Key>;

  Pool pool_;
  std::vector<typename Pool::Entry> lifted_;  // only within pick()
};

}  // namespace engineroom::scheduler
