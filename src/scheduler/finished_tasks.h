// scheduler/finished_tasks.h — how finished tasks ended: what later dependencies may ask.
//
// The stock scheduler remembers every task for ever. Here the number is bounded and the oldest are
// forgotten first; a dependency on a forgotten task is answered like one on a task never seen.
// 48 bytes each, in a ring with a map beside it: 3 MiB when full.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "scheduler/id_map.h"
#include "scheduler/task.h"

namespace engineroom::scheduler {

struct Outcome {
  bool ok = false;
  std::optional<EngineId> engine = {};  // where it ran; no value if no engine answered
  // The size of its result: the number of bits of its number of bytes.
  std::uint8_t size_bits = 0;

  // Which is exact enough to say where most of a task's inputs are.
  std::uint64_t bytes() const { return std::uint64_t{1} << std::min<std::uint8_t>(size_bits, 40); }
  static std::uint8_t bits_of(std::uint64_t bytes) {
    return static_cast<std::uint8_t>(std::bit_width(bytes));
  }
};

class FinishedTasks {
 public:
  explicit FinishedTasks(std::size_t max) : max_(max) {}

  std::size_t size() const { return ids_.size(); }

  // REQUIRES: the id is not remembered.
  void remember(TaskId id, const Outcome& outcome) {
    if (max_ == 0) return;
    const Entry entry{id, outcome.engine.value_or(EngineId{}), outcome.ok,
                      outcome.engine.has_value(), outcome.size_bits};
    if (ring_.size() < max_) {
      ids_.insert(static_cast<std::uint64_t>(id), static_cast<std::uint32_t>(ring_.size()));
      ring_.push_back(entry);
      return;
    }
    ids_.erase(static_cast<std::uint64_t>(ring_[oldest_].id));
    ids_.insert(static_cast<std::uint64_t>(id), static_cast<std::uint32_t>(oldest_));
    ring_[oldest_] = entry;
    oldest_ = oldest_ + 1 == max_ ? 0 : oldest_ + 1;
  }

  std::optional<Outcome> find(TaskId id) const {
    const std::optional<std::uint32_t> at = ids_.find(static_cast<std::uint64_t>(id));
    if (!at) return std::nullopt;
    return ring_[*at].outcome();
  }

 private:
  // 16 bytes: an Outcome takes twelve for what fits into eight.
  struct Entry {
    TaskId id;
    EngineId engine;
    bool ok;
    bool has_engine;
    std::uint8_t size_bits;
    Outcome outcome() const {
      return {.ok = ok,
              .engine = has_engine ? std::optional(engine) : std::nullopt,
              .size_bits = size_bits};
    }
  };

  std::size_t max_;
  std::vector<Entry> ring_;  // grows to max_, then oldest_ is overwritten
  std::size_t oldest_ = 0;
  IdMap ids_;
};

}  // namespace engineroom::scheduler
