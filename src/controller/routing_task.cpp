#include "controller/routing_task.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <simdjson.h>

#include "controller/resources.h"
#include "controller/user_scope.h"

namespace engineroom::controller {
namespace {

std::uint64_t size_of(const Frames& buffers) {
  std::uint64_t bytes = 0;
  for (const Bytes& buffer : buffers) bytes += buffer.size();
  return bytes;
}

void set_key(Bytes& metadata, std::string_view key, std::string_view value) {
  auto changed = wire::with_key(metadata.view(), key, value);
  if (!changed.ok()) changed = wire::with_key(kEmptyObject, key, value);
  metadata = Bytes(changed.take());
}

// Who has a share of the engines: a user, or a client.
std::uint64_t share_of(const wire::Message& request) {
  return std::hash<std::string_view>{}(account_of(request.identities.front().view()));
}

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
  const bool is_whole = core_.batches.complete(*message, core_.json, now);
  // After a restart clients ask again what may have been lost, and may be too early.
  if (core_.journal != nullptr && core_.journal->has_seen(header->msg_id)) return;
  if (!is_whole) return core_.refuse_incomplete(Channel::kTaskClient, *message, *header);
  if (scheduler_.is_known(task)) return refuse_repeated(*message, *header);
  if (auto why = core_.clients.admit(message->identities.front().view(), bytes_of(*message))) {
    return core_.refuse(Channel::kTaskClient, *message, *header,
                        {"TaskRejectError", std::move(*why)});
  }

  TaskDraft draft = read_task_draft(core_, *message, scheduler_);
  if (draft.has_bad_resources) {
    core_.clients.release(message->identities.front().view(), bytes_of(*message));
    return core_.refuse(Channel::kTaskClient, *message, *header,
                        {"ValueError", "resources must be an object of numbers, none negative"});
  }
  submit(std::move(*message), std::move(*header), std::move(draft), false, now);
}

void TaskRoute::submit(wire::Message request, wire::Header header, TaskDraft draft, bool is_own,
                       Time now) {
  const TaskId task = task_id(header.msg_id);
  record_request(core_, store::QueueKind::kTask, header.msg_id, request, header, draft.label, now);
  draft.options.client = share_of(request);
  if (core_.journal != nullptr) {
    core_.journal->note_request(Channel::kTaskClient, header.msg_id, wire::join(request), is_own,
                                core_.wall_time(now));
  }
  live_.emplace(task, Live{std::move(header.msg_id), std::move(header.msg_type), std::move(request),
                           draft.options.retries, draft.options.timeout > Duration::zero(), is_own,
                           std::move(draft.inputs)});
  ++core_.counters.tasks_submitted;
  if (aborted_early_.erase(task) > 0) {
    scheduler_.on_aborted_task_submitted(task, now, effects_);
    return perform_effects(now);
  }
  scheduler_.on_task_submitted(task, std::move(draft.options), draft.unknown_dependency, now,
                               effects_);
  perform_effects(now);
}

Result<std::string> TaskRoute::resubmit(const store::Record& record, Time now) {
  wire::Message request = core_.messages.repeat(record.header, record.metadata, record.content,
                                                prefix_of(record.msg_id));
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
  core_.refuse(Channel::kTaskClient, request, header,
               {"TaskRejectError", fmt::format("there was a task '{}' before", header.msg_id)});
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
    core_.note_receipt(*engine, parent->msg_id, now);
    current_ = &current;
    is_expected = tell_scheduler(task_id(parent->msg_id), current, now);
    perform_effects(now);
    current_ = nullptr;
  }
  if (!is_expected) {
    if (engine != nullptr) core_.note_receipt(*engine, parent->msg_id, now);
    core_.drop(Drop::kStale, Channel::kTaskEngine, uuid, "nobody waits for " + parent->msg_id);
  }
  return engine != nullptr;
}

bool TaskRoute::tell_scheduler(TaskId task, const Current& reply, Time now) {
  if (reply.facts.status == "aborted") {
    return scheduler_.on_task_returned(task, reply.engine, now, effects_);
  }
  return scheduler_.on_task_replied(task, reply.engine, reply.facts.status == "ok",
                                    reply.facts.dependencies_met, now, effects_,
                                    size_of(reply.message.buffers));
}

