#include "controller/routing_task.h"

#include <cassert>
#include <utility>

namespace engineroom::controller {
namespace {

// Where replies to tasks that the controller submitted come back to.
constexpr std::string_view kOwnIdentity = "engineroom-controller";

}  // namespace

TaskRoute::TaskRoute(Core& core, TakeBack take_back)
    : core_(core), take_back_(std::move(take_back)), scheduler_(core.config.scheduler) {}

// ---- events ----

void TaskRoute::on_request(Frames frames, Time now) {
  auto message = core_.accept(Channel::kTaskClient, std::move(frames), 1, &core_.requests_seen);
  if (!message) return;
  auto header =
      core_.accept_header(Channel::kTaskClient, message->header, message->identities.front());
  if (!header) return;
  const TaskId task = task_id(header->msg_id);
  if (scheduler_.is_known(task)) return refuse_repeated(*message, *header);

  TaskDraft draft = read_task_draft(core_, *message, scheduler_);
  submit(std::move(*message), std::move(*header), std::move(draft), false, now);
}

void TaskRoute::submit(wire::Message request, wire::Header header, TaskDraft draft, bool is_own,
                       Time now) {
  const TaskId task = task_id(header.msg_id);
  record_request(core_, store::QueueKind::kTask, header.msg_id, request, header, draft.label, now);
  live_.emplace(task,
                Live{std::move(header.msg_id), std::move(header.msg_type), std::move(request),
                     draft.options.retries, draft.options.timeout > Duration::zero(), is_own});
  ++core_.counters.tasks_submitted;
  if (aborted_early_.erase(task) > 0) {
    ++core_.counters.tasks_rejected;
    return reject(task, scheduler::Failure::kAborted, {}, now);
  }
  scheduler_.on_task_submitted(task, std::move(draft.options), draft.unknown_dependency, now,
                               effects_);
  perform_effects(now);
}

Result<std::string> TaskRoute::resubmit(const store::Record& record, Time now) {
  wire::Message request = core_.messages.repeat(record.header, record.metadata, record.content);
  request.identities = {Bytes::of_static(kOwnIdentity)};
  request.buffers = record.buffers;
  auto header = wire::parse_header(request.header.view());
  if (!header.ok()) {
    return Status{
        ErrorCode::kInvalidArgument,
        "'" + record.msg_id + "' has no header in its record: " + header.status().message()};
  }
  std::string msg_id = header.value().msg_id;
  TaskDraft draft = read_task_draft(core_, request, scheduler_);
  drop_forgotten(scheduler_, draft);
  // A direct request names its engine by where it went.
  const Engine* engine = core_.registry.find(std::string_view(record.engine_uuid));
  if (record.queue != store::QueueKind::kTask && engine != nullptr) {
    draft.options.targets = {engine->id};
  }
  submit(std::move(request), header.take(), std::move(draft), true, now);
  (void)core_.store.mark_resubmitted(record.msg_id, msg_id);
  return msg_id;
}

// No peer repeats an id. An answer for one that is running would be taken for that task's.
void TaskRoute::refuse_repeated(const wire::Message& request, const wire::Header& header) {
  core_.drop(Drop::kMalformed, Channel::kTaskClient, request.identities.front(),
             "there was a task with this id");
  if (live_.contains(task_id(header.msg_id))) return;
  const std::string type = reply_type(header.msg_type);
  core_.delivery.to_client(
      Channel::kTaskClient,
      core_.messages.make(
          {.identities = request.identities,
           .type = type,
           .parent_header = request.header,
           .metadata = reply_metadata("error", {}),
           .content = to_content(
               {"TaskRejectError", fmt::format("there was a task '{}' before", header.msg_id)})}));
}

bool TaskRoute::on_reply(Frames frames, Time now) {
  auto message = core_.accept(Channel::kTaskEngine, std::move(frames), 2, &core_.replies_seen);
  if (!message) return true;
  const Bytes uuid = message->identities[0];
  Engine* engine = core_.registry.find(uuid.view());
  const auto parent = core_.accept_header(Channel::kTaskEngine, message->parent_header, uuid);
  if (!parent) return true;
  bool is_expected = false;
  if (engine != nullptr && find_live(parent->msg_id) != nullptr) {
    Current current{std::move(*message), {}, engine->id};
    current.facts = read_reply_facts(core_.json, current.message.metadata.view());
    current_ = &current;
    is_expected = tell_scheduler(task_id(parent->msg_id), current, now);
    perform_effects(now);
    current_ = nullptr;
  }
  if (!is_expected) {
    core_.drop(Drop::kStale, Channel::kTaskEngine, uuid, "nobody waits for " + parent->msg_id);
  }
  return engine != nullptr;
}

bool TaskRoute::tell_scheduler(TaskId task, const Current& reply, Time now) {
  if (reply.facts.status == "aborted") {
    return scheduler_.on_task_returned(task, reply.engine, now, effects_);
  }
  return scheduler_.on_task_replied(task, reply.engine, reply.facts.status == "ok",
                                    reply.facts.dependencies_met, now, effects_);
}

void TaskRoute::on_abort_requested(const std::vector<std::string>& msg_ids, Time now) {
  for (const std::string& msg_id : msg_ids) {
    const TaskId task = task_id(msg_id);
    if (find_live(msg_id) != nullptr) {
      (void)scheduler_.on_abort_requested(task, now, effects_);
    } else if (!scheduler_.is_known(task)) {
      note_aborted_early(task);
    }
  }
  perform_effects(now);
}

// Ids of direct requests are noted, too: nobody can tell them from those of tasks to come.
void TaskRoute::note_aborted_early(TaskId task) {
  if (!aborted_early_.insert(task).second) return;
  aborted_early_order_.push_back(task);
  if (aborted_early_order_.size() <= kMaxAbortedEarly) return;
  aborted_early_.erase(aborted_early_order_.front());
  aborted_early_order_.pop_front();
}

void TaskRoute::on_engine_joined(const Engine& engine, Time now) {
  // Stock engines look at an abort_request only when they are done with what they are doing.
  const bool gives_back = engine.is_ours();
  scheduler_.on_engine_joined(engine.id, now, effects_, gives_back);
  perform_effects(now);
}

void TaskRoute::on_engine_lost(const Engine& engine, Time now) {
  lost_ = &engine;
  scheduler_.on_engine_lost(engine.id, now, effects_);
  perform_effects(now);
  lost_ = nullptr;
}

void TaskRoute::on_time(Time now) {
  const std::optional<Time> deadline = scheduler_.next_deadline();
  if (!deadline || now < *deadline) return;
  scheduler_.on_time(now, effects_);
  perform_effects(now);
}

// ---- effects ----

void TaskRoute::perform_effects(Time now) {
  for (const scheduler::Effect& effect : effects_) {
    std::visit([this, now](const auto& concrete) { perform(concrete, now); }, effect);
  }
  effects_.clear();
}

void TaskRoute::perform(const scheduler::Send& effect, Time now) {
  Live& live = live_.at(effect.task);
  const Engine* engine = core_.registry.find(effect.engine);
  assert(engine != nullptr);
  (void)core_.store.mark_sent(live.msg_id, engine->uuid);
  core_.delivery.to_engine(Channel::kTaskEngine, *engine, next_attempt(live), now);
}

// A task that was given back may come to the same engine once more, and that refuses a signature it
// has seen before, as every peer does. So further attempts are numbered, and signed by us.
Frames TaskRoute::next_attempt(Live& live) {
  if (++live.attempts == 1) {
    return live.is_own ? core_.messages.seal(live.request) : wire::join(live.request);
  }
  const std::string attempt = std::to_string(live.attempts);
  wire::Message request = live.request;
  auto metadata = wire::with_key(request.metadata.view(), "attempt", attempt);
  if (!metadata.ok()) metadata = wire::with_key(kEmptyObject, "attempt", attempt);
  request.metadata = Bytes(metadata.take());
  return core_.messages.seal(request);
}

void TaskRoute::perform(const scheduler::Deliver& effect, Time now) {
  assert(current_ != nullptr);
  Engine* engine = core_.registry.find(current_->engine);
  const Live& live = live_.at(effect.task);
  ++engine->completed;
  // Every engine has failed it, and it could be tried once more if another came. With a time limit
  // it would wait for that until then; its end is the limit.
  const bool has_failed = current_->facts.status == "error";
  if (has_failed && live.has_timeout && live.retries_left > 0) {
    ++core_.counters.tasks_rejected;
    return reject(effect.task, scheduler::Failure::kTimeout, engine->uuid, now);
  }
  ++core_.counters.tasks_delivered;
  finish(effect.task, std::move(current_->message), current_->facts, engine->uuid, now);
}

void TaskRoute::perform(const scheduler::Retry& effect, Time) {
  Live& live = live_.at(effect.task);
  ++core_.counters.tasks_retried;
  (void)core_.store.mark_sent(live.msg_id, {});
  if (current_ != nullptr && !current_->facts.dependencies_met) return;
  --live.retries_left;
  if (current_ == nullptr) return;
  live.last_failure = std::make_unique<wire::Message>(std::move(current_->message));
}

void TaskRoute::perform(const scheduler::TakeBack& effect, Time now) {
  const Engine* engine = core_.registry.find(effect.engine);
  assert(engine != nullptr);
  ++core_.counters.tasks_taken_back;
  take_back_(*engine, live_.at(effect.task).msg_id, now);
}

void TaskRoute::perform(const scheduler::Reject& effect, Time now) {
  Live& live = live_.at(effect.task);
  ++core_.counters.tasks_rejected;
  // What the task itself raised says more than "no engine is left that has not failed it".
  if (effect.why == scheduler::Failure::kNoEngineLeft && live.last_failure) {
    wire::Message reply = std::move(*live.last_failure);
    const ReplyFacts facts = read_reply_facts(core_.json, reply.metadata.view());
    const std::string uuid = reply.identities[0].str();
    return finish(effect.task, std::move(reply), facts, uuid, now);
  }
  reject(effect.task, effect.why, effect.engine ? uuid_of(*effect.engine) : std::string(), now);
}

void TaskRoute::reject(TaskId task, scheduler::Failure why, std::string_view engine_uuid,
                       Time now) {
  const Live& live = live_.at(task);
  ReplyFacts facts;
  if (why == scheduler::Failure::kAborted) facts.status = "aborted";
  wire::Message reply =
      rejection(core_.messages, live.request.header, live.msg_type, live.msg_id, why, engine_uuid);
  finish(task, std::move(reply), facts, engine_uuid, now);
}

// Its engine may have left just now, when the registry has forgotten it already.
std::string TaskRoute::uuid_of(EngineId id) const {
  if (lost_ != nullptr && lost_->id == id) return lost_->uuid;
  const Engine* engine = core_.registry.find(id);
  return engine != nullptr ? engine->uuid : std::string();
}

void TaskRoute::finish(TaskId task, wire::Message reply, const ReplyFacts& facts,
                       std::string_view engine_uuid, Time now) {
  const auto found = live_.find(task);
  const Live live = std::move(found->second);
  live_.erase(found);
  // The table of a burst is not kept.
  if (live_.empty() && live_.bucket_count() > kKeptBuckets) live_ = decltype(live_)();
  record_reply(core_, live.msg_id, reply, facts, engine_uuid, now);
  if (live.is_own) return;

  // To the identity that asked, whatever the reply says. An engine's signature stays; ours is made
  // now.
  const bool is_own = reply.identities.empty();
  if (is_own) {
    reply.identities = live.request.identities;
    return core_.delivery.to_client(Channel::kTaskClient, core_.messages.seal(reply));
  }
  reply.identities = {live.request.identities.front(), reply.identities[0]};
  core_.delivery.to_client(Channel::kTaskClient, wire::join(reply));
}

// ---- queries ----

TaskRoute::Live* TaskRoute::find_live(std::string_view msg_id) {
  const auto found = live_.find(task_id(msg_id));
  return found != live_.end() && found->second.msg_id == msg_id ? &found->second : nullptr;
}

void TaskRoute::sanity_check() const {
  scheduler_.sanity_check();
  assert(effects_.empty());
  assert(live_.size() == scheduler_.waiting_count() + scheduler_.outstanding_count());
  for ([[maybe_unused]] const auto& [task, live] : live_) {
    assert(task_id(live.msg_id) == task);
    assert(scheduler_.is_known(task));
  }
}

}  // namespace engineroom::controller
