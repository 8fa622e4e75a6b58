// Any engine that has room.
#include "scheduler/policy_drawn.h"

namespace engineroom::scheduler {

namespace {

class PlainRandomPolicy : public DrawnPolicy {
 public:
  using DrawnPolicy::DrawnPolicy;

 private:
  EngineSlot choose(const std::vector<Candidate>& candidates) override {
    return candidates[draw(candidates.size())].engine;
  }
};

}  // namespace

std::unique_ptr<Policy> make_plainrandom_policy(std::uint64_t seed) {
  return std::make_unique<PlainRandomPolicy>(seed);
}

}  // namespace engineroom::scheduler
