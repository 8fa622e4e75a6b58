// scheduler/effects.h — what the scheduler wants done: data, not calls, so that tests compare
// lists.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "scheduler/task.h"

namespace engineroom::scheduler {

// Send the task's request to this engine.
struct Send {
  TaskId task;
  EngineId engine;
  friend bool operator==(const Send&, const Send&) = default;
};

// The engine's reply is final: pass it to the client.
struct Deliver {
  TaskId task;
  friend bool operator==(const Deliver&, const Deliver&) = default;
};

// Answer the client with an error; no engine's reply exists.
struct Reject {
  TaskId task;
  Failure why;
  // The engine that died (kEngineDied), else no value.
  std::optional<EngineId> engine = {};
  // The input that failed (kInputFailed), else no value.
  std::optional<TaskId> input = {};
  friend bool operator==(const Reject&, const Reject&) = default;
};

// The reply that just came is dropped: the task will run again.
struct Retry {
  TaskId task;
  EngineId engine;  // where it failed
  friend bool operator==(const Retry&, const Retry&) = default;
};

// Ask this engine to give back a task it has queued but not started (it answers with status
// "aborted", which comes back as on_task_returned).
struct TakeBack {
  TaskId task;
  EngineId engine;
  friend bool operator==(const TakeBack&, const TakeBack&) = default;
};

using Effect = std::variant<Send, Deliver, Reject, Retry, TakeBack>;
using Effects = std::vector<Effect>;

}  // namespace engineroom::scheduler
