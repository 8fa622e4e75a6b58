// The fewest tasks first. Equal engines take turns: the one used longest ago comes first, so that a
// slow trickle of tasks does not always meet the same engine.
#include <utility>

#include "scheduler/policy_ranked.h"

namespace engineroom::scheduler {

namespace {

struct ByLoad {
  std::pair<std::size_t, std::uint64_t> operator()(const EngineLoad& load) const {
    return {load.tasks, load.last_used};
  }
};

}  // namespace

std::unique_ptr<Policy> make_leastload_policy() { return std::make_unique<RankedPolicy<ByLoad>>(); }

}  // namespace engineroom::scheduler
