// scheduler/policy_drawn.h — policies that draw lots: plainrandom, twobin and weighted.
//
// The pool is an array, so that drawing one engine is O(1). A derived class says how to choose from
// an array of candidates.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "scheduler/policy.h"

namespace engineroom::scheduler {

class DrawnPolicy : public Policy {
 public:
  explicit DrawnPolicy(std::uint64_t seed) : random_(seed) {}

  void put(EngineSlot engine, EngineLoad load) override;
  void remove(EngineSlot engine) override;
  bool contains(EngineSlot engine) const override;
  std::size_t size() const override { return pool_.size(); }
  std::optional<EngineSlot> pick(std::span<const EngineSlot> excluded) override;
  std::optional<EngineSlot> pick_from(std::span<const EngineSlot> allowed) override;

 protected:
  struct Candidate {
    EngineSlot engine;
    std::size_t tasks;
  };

  // REQUIRES: at least one candidate.
  virtual EngineSlot choose(const std::vector<Candidate>& candidates) = 0;

  // 0 … n-1. (Not std::uniform_int_distribution, whose results differ between standard libraries.)
  std::size_t draw(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  // 0 … 1
  double draw_fraction() { return static_cast<double>(random_() >> 11) * 0x1.0p-53; }

 private:
  static constexpr std::uint32_t kAbsent = UINT32_MAX;

  std::mt19937_64 random_;
  std::vector<Candidate> pool_;
  std::vector<std::uint32_t> positions_;  // by engine
  std::vector<Candidate> candidates_;     // only within a pick
};

}  // namespace engineroom::scheduler