void TaskRoute::on_abort_requested(const std::vector<std::string>& msg_ids, Time now) {
  for (const std::string& msg_id : msg_ids) {
    const TaskId task = task_id(msg_id);
    if (find_live(msg_id) != nullptr) {
      const auto engine = scheduler_.on_abort_requested(task, now, effects_);
      if (engine && core_.journal != nullptr) core_.journal->note_abort(msg_id);
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
  scheduler_.on_engine_joined(engine.id, now, effects_, gives_back, engine.offer);
  perform_effects(now);
}

void TaskRoute::on_engine_lost(const Engine& engine, Time now) {
  lost_ = &engine;
  scheduler_.on_engine_lost(engine.id, now, effects_);
  perform_effects(now);
  lost_ = nullptr;
}

void TaskRoute::on_engines_expected(scheduler::Scheduler::Expected expected, Time now) {
  scheduler_.on_engines_expected(std::move(expected), now, effects_);
  perform_effects(now);
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
  if (core_.journal != nullptr) {
    core_.journal->note_sent(live.msg_id, engine->id, live.attempts + 1);
  }
  live.engine = engine->id;
  core_.delivery.to_engine(Channel::kTaskEngine, *engine, next_attempt(live, *engine, now), now);
}

// A task that is given results is told where they are, which nobody knew when it was submitted. And
// a task that was given back may come to the same engine once more, and that refuses a signature it
// has seen before, as every peer does. So further attempts are numbered, and signed by us. They
// have all their bytes: what the engine says of an earlier attempt may still be on its way.
Frames TaskRoute::next_attempt(Live& live, const Engine& engine, Time now) {
  const bool is_first = ++live.attempts == 1;
  const bool is_shared = is_first && core_.host_buffers.concerns(live.request, engine);
  if (is_first && live.inputs.empty() && !is_shared) {
    return live.is_own ? core_.messages.seal(live.request, Side::kEngines)
                       : core_.messages.relay(live.request, Side::kEngines);
  }
  wire::Message request = live.request;
  if (is_shared) core_.host_buffers.share(request, live.msg_id, engine, now, true);
  if (!is_first) set_key(request.metadata, "attempt", std::to_string(live.attempts));
  if (!live.inputs.empty()) {
    set_key(request.metadata, "holders", holders_json(live.inputs, scheduler_, core_.registry));
  }
  return core_.messages.seal(request, Side::kEngines);
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
  finish(effect.task, std::move(current_->message), current_->facts, engine->uuid, engine->id, now);
}

void TaskRoute::perform(const scheduler::Retry& effect, Time) {
  Live& live = live_.at(effect.task);
  ++core_.counters.tasks_retried;
  (void)core_.store.mark_sent(live.msg_id, {});
  const bool is_failure = current_ == nullptr || current_->facts.dependencies_met;
  if (is_failure) --live.retries_left;
  if (core_.journal != nullptr) core_.journal->note_retry(live.msg_id, live.retries_left);
  if (!is_failure) return;
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
    return finish(effect.task, std::move(reply), facts, uuid, std::nullopt, now);
  }
  if (effect.input) return reject_for_input(effect.task, *effect.input, now);
  reject(effect.task, effect.why, effect.engine ? uuid_of(*effect.engine) : std::string(), now);
}

void TaskRoute::reject(TaskId task, scheduler::Failure why, std::string_view engine_uuid,
                       Time now) {
  const Live& live = live_.at(task);
  ReplyFacts facts;
  if (why == scheduler::Failure::kAborted) facts.status = "aborted";
  const bool may_lack_resources = why == scheduler::Failure::kNoSuchResources ||
                                  (why == scheduler::Failure::kTimeout && live.attempts == 0);
  wire::Message reply =
      may_lack_resources ? no_such_resources(core_, live.request, live.msg_type, live.msg_id, why)
                         : rejection(core_.messages, live.request.header, live.msg_type,
                                     live.msg_id, why, engine_uuid);
  finish(task, std::move(reply), facts, engine_uuid, std::nullopt, now);
}

// What the input said is passed on: if it is not remembered here, it may be in its record.
void TaskRoute::reject_for_input(TaskId task, TaskId input, Time now) {
  const Live& live = live_.at(task);
  const auto named =
      std::find_if(live.inputs.begin(), live.inputs.end(),
                   [input](const Input& each) { return task_id(each.msg_id) == input; });
  assert(named != live.inputs.end());
  std::string failure;
  if (const auto found = failures_.find(input); found != failures_.end()) {
    failure = found->second.str();
  } else if (const auto record = core_.store.find(named->msg_id); record.ok()) {
    failure = record.value().result_content;
  }
  wire::Message reply =
      input_failed(core_, live.request.header, live.msg_type, named->msg_id, failure);
  finish(task, std::move(reply), {}, {}, std::nullopt, now);
}

void TaskRoute::remember_failure(TaskId task, const Bytes& content) {
  if (!failures_.insert_or_assign(task, content).second) return;
  failures_order_.push_back(task);
  if (failures_order_.size() <= kMaxFailures) return;
  failures_.erase(failures_order_.front());
  failures_order_.pop_front();
}

// Its engine may have left just now, when the registry has forgotten it already.
std::string TaskRoute::uuid_of(EngineId id) const {
  if (lost_ != nullptr && lost_->id == id) return lost_->uuid;
  const Engine* engine = core_.registry.find(id);
  return engine != nullptr ? engine->uuid : std::string();
}

void TaskRoute::note_finished(const Live& live, const Frames& reply, const ReplyFacts& facts,
                              std::optional<EngineId> engine, Time now) {
  if (core_.journal == nullptr) return;
  const bool is_ok = facts.status == "ok" && facts.dependencies_met;
  core_.journal->note_reply(live.msg_id, is_ok, engine, reply, core_.wall_time(now));
}

void TaskRoute::finish(TaskId task, wire::Message reply, const ReplyFacts& facts,
                       std::string_view engine_uuid, std::optional<EngineId> engine, Time now) {
  const auto found = live_.find(task);
  const Live live = std::move(found->second);
  live_.erase(found);
  // The table of a burst is not kept.
  if (live_.empty() && live_.bucket_count() > kKeptBuckets) live_ = decltype(live_)();
  record_reply(core_, live.msg_id, reply, facts, engine_uuid, now);
  if (facts.status != "ok") remember_failure(task, reply.content);
  if (live.is_own) return note_finished(live, {}, facts, engine, now);
  core_.clients.release(live.request.identities.front().view(), bytes_of(live.request));

  // To the identity that asked, whatever the reply says.
  Frames frames;
  if (reply.identities.empty()) {
    reply.identities = live.request.identities;
    frames = core_.messages.seal(reply, Side::kClients);
  } else {
    reply.identities = {live.request.identities.front(), reply.identities[0]};
    frames = core_.messages.relay(reply, Side::kClients);
  }
  note_finished(live, frames, facts, engine, now);
  core_.delivery.to_client(Channel::kTaskClient, frames);
}

// ---- after a restart ----

void TaskRoute::restore_past(const Journal& journal) {
  for (const auto& [id, engine] : journal.engines()) {
    const Engine* known = core_.registry.find(id);
    scheduler_.restore_engine(id, known != nullptr ? known->offer : Amounts());
  }
  for (const Journal::Outcome& outcome : journal.outcomes()) {
    if (!outcome.is_task) continue;
    const auto engine = number(outcome.engine) >= 0 ? std::optional(outcome.engine) : std::nullopt;
    scheduler_.restore_finished(TaskId{static_cast<std::uint64_t>(outcome.hash)}, outcome.ok,
                                engine);
  }
}

void TaskRoute::restore(const Journal::OpenRequest& open, const std::string& msg_id,
                        const JournalRecord& record, Time now) {
  const TaskId task = task_id(msg_id);
  if (scheduler_.is_known(task)) return;
  Frames frames;
  for (const Bytes& frame : record.frames) frames.push_back(Bytes::copy_of(frame.view()));
  auto message = wire::split(std::move(frames));
  if (message.ok() && message.value().identities.empty()) return;  // never noted
  auto header = message.ok() ? wire::parse_header(message.value().header.view())
                             : Result<wire::Header>(message.status());
  if (!header.ok()) return ER_LOG_ERROR("journal: {}", header.status().message());
  TaskDraft draft = read_task_draft(core_, message.value(), scheduler_);
  // What it depends on and has been forgotten had ended as it should: else it would have, too.
  drop_forgotten(scheduler_, draft);
  if (open.retries_left) draft.options.retries = *open.retries_left;
  draft.options.client = share_of(message.value());
  if (!open.is_own) {
    core_.clients.count(message.value().identities.front().view(), bytes_of(message.value()));
  }
  live_.emplace(task, Live{msg_id, std::move(header.value().msg_type), message.take(),
                           draft.options.retries, draft.options.timeout > Duration::zero(),
                           open.is_own, std::move(draft.inputs), open.attempts, open.engine});
  if (scheduler_.is_awaited(open.engine)) {
    return scheduler_.restore_running(task, draft.options, open.engine, open.is_abort_wanted, now);
  }
  scheduler_.on_task_submitted(task, std::move(draft.options), false, now, effects_);
  perform_effects(now);
}

void TaskRoute::on_engine_returned(const Engine& engine,
                                   const std::unordered_set<std::string>& held, Time now) {
  std::unordered_set<TaskId> tasks;
  for (const std::string& msg_id : held) tasks.insert(task_id(msg_id));
  scheduler_.on_engine_returned(engine.id, tasks, engine.is_ours(), now, effects_);
  perform_effects(now);
}

// ---- queries ----

std::optional<const Engine*> TaskRoute::find_holder(std::string_view msg_id, std::string_view input,
                                                    EngineId at) {
  const Live* live = find_live(msg_id);
  if (live == nullptr || live->engine != at) return std::nullopt;
  for (const Input& each : live->inputs) {
    if (each.msg_id != input) continue;
    const Engine* holder = holder_of(each, scheduler_, core_.registry);
    // Stock engines keep nothing.
    return holder != nullptr && holder->is_ours() ? holder : nullptr;
  }
  return std::nullopt;
}

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
