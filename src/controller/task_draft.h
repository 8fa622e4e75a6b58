// controller/task_draft.h — a load-balanced request's metadata in the scheduler's terms, and its
// refusals in users'.
#pragma once

#include <string>
#include <string_view>

#include "controller/core.h"
#include "scheduler/scheduler.h"

namespace engineroom::controller {

using scheduler::TaskId;

struct TaskDraft {
  scheduler::TaskOptions options;
  // It depends on a task that was never submitted.
  bool unknown_dependency = false;
  std::string label;
};

// The scheduler's name for the task of this message id: its hash.
TaskId task_id(std::string_view msg_id);

// {"after":…, "follow":…, "timeout":…, "targets":[uuid…], "retries":…, "label":…}, each optional. A
// dependency is an id, a list of ids, or {"dependencies":[…], "all":…, "success":…, "failure":…}.
// Values that make no sense count as absent.
TaskDraft read_task_draft(Core& core, const wire::Message& request,
                          const scheduler::Scheduler& scheduler);

// Takes dependencies out that the scheduler has forgotten, or never knew since the controller was
// started again: a task that is resubmitted ran after them once.
void drop_forgotten(const scheduler::Scheduler& scheduler, TaskDraft& draft);

// The reply to a task that the scheduler refused: an error that names its exception class, or
// "aborted". Without identities and not signed yet.
wire::Message rejection(MessageMaker& messages, const Bytes& request_header,
                        std::string_view request_type, std::string_view msg_id,
                        scheduler::Failure why, std::string_view engine_uuid);

}  // namespace engineroom::controller
