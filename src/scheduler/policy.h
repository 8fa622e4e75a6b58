// scheduler/policy.h — which of the engines that have room gets a task.
//
// A policy keeps the pool of engines that may be picked, in whatever order makes its choice cheap.
// The scheduler puts an engine in when it has room, again when its load changes, and takes it out
// when it is full or lost. An engine that has room and is allowed a task is never passed over: the
// policy only says which. The names and rules are ipyparallel's (`TaskScheduler.scheme_name`).
//
//   leastload    the fewest tasks; among equals the one that has waited longest for one (default)
//   lru          the one that has waited longest for a task
//   plainrandom  any
//   twobin       the less loaded of two drawn at random
//   weighted     the less loaded of two drawn with weights inverse to their load
//
// To add one: a file policy_<name>.cpp, a PolicyKind, a line in make_policy and one in
// parse_policy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "scheduler/scheduler.h"
#include "scheduler/slots.h"

namespace engineroom::scheduler {

struct EngineLoad {
  std::size_t tasks = 0;        // sent and not answered
  std::uint64_t last_used = 0;  // counts up with every task sent or engine joined
};

class Policy {
 public:
  virtual ~Policy() = default;

  // Puts the engine into the pool, or notes its new load.
  virtual void put(EngineSlot engine, EngineLoad load) = 0;
  // Does nothing if it is not in the pool.
  virtual void remove(EngineSlot engine) = 0;
  virtual bool contains(EngineSlot engine) const = 0;
  virtual std::size_t size() const = 0;

  // From the whole pool but `excluded` (sorted). Fast if few are excluded.
  virtual std::optional<EngineSlot> pick(std::span<const EngineSlot> excluded) = 0;
  // From those of `allowed` that are in the pool. Linear in `allowed`.
  virtual std::optional<EngineSlot> pick_from(std::span<const EngineSlot> allowed) = 0;
};

std::unique_ptr<Policy> make_policy(PolicyKind kind, std::uint64_t seed);

// One function per kind, each in its own file.
std::unique_ptr<Policy> make_leastload_policy();
std::unique_ptr<Policy> make_lru_policy();
std::unique_ptr<Policy> make_plainrandom_policy(std::uint64_t seed);
std::unique_ptr<Policy> make_twobin_policy(std::uint64_t seed);
std::unique_ptr<Policy> make_weighted_policy(std::uint64_t seed);

}  // namespace engineroom::scheduler
