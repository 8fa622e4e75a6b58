// The less loaded of two drawn at random: nearly as even as leastload, and no two schedulers would
// pick the same engine at once.
#include "scheduler/policy_drawn.h"

namespace engineroom::scheduler {

namespace {

class TwoBinPolicy : public DrawnPolicy {
 public:
  using DrawnPolicy::DrawnPolicy;

 private:
  EngineSlot choose(const std::vector<Candidate>& candidates) override {
    const Candidate& a = candidates[draw(candidates.size())];
    const Candidate& b = candidates[draw(candidates.size())];
    return b.tasks < a.tasks ? b.engine : a.engine;
  }
};

}  // namespace

std::unique_ptr<Policy> make_twobin_policy(std::uint64_t seed) {
  return std::make_unique<TwoBinPolicy>(seed);
}

}  // namespace engineroom::scheduler
