// controller/task_draft.h — a load-balanced request's metadata in the scheduler's terms, and its refusals in users'.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "controller/core.h"
#include "scheduler/task.h"

namespace engineroom::controller {

using scheduler::TaskId;

struct TaskDraft {
  scheduler::TaskOptions options;
  // It depends on a task that was never submitted.
  bool unknown_dependency = false;
  std::string label;
};

// {"after":…, "follow":…, "timeout":…, "targets":[uuid…], "retries":…, "label":…}, each optional. A dependency is an
// id, a list of ids, or {"dependencies":[…], "all":…, "success":…, "failure":…}. Values that make no sense
// count as absent. `find_task` gives the task of a message id.
TaskDraft read_task_draft(
    Core& core, const wire::Message& request,
    const std::function<std::optional<TaskId>(std::string_view)>& find_task);

// The reply to a task that the scheduler refused: an error that names its exception class, or "aborted". Without
// identities and not signed yet.
wire::Message rejection(MessageMaker& messages, const Bytes& request_header,
                        std::string_view request_type, std::string_view msg_id,
                        scheduler::Failure why, std::string_view engine_uuid);

}  // namespace engineroom::controller
