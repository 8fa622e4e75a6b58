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
  // How often it may be run again elsewhere after a failure. 0 = never.
  int retries = 0;
  // Time after submission by which its dependencies must be met; zero = no limit.
  Duration timeout{};
  Dependency follow;  // run on an engine that ran these
  Dependency after;   // run after these
};

// How a task ended when no engine's reply did.
enum class Failure {
  kInvalidDependency,     // names a task this scheduler never saw
  kImpossibleDependency,  // can never be met
  kTimeout,               // dependencies not met in time
  kEngineDied,            // the engine running it went away and no retries are left
  kNoEngineLeft,  // every engine it may run on refused or failed it, or its targets are gone
  kAborted,       // aborted before it was sent
  kQueueFull,     // the scheduler's own limit
};

}  // namespace engineroom::scheduler
