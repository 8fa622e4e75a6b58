// scheduler/task.h — what the load-balanced scheduler knows of a task and of an engine: ids,
// options, states.
//
// Message ids and engine uuids are strings on the wire; the controller maps them to the small
// distinct types below, so that the scheduler compares integers and a TaskId can never be passed
// for an EngineId.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "scheduler/resources.h"

namespace engineroom::scheduler {

enum class TaskId : std::uint64_t {};
// The integer id that users see (0, 1, …); never reused while the controller lives.
enum class EngineId : std::int32_t {};

// A set of earlier tasks and what must have become of them (ipyparallel's Dependency).
struct Dependency {
  std::vector<TaskId> tasks;
  bool all = true;       // all of them, or any one
  bool success = true;   // a successful task satisfies it
  bool failure = false;  // a failed task satisfies it
  bool empty() const { return tasks.empty(); }
};

struct TaskOptions {
  // Engines that may run it; empty = any. Order has no meaning.
  std::vector<EngineId> targets;
  // Higher ones go first; from -1000 to 1000.
  int priority = 0;
  // Clients share the engines: within a priority they take turns.
  std::uint64_t client = 0;
  // Only an engine that offers as much may run it, and nothing else has that until it ends.
  Amounts resources;
  // How often it may be run again elsewhere after a failure. 0 = never.
  int retries = 0;
  // Time after submission by which its dependencies must be met, and for which it waits for an
  // engine that offers its resources; zero = no limit for the former, and no such patience.
  Duration timeout{};
  Dependency follow;  // run on an engine that ran these
  Dependency after;   // run after these
  // Tasks whose results it is given. It runs after all of them have succeeded, if it can be on the
  // engine that holds most of what they gave.
  std::vector<TaskId> inputs;
};

// How a task ended when no engine's reply did.
enum class Failure {
  kInvalidDependency,     // names a task this scheduler never saw
  kImpossibleDependency,  // can never be met
  kNoSuchResources,       // there are engines, but none offers what it demands
  kInputFailed,           // one of its inputs did not succeed
  kTimeout,               // dependencies not met in time, or no engine came that offers enough
  kEngineDied,            // the engine running it went away and no retries are left
  kNoEngineLeft,  // every engine it may run on refused or failed it, or its targets are gone
  kAborted,       // aborted before it was sent
  kQueueFull,     // the scheduler's own limit
};

}  // namespace engineroom::scheduler
