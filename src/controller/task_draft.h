// controller/task_draft.h — a load-balanced request's metadata in the scheduler's terms, and its
// refusals in users'.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controller/core.h"
#include "scheduler/scheduler.h"

namespace engineroom::controller {

using scheduler::TaskId;

// A task whose result another one is given.
struct Input {
  std::string msg_id;
  // Where the client knows it to be: of direct requests, which the scheduler knows nothing of.
  std::string engine_uuid;
};

struct TaskDraft {
  scheduler::TaskOptions options;
  std::vector<Input> inputs;
  // What it demands is not to be understood.
  bool has_bad_resources = false;
  // It depends on a task that was never submitted.
  bool unknown_dependency = false;
  std::string label;
};

// The scheduler's name for the task of this message id: its hash.
TaskId task_id(std::string_view msg_id);

// {"after":…, "follow":…, "timeout":…, "targets":[uuid…], "retries":…, "priority":…,
// "resources":{name:amount…}, "label":…, "inputs":[{"id":…, "engine":uuid}…]}, each optional. A
// dependency is an id, a list of ids, or
// {"dependencies":[…], "all":…, "success":…, "failure":…}. Values that make no sense count as
// absent.
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
// The same for a task that demands what no engine offers, or perhaps was not started in time
// because of that.
wire::Message no_such_resources(Core& core, const wire::Message& request,
                                std::string_view request_type, std::string_view msg_id,
                                scheduler::Failure why);
// The reply to a task whose input failed, with `failure` as the content of its reply.
wire::Message input_failed(Core& core, const Bytes& request_header, std::string_view request_type,
                           std::string_view input, std::string_view failure);

// The engine that has the result; null if none does that is still there.
const Engine* holder_of(const Input& input, const scheduler::Scheduler& scheduler,
                        const Registry& registry);
// What a request says of its inputs when it is sent to an engine: where they are (see
// docs/formats/extensions.md).
std::string holders_json(const std::vector<Input>& inputs, const scheduler::Scheduler& scheduler,
                         const Registry& registry);

}  // namespace engineroom::controller
