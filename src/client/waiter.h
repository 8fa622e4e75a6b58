// client/waiter.h — a thread that waits for tasks: for all, for any, or for the first that fails.
//
// The waiting thread is woken once, when its condition holds, not once per task: with thousands of
// replies coming in, every wake-up would take the processor from the thread that reads them.
#pragma once

#include <optional>
#include <span>

#include "client/blocking.h"
#include "client/io_loop.h"
#include "client/task.h"

namespace engineroom::client {

enum class WaitMode {
  kAll,
  kAny,         // one is enough; holds at once for no tasks
  kFirstError,  // all, or one that did not end well
};

// `until` is kReplied or kOutputDone. With a `loop`, the waiting thread may read from the network
// itself (see IoLoop::lead). Complexity: linear in the tasks, twice.
WaitResult wait_for_tasks(std::span<const TaskPtr> tasks, std::optional<Time> deadline,
                          WaitMode mode, Task::Until until, const Interrupt& interrupt,
                          IoLoop* loop = nullptr);

}  // namespace engineroom::client
