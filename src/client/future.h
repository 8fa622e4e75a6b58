// client/future.h — what is behind the public Future: the tasks it stands for.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "client/task.h"
#include "engineroom/client.h"

namespace engineroom::detail {

// Constant once made, so that copies may be used by several threads.
struct FutureState {
  std::vector<client::TaskPtr> tasks;
  // Of an execute(): the engines of the tasks, and that their output is waited for.
  std::vector<int> engines = {};
  // Why there are no tasks, if that is an error.
  Status failure = {};

  client::Task::Until until() const {
    return engines.empty() ? client::Task::Until::kReplied : client::Task::Until::kOutputDone;
  }
};

// What went wrong with a task that is done; nullopt if nothing did.
std::optional<RemoteError> error_of(const client::Task& task);

}  // namespace engineroom::detail
