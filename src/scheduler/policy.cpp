#include "scheduler/policy.h"

#include <cassert>

namespace engineroom::scheduler {

std::optional<PolicyKind> parse_policy(std::string_view name) {
  // "pure" means a ZeroMQ DEALER without a scheduler in ipyparallel: the least surprising stand-in
  // is the default.
  if (name == "leastload" || name == "pure") return PolicyKind::kLeastLoad;
  if (name == "lru") return PolicyKind::kLru;
  if (name == "plainrandom") return PolicyKind::kPlainRandom;
  if (name == "twobin") return PolicyKind::kTwoBin;
  if (name == "weighted") return PolicyKind::kWeighted;
  return std::nullopt;
}

std::unique_ptr<Policy> make_policy(PolicyKind kind, std::uint64_t seed) {
  switch (kind) {
    case PolicyKind::kLeastLoad:
      return make_leastload_policy();
    case PolicyKind::kLru:
      return make_lru_policy();
    case PolicyKind::kPlainRandom:
      return make_plainrandom_policy(seed);
    case PolicyKind::kTwoBin:
      return make_twobin_policy(seed);
    case PolicyKind::kWeighted:
      return make_weighted_policy(seed);
  }
  assert(false);
  return make_leastload_policy();
}

}  // namespace engineroom::scheduler
