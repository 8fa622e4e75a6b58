#include "controller/task_draft.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "controller/json_object.h"

namespace engineroom::controller {
namespace {

// Longer time-outs are as good as none, and fit the clock.
constexpr double kMaxTimeoutSeconds = 1e9;
constexpr std::int64_t kMaxRetries = 1'000'000'000;

class DraftReader {
 public:
  DraftReader(const Registry& registry, const scheduler::Scheduler& scheduler)
      : registry_(registry), scheduler_(scheduler) {}

  TaskDraft read(const JsonObject& metadata) {
    TaskDraft draft;
    draft.label = metadata.text("label").value_or("");
    draft.options.targets = targets(metadata);
    draft.options.retries = static_cast<int>(
        std::clamp<std::int64_t>(metadata.integer("retries").value_or(0), 0, kMaxRetries));
    const double timeout = metadata.number("timeout").value_or(0);
    if (timeout > 0 && timeout < kMaxTimeoutSeconds) draft.options.timeout = from_seconds(timeout);
    draft.options.follow = dependency(metadata, "follow");
    draft.options.after = dependency(metadata, "after");
    draft.unknown_dependency = unknown_;
    return draft;
  }

 private:
  std::vector<EngineId> targets(const JsonObject& metadata) const {
    std::vector<EngineId> targets;
    const std::vector<std::string> uuids = metadata.texts("targets");
    for (const std::string& uuid : uuids) {
      const Engine* engine = registry_.find(std::string_view(uuid));
      if (engine != nullptr) targets.push_back(engine->id);
    }
    // All of them gone is not the same as "any engine".
    if (targets.empty() && !uuids.empty()) targets.push_back(EngineId{-1});
    return targets;
  }

  scheduler::Dependency dependency(const JsonObject& metadata, std::string_view key) {
    scheduler::Dependency dependency;
    if (const auto object = metadata.object(key)) {
      add_tasks(object->texts("dependencies"), dependency);
      dependency.all = object->flag("all").value_or(true);
      dependency.success = object->flag("success").value_or(true);
      dependency.failure = object->flag("failure").value_or(false);
    } else {
      add_tasks(metadata.texts(key), dependency);
    }
    return dependency;
  }

  void add_tasks(const std::vector<std::string>& msg_ids, scheduler::Dependency& dependency) {
    for (const std::string& msg_id : msg_ids) {
      dependency.tasks.push_back(task_id(msg_id));
      unknown_ = unknown_ || !scheduler_.is_known(dependency.tasks.back());
    }
  }

  const Registry& registry_;
  const scheduler::Scheduler& scheduler_;
  bool unknown_ = false;
};

RemoteError to_error(scheduler::Failure why, std::string_view msg_id,
                     std::string_view engine_uuid) {
  using scheduler::Failure;
  switch (why) {
    case Failure::kInvalidDependency:
      return {"InvalidDependency",
              fmt::format("task '{}' depends on a task that was never submitted", msg_id)};
    case Failure::kImpossibleDependency:
      return {"ImpossibleDependency",
              fmt::format("the dependencies of task '{}' can never be met", msg_id)};
    case Failure::kTimeout:
      return {"TaskTimeout", fmt::format("task '{}' could not be started in time", msg_id)};
    case Failure::kEngineDied:
      return engine_died(engine_uuid, msg_id);
    case Failure::kNoEngineLeft:
      return {"ImpossibleDependency",
              fmt::format("no engine is left that could run task '{}'", msg_id)};
    case Failure::kAborted:
      return {"TaskAborted", std::string(msg_id)};
    case Failure::kQueueFull:
      return {"TaskRejectError",
              fmt::format("task '{}' refused: too many tasks are waiting", msg_id)};
  }
  return {"EngineError", std::string(msg_id)};
}

}  // namespace

TaskId task_id(std::string_view msg_id) {
  return TaskId{std::uint64_t{std::hash<std::string_view>{}(msg_id)}};
}

TaskDraft read_task_draft(Core& core, const wire::Message& request,
                          const scheduler::Scheduler& scheduler) {
  const auto metadata = read_object(core.json, request.metadata.view());
  if (!metadata) return {};
  return DraftReader(core.registry, scheduler).read(*metadata);
}

void drop_forgotten(const scheduler::Scheduler& scheduler, TaskDraft& draft) {
  for (scheduler::Dependency* dependency : {&draft.options.follow, &draft.options.after}) {
    std::erase_if(dependency->tasks,
                  [&scheduler](TaskId task) { return !scheduler.is_known(task); });
  }
  draft.unknown_dependency = false;
}

wire::Message rejection(MessageMaker& messages, const Bytes& request_header,
                        std::string_view request_type, std::string_view msg_id,
                        scheduler::Failure why, std::string_view engine_uuid) {
  const bool is_aborted = why == scheduler::Failure::kAborted;
  const std::string type = reply_type(request_type);
  return messages.compose(
      {.identities = {},
       .type = type,
       .parent_header = request_header,
       .metadata = reply_metadata(is_aborted ? "aborted" : "error", engine_uuid),
       .content = is_aborted ? R"({"status":"aborted"})"
                             : to_content(to_error(why, msg_id, engine_uuid))});
}

}  // namespace engineroom::controller
