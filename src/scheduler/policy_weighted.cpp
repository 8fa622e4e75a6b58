// The less loaded of two, drawn with weights inverse to their load; an idle engine weighs a million
// times more than one with a task. Linear in the number of engines that have room, as it is in
// ipyparallel: the loads all change, so there is no table to keep.
#include "scheduler/policy_drawn.h"

namespace engineroom::scheduler {

namespace {

class WeightedPolicy : public DrawnPolicy {
 public:
  using DrawnPolicy::DrawnPolicy;

 private:
  static double weight(const Candidate& candidate) {
    return 1.0 / (1e-6 + static_cast<double>(candidate.tasks));
  }

  const Candidate& draw_weighted(const std::vector<Candidate>& candidates, double total) {
    double left = draw_fraction() * total;
    for (const Candidate& candidate : candidates) {
      left -= weight(candidate);
      if (left <= 0) return candidate;
    }
    return candidates.back();  // rounding
  }

  EngineSlot choose(const std::vector<Candidate>& candidates) override {
    double total = 0;
    for (const Candidate& candidate : candidates) total += weight(candidate);
    const Candidate& a = draw_weighted(candidates, total);
    const Candidate& b = draw_weighted(candidates, total);
    return b.tasks < a.tasks ? b.engine : a.engine;
  }
};

}  // namespace

std::unique_ptr<Policy> make_weighted_policy(std::uint64_t seed) {
  return std::make_unique<WeightedPolicy>(seed);
}

}  // namespace engineroom::scheduler
