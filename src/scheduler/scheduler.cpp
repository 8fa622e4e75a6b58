#include "scheduler/scheduler.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <utility>

#include "scheduler/state.h"

namespace engineroom::scheduler {

Scheduler::State::State(const SchedulerConfig& configuration)
    : config(configuration),
      finished(configuration.max_finished),
      queues(tasks),
      graph(tasks, finished, engines, queues),
      pool(make_policy(configuration.policy, configuration.seed)),
      ahead(make_leastload_policy()) {}

std::optional<TaskSlot> Scheduler::State::running_on(TaskId id, EngineId engine) const {
  const std::optional<TaskSlot> slot = tasks.find(id);
  if (!slot || !tasks[*slot].is<Running>()) return std::nullopt;
  if (engines[tasks[*slot].running().engine].id != engine) return std::nullopt;
  return slot;
}

std::optional<ClassId> Scheduler::State::class_of(const TaskOptions& options, bool can_wait) {
  Demand demand;
  if (!options.resources.empty()) demand = std::make_shared<const Amounts>(options.resources);
  if (options.targets.empty() && demand) {
    const ClassId cls = queues.any(std::move(demand));
    if (can_wait || queues.is_runnable(cls)) return cls;
    queues.release(cls);
    return std::nullopt;
  }
  if (options.targets.empty()) {
    queues.retain(kAnyEngine);
    return kAnyEngine;
  }
  std::vector<EngineSlot> slots;
  for (EngineId target : options.targets) {
    const std::optional<EngineSlot> slot = engines.find(target);
    if (slot && (!demand || queues.offers(*slot, *demand))) slots.push_back(*slot);
  }
  if (slots.empty()) return std::nullopt;
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  return queues.only(std::move(slots), std::move(demand));
}

void Scheduler::State::set_class(Task& task, ClassId cls) {
  queues.release(task.cls);
  task.cls = cls;
}

void Scheduler::State::stop_counting(Task& task) {
  if (task.is_counted) fair.left(task.order.rank, task.client);
  task.is_counted = false;
}

void Scheduler::State::add_dependent_task(TaskSlot slot, const TaskOptions& options, Turn& turn) {
  const TaskGraph::Verdict verdict = graph.add(slot, options);
  Task& task = tasks[slot];
  if (task.waits) queues.retain(task.waits->targets);
  switch (verdict) {
    case TaskGraph::Verdict::kImpossible:
      return reject(slot, Failure::kImpossibleDependency, std::nullopt, turn);
    case TaskGraph::Verdict::kInputFailed:
      return reject_for_input(slot, turn);
    case TaskGraph::Verdict::kMet:
      return become_ready(slot, turn);
    case TaskGraph::Verdict::kBlocked:
      // A limit beyond the end of the clock is none.
      if (options.timeout > Duration::zero() && options.timeout < Time::max() - turn.now) {
        task.waits->deadline = turn.now + options.timeout;
      }
      return block(slot);
  }
}

Scheduler::Scheduler(SchedulerConfig config) : state_(std::make_unique<State>(config)) {}
Scheduler::~Scheduler() = default;

// ---- engines ---------------------------------------------------------------------------------

void Scheduler::on_engine_joined(EngineId engine, Time now, Effects& effects, bool gives_back,
                                 Amounts offer) {
  State& state = *state_;
  Turn turn{now, effects};
  assert(!state.engines.find(engine));
  const EngineSlot slot = state.engines.add(engine);
  state.engines[slot].last_used = ++state.last_use;
  if (!gives_back) state.engines[slot].prefetch.forbid();
  state.engines[slot].free = offer;
  state.queues.add_engine(slot, std::move(offer));
  // Tasks that are stuck somewhere and had nowhere else to go may go here.
  for (EngineSlot other : state.engines.live()) {
    if (state.is_auto() && state.engines[other].load() >= 2) state.watch(other);
  }
  if (state.engines.size() == 1) {
    std::vector<TaskRef> stranded;
    state.queues.find_unoffered(stranded);
    state.reject_stranded(stranded, turn);
  }
  state.settle(slot, turn);
}

void Scheduler::on_engine_lost(EngineId engine, Time now, Effects& effects) {
  State& state = *state_;
  Turn turn{now, effects};
  const std::optional<EngineSlot> slot = state.engines.find(engine);
  if (!slot) return;

  const std::vector<TaskSlot> outstanding = state.engines[*slot].tasks.slots(state.tasks);
  for (TaskSlot task : outstanding) state.take_off_engine(task);
  state.pool->remove(*slot);
  state.ahead->remove(*slot);
  state.watched.erase(*slot);
  state.stuck.erase(*slot);

  std::vector<Change> changes;
  std::vector<TaskRef> stranded;
  state.graph.engine_lost(*slot, changes);
  state.queues.remove_engine(*slot, stranded);
  state.engines.remove(*slot);
  // From here on nothing names the engine; what it means for each task can be decided.
  for (TaskSlot task : outstanding) state.lose(task, engine, turn);
  for (const Change& change : changes) state.apply(change, turn);
  state.reject_stranded(stranded, turn);
  state.settle(std::nullopt, turn);
}

// ---- tasks -----------------------------------------------------------------------------------

void Scheduler::on_task_submitted(TaskId task, TaskOptions options, bool unknown_dependency,
                                  Time now, Effects& effects) {
  State& state = *state_;
  Turn turn{now, effects};
  assert(!is_known(task));
  if (state.tasks.size() >= state.config.max_waiting) {
    return state.refuse(task, Failure::kQueueFull, turn);
  }
  if (unknown_dependency || !state.graph.knows(options.after.tasks) ||
      !state.graph.knows(options.follow.tasks) || !state.graph.knows(options.inputs)) {
    return state.refuse(task, Failure::kInvalidDependency, turn);
  }
  // A limit beyond the end of the clock is none.
  const bool is_patient = options.timeout > Duration::zero() && options.timeout < Time::max() - now;
  const bool can_wait = is_patient || state.may_come(options.resources);
  const std::optional<ClassId> cls = state.class_of(options, can_wait);
  if (!cls) {
    const bool demands = !options.resources.empty() && state.engines.size() > 0;
    return state.refuse(task, demands ? Failure::kNoSuchResources : Failure::kNoEngineLeft, turn);
  }

  const TaskSlot slot = state.tasks.add(task);
  Task& added = state.tasks[slot];
  added.cls = *cls;
  added.retries_left = std::max(0, options.retries);
  added.client = options.client;
  added.demands = !options.resources.empty();
  if (is_patient && added.demands && options.targets.empty()) {
    state.be_patient(slot, now + options.timeout);
  }
  added.order.rank = state.fair.rank(
      std::clamp(options.priority, -FairOrder::kMaxPriority, FairOrder::kMaxPriority),
      options.client, *cls == kAnyEngine);
  added.is_counted = true;
  if (options.after.empty() && options.follow.empty() && options.inputs.empty()) {
    state.place(slot, turn);
    return state.take_back_tasks(turn);
  }
  state.add_dependent_task(slot, options, turn);
  state.settle(std::nullopt, turn);
}

void Scheduler::on_aborted_task_submitted(TaskId task, Time now, Effects& effects) {
  Turn turn{now, effects};
  assert(!is_known(task));
  state_->refuse(task, Failure::kAborted, turn);
}

bool Scheduler::on_task_replied(TaskId task, EngineId engine, bool ok, bool dependencies_met,
                                Time now, Effects& effects, std::uint64_t bytes) {
  State& state = *state_;
  Turn turn{now, effects};
  const std::optional<TaskSlot> slot = state.running_on(task, engine);
  if (!slot) return false;
  const Running running = state.tasks[*slot].running();
  state.take_off_engine(*slot);
  state.note_reply(running.engine, running.sent, now);
  if (ok && dependencies_met) {
    state.deliver(*slot, running.engine, true, bytes, turn);
  } else {
    state.fail_on(*slot, running.engine, !dependencies_met, turn);
  }
  state.settle(running.engine, turn);
  return true;
}

bool Scheduler::on_task_returned(TaskId task, EngineId engine, Time now, Effects& effects) {
  State& state = *state_;
  Turn turn{now, effects};
  const std::optional<TaskSlot> slot = state.running_on(task, engine);
  if (!slot) return false;
  const Running running = state.tasks[*slot].running();
  state.take_off_engine(*slot);
  if ((running.take_back || running.restored) && !running.abort_requested) {
    state.to_place.push_back(*slot);
  } else {
    state.deliver(*slot, running.engine, false, 0, turn);
  }
  state.settle(running.engine, turn);
  return true;
}

std::optional<EngineId> Scheduler::on_abort_requested(TaskId task, Time now, Effects& effects) {
  State& state = *state_;
  Turn turn{now, effects};
  const std::optional<TaskSlot> slot = state.tasks.find(task);
  if (!slot) return std::nullopt;
  if (state.tasks[*slot].is<Running>()) {
    Running& running = state.tasks[*slot].running();
    running.abort_requested = true;
    return state.engines[running.engine].id;
  }
  state.reject(*slot, Failure::kAborted, std::nullopt, turn);
  state.settle(std::nullopt, turn);
  return std::nullopt;
}

// ---- time ------------------------------------------------------------------------------------

void Scheduler::on_time(Time now, Effects& effects) {
  State& state = *state_;
  Turn turn{now, effects};
  while (state.end_next_wait(turn)) state.propagate(turn);
  state.settle(std::nullopt, turn);
}

std::optional<Time> Scheduler::next_deadline() const {
  std::optional<Time> next;
  const auto consider = [&next](Time due) { next = next ? std::min(*next, due) : due; };
  if (!state_->timeouts.empty()) consider(state_->timeouts.begin()->first);
  if (!state_->patience.empty()) consider(state_->patience.begin()->first);
  if (!state_->watched.empty()) consider(state_->watched.top().key);
  return next;
}

// ---- queries ---------------------------------------------------------------------------------

bool Scheduler::is_known(TaskId task) const {
  return state_->tasks.find(task).has_value() || state_->finished.find(task).has_value();
}

std::optional<EngineId> Scheduler::engine_of_finished(TaskId task) const {
  const std::optional<Outcome> outcome = state_->finished.find(task);
  return outcome ? outcome->engine : std::nullopt;
}

std::size_t Scheduler::waiting_count() const {
  return state_->queues.ready_count() + state_->queues.blocked_count();
}

std::size_t Scheduler::outstanding_count() const { return state_->outstanding; }

std::vector<TaskId> Scheduler::tasks_on(EngineId engine) const {
  std::vector<TaskId> ids;
  const std::optional<EngineSlot> slot = state_->engines.find(engine);
  if (!slot) return ids;
  for (TaskSlot task : state_->engines[*slot].tasks.slots(state_->tasks)) {
    ids.push_back(state_->tasks[task].id);
  }
  return ids;
}

Scheduler::ResourceSums Scheduler::resources() const {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> sums;  // offered, free
  for (EngineSlot slot : state_->engines.live()) {
    for (const Amount& amount : state_->queues.offer(slot)) {
      sums[amount.name].first += amount.thousandths;
    }
    for (const Amount& amount : state_->engines[slot].free) {
      sums[amount.name].second += amount.thousandths;
    }
  }
  ResourceSums result;
  for (const auto& [name, sum] : sums) {
    result.offered.push_back({name, sum.first});
    result.held.push_back({name, sum.first - sum.second});
  }
  return result;
}

std::vector<TaskId> Scheduler::waiting_tasks() const {
  std::vector<TaskId> ids;
  for (TaskSlot slot : state_->tasks.all()) {
    if (!state_->tasks[slot].is<Running>()) ids.push_back(state_->tasks[slot].id);
  }
  return ids;
}

}  // namespace engineroom::scheduler
