#include "scheduler/scheduler.h"

#include <algorithm>
#include <cassert>

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

std::optional<ClassId> Scheduler::State::class_of(const std::vector<EngineId>& targets) {
  if (targets.empty()) {
    queues.retain(kAnyEngine);
    return kAnyEngine;
  }
  std::vector<EngineSlot> slots;
  for (EngineId target : targets) {
    if (const std::optional<EngineSlot> slot = engines.find(target)) slots.push_back(*slot);
  }
  if (slots.empty()) return std::nullopt;
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  return queues.only(std::move(slots));
}

void Scheduler::State::set_class(Task& task, ClassId cls) {
  queues.release(task.cls);
  task.cls = cls;
}

void Scheduler::State::add_dependent_task(TaskSlot slot, const TaskOptions& options, Turn& turn) {
  const TaskGraph::Verdict verdict = graph.add(slot, options);
  Task& task = tasks[slot];
  if (task.waits) queues.retain(task.waits->targets);
  switch (verdict) {
    case TaskGraph::Verdict::kImpossible:
      return reject(slot, Failure::kImpossibleDependency, std::nullopt, turn);
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

void Scheduler::on_engine_joined(EngineId engine, Time now, Effects& effects, bool gives_back) {
  State& state = *state_;
  Turn turn{now, effects};
  assert(!state.engines.find(engine));
  const EngineSlot slot = state.engines.add(engine);
  state.engines[slot].last_used = ++state.last_use;
  if (!gives_back) state.engines[slot].prefetch.forbid();
  state.queues.add_engine(slot);
  // Tasks that are stuck somewhere and had nowhere else to go may go here.
  for (EngineSlot other : state.engines.live()) {
    if (state.is_auto() && state.engines[other].load() >= 2) state.watch(other);
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
  if (unknown_dependency || !state.graph.knows(options.after) ||
      !state.graph.knows(options.follow)) {
    return state.refuse(task, Failure::kInvalidDependency, turn);
  }
  const std::optional<ClassId> cls = state.class_of(options.targets);
  if (!cls) return state.refuse(task, Failure::kNoEngineLeft, turn);

  const TaskSlot slot = state.tasks.add(task);
  state.tasks[slot].cls = *cls;
  state.tasks[slot].retries_left = std::max(0, options.retries);
  if (options.after.empty() && options.follow.empty()) {
    state.place(slot, turn);
    return state.take_back_tasks(turn);
  }
  state.add_dependent_task(slot, options, turn);
  state.settle(std::nullopt, turn);
}

bool Scheduler::on_task_replied(TaskId task, EngineId engine, bool ok, bool dependencies_met,
                                Time now, Effects& effects) {
  State& state = *state_;
  Turn turn{now, effects};
  const std::optional<TaskSlot> slot = state.running_on(task, engine);
  if (!slot) return false;
  const Running running = state.tasks[*slot].running();
  state.take_off_engine(*slot);
  state.note_reply(running.engine, running.sent, now);
  if (ok && dependencies_met) {
    state.deliver(*slot, running.engine, true, turn);
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
  if (running.take_back && !running.abort_requested) {
    state.to_place.push_back(*slot);
  } else {
    state.deliver(*slot, running.engine, false, turn);
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
  while (!state.timeouts.empty() && state.timeouts.begin()->first <= now) {
    state.reject(state.timeouts.begin()->second, Failure::kTimeout, std::nullopt, turn);
    state.propagate(turn);
  }
  state.settle(std::nullopt, turn);
}

std::optional<Time> Scheduler::next_deadline() const {
  std::optional<Time> next;
  if (!state_->timeouts.empty()) next = state_->timeouts.begin()->first;
  if (!state_->watched.empty()) {
    const Time due = state_->watched.top().key;
    next = next ? std::min(*next, due) : due;
  }
  return next;
}

// ---- queries ---------------------------------------------------------------------------------

bool Scheduler::is_known(TaskId task) const {
  return state_->tasks.find(task).has_value() || state_->finished.find(task).has_value();
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

std::vector<TaskId> Scheduler::waiting_tasks() const {
  std::vector<TaskId> ids;
  for (TaskSlot slot : state_->tasks.all()) {
    if (!state_->tasks[slot].is<Running>()) ids.push_back(state_->tasks[slot].id);
  }
  return ids;
}

}  // namespace engineroom::scheduler
