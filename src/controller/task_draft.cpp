#include "controller/task_draft.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include <simdjson.h>

#include "controller/json_object.h"
#include "controller/resources.h"
#include "scheduler/fair_order.h"
#include "wire/dependency_error.h"

namespace engineroom::controller {
namespace {

// Longer time-outs are as good as none, and fit the clock.
constexpr double kMaxTimeoutSeconds = 1e9;
// No engine takes these: there is none of ours.
constexpr EngineId kNobody{-1};
constexpr std::int64_t kMaxPriority = scheduler::FairOrder::kMaxPriority;
constexpr std::int64_t kMaxRetries = 1'000'000'000;

class DraftReader {
 public:
  DraftReader(const Core& core, const scheduler::Scheduler& scheduler)
      : registry_(core.registry), store_(core.store), scheduler_(scheduler) {}

  TaskDraft read(const JsonObject& metadata) {
    TaskDraft draft;
    draft.label = metadata.text("label").value_or("");
    draft.options.targets = targets(metadata);
    draft.options.retries = static_cast<int>(
        std::clamp<std::int64_t>(metadata.integer("retries").value_or(0), 0, kMaxRetries));
    const double timeout = metadata.number("timeout").value_or(0);
    if (timeout > 0 && timeout < kMaxTimeoutSeconds) draft.options.timeout = from_seconds(timeout);
    draft.options.priority = static_cast<int>(std::clamp<std::int64_t>(
        metadata.integer("priority").value_or(0), -kMaxPriority, kMaxPriority));
    auto resources = read_amounts(metadata, "resources");
    draft.has_bad_resources = !resources;
    if (resources) draft.options.resources = std::move(*resources);
    draft.options.follow = dependency(metadata, "follow");
    draft.options.after = dependency(metadata, "after");
    read_inputs(metadata, draft);
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
    if (targets.empty() && !uuids.empty()) targets.push_back(kNobody);
    return targets;
  }

  scheduler::Dependency dependency(const JsonObject& metadata, std::string_view key) {
    scheduler::Dependency dependency;
    std::vector<std::string> msg_ids;
    if (const auto object = metadata.object(key)) {
      dependency.all = object->flag("all").value_or(true);
      dependency.success = object->flag("success").value_or(true);
      dependency.failure = object->flag("failure").value_or(false);
      msg_ids = object->texts("dependencies");
    } else {
      msg_ids = metadata.texts(key);
    }
    const bool wants_success = key == "after" && dependency.all && dependency.success;
    for (const std::string& msg_id : msg_ids) {
      const TaskId task = task_id(msg_id);
      if (scheduler_.is_known(task)) {
        dependency.tasks.push_back(task);
      } else if (!wants_success || !has_succeeded(msg_id)) {
        unknown_ = true;
      }
    }
    return dependency;
  }

  // The scheduler forgets what finished long ago; its record is there for longer.
  bool has_succeeded(const std::string& msg_id) const {
    const auto record = store_.find(msg_id);
    return record.ok() && record.value().is_finished() &&
           record.value().result_metadata.find(R"("status":"ok")") != std::string::npos;
  }

  void read_inputs(const JsonObject& metadata, TaskDraft& draft) {
    const auto list = metadata.array("inputs");
    if (!list) return;
    for (const simdjson::dom::element item : *list) {
      simdjson::dom::object object;
      std::string_view msg_id;
      std::string_view engine;
      if (item.get(object) != simdjson::SUCCESS) continue;
      if (object["id"].get(msg_id) != simdjson::SUCCESS) continue;
      if (object["engine"].get(engine) != simdjson::SUCCESS) engine = {};
      draft.inputs.push_back({std::string(msg_id), std::string(engine)});
      const TaskId task = task_id(msg_id);
      if (scheduler_.is_known(task)) {
        draft.options.inputs.push_back(task);
      } else if (engine.empty() && !store_.contains(msg_id)) {
        unknown_ = true;
      }
    }
    if (!draft.inputs.empty() && draft.options.targets.empty()) keep_to_our_engines(draft);
  }

  // Stock engines know nothing of inputs.
  void keep_to_our_engines(TaskDraft& draft) const {
    std::vector<EngineId> ours;
    bool all = true;
    for (const auto& [id, engine] : registry_.all()) {
      if (!engine.is_registered) continue;
      if (engine.is_ours()) ours.push_back(id);
      all = all && engine.is_ours();
    }
    if (all) return;
    if (ours.empty()) ours.push_back(kNobody);
    draft.options.targets = std::move(ours);
  }

  const Registry& registry_;
  const store::Store& store_;
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
    case Failure::kInputFailed:
      return {"DependencyError", fmt::format("an input of task '{}' failed", msg_id)};
    case Failure::kTimeout:
      return {"TaskTimeout", fmt::format("task '{}' could not be started in time", msg_id)};
    case Failure::kEngineDied:
      return engine_died(engine_uuid, msg_id);
    case Failure::kNoSuchResources:
      return {"ImpossibleResources",
              fmt::format("no engine offers what task '{}' demands", msg_id)};
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
  return DraftReader(core, scheduler).read(*metadata);
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

wire::Message no_such_resources(Core& core, const wire::Message& request,
                                std::string_view request_type, std::string_view msg_id,
                                scheduler::Failure why) {
  RemoteError error = to_error(why, msg_id, {});
  if (const auto metadata = read_object(core.json, request.metadata.view())) {
    const Amounts demand = read_amounts(*metadata, "resources").value_or(Amounts());
    if (why == scheduler::Failure::kNoSuchResources) {
      error.evalue += ": " + describe_missing(core.registry, demand);
    } else if (!is_offered(core.registry, demand)) {
      error.evalue += ": no engine offers " + describe_missing(core.registry, demand);
    }
  }
  const std::string type = reply_type(request_type);
  return core.messages.compose({.identities = {},
                                .type = type,
                                .parent_header = request.header,
                                .metadata = reply_metadata("error", {}),
                                .content = to_content(std::move(error))});
}

wire::Message input_failed(Core& core, const Bytes& request_header, std::string_view request_type,
                           std::string_view input, std::string_view failure) {
  const std::string type = reply_type(request_type);
  return core.messages.compose({.identities = {},
                                .type = type,
                                .parent_header = request_header,
                                .metadata = reply_metadata("error", {}),
                                .content = wire::dependency_error(input, failure, core.json)});
}

const Engine* holder_of(const Input& input, const scheduler::Scheduler& scheduler,
                        const Registry& registry) {
  const auto id = scheduler.engine_of_finished(task_id(input.msg_id));
  return id ? registry.find(*id) : registry.find(std::string_view(input.engine_uuid));
}

std::string holders_json(const std::vector<Input>& inputs, const scheduler::Scheduler& scheduler,
                         const Registry& registry) {
  // Engines are named once, however many of the inputs they have.
  std::vector<const Engine*> engines;
  JsonWriter w;
  w.begin_object().key("at").begin_array();
  for (const Input& input : inputs) {
    const Engine* engine = holder_of(input, scheduler, registry);
    if (engine == nullptr) {
      w.value(-1);
      continue;
    }
    auto place = std::find(engines.begin(), engines.end(), engine);
    if (place == engines.end()) place = engines.insert(engines.end(), engine);
    w.value(static_cast<int>(place - engines.begin()));
  }
  w.end_array().key("engines").begin_array();
  for (const Engine* engine : engines) {
    w.begin_object().key("uuid").value(engine->uuid);
    w.key("peer").raw(engine->peer.empty() ? "null" : engine->peer).end_object();
  }
  w.end_array().end_object();
  return w.take();
}

}  // namespace engineroom::controller
