// Least recently used first, whatever its load.
#include "scheduler/policy_ranked.h"

namespace engineroom::scheduler {

namespace {

struct ByLastUse {
  std::uint64_t operator()(const EngineLoad& load) const { return load.last_used; }
};

}  // namespace

std::unique_ptr<Policy> make_lru_policy() { return std::make_unique<RankedPolicy<ByLastUse>>(); }

}  // namespace engineroom::scheduler
