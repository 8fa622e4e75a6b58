// Going on after an earlier scheduler: its engines come back one by one, each with what it holds.
#include <algorithm>
#include <cassert>

#include "scheduler/state.h"

namespace engineroom::scheduler {

void Scheduler::restore_engine(EngineId engine, Amounts offer) {
  State& state = *state_;
  assert(!state.engines.find(engine));
  const EngineSlot slot = state.engines.add(engine);
  state.engines[slot].last_used = ++state.last_use;
  state.engines[slot].is_awaited = true;
  state.engines[slot].free = offer;
  state.queues.add_engine(slot, std::move(offer));
}

void Scheduler::restore_finished(TaskId task, bool ok, std::optional<EngineId> engine) {
  if (!is_known(task)) state_->finished.remember(task, {.ok = ok, .engine = engine});
}

void Scheduler::restore_running(TaskId id, const TaskOptions& options, EngineId engine_id,
                                bool is_abort_requested, Time now) {
  State& state = *state_;
  assert(!is_known(id) && is_awaited(engine_id));
  const EngineSlot engine = *state.engines.find(engine_id);
  const TaskSlot slot = state.tasks.add(id);
  Task& task = state.tasks[slot];
  task.retries_left = std::max(0, options.retries);
  // What it followed has been forgotten, perhaps: then it runs here or nowhere.
  std::optional<ClassId> cls;
  if (options.follow.empty()) cls = state.class_of(options, false);
  if (!cls) {
    TaskOptions here = options;
    here.targets = {engine_id};
    cls = state.class_of(here, false);
  }
  // (It may even have been sent by a scheduler that knew nothing of resources.)
  task.cls = cls ? *cls : state.queues.only({engine});
  if (const Demand& demand = state.queues.demand(task.cls)) {
    task.demands = true;
    take(state.engines[engine].free, *demand);
  }
  task.state = Running{
      .engine = engine, .sent = now, .abort_requested = is_abort_requested, .restored = true};
  state.engines[engine].tasks.push_back(state.tasks, slot);
  ++state.outstanding;
}

bool Scheduler::is_awaited(EngineId engine) const {
  const std::optional<EngineSlot> slot = state_->engines.find(engine);
  return slot && state_->engines[*slot].is_awaited;
}

void Scheduler::on_engine_returned(EngineId id, const std::unordered_set<TaskId>& held,
                                   bool gives_back, Time now, Effects& effects) {
  State& state = *state_;
  Turn turn{now, effects};
  if (!is_awaited(id)) return;
  const EngineSlot slot = *state.engines.find(id);
  Engine& engine = state.engines[slot];
  engine.is_awaited = false;
  if (!gives_back) engine.prefetch.forbid();
  for (TaskSlot task : engine.tasks.slots(state.tasks)) {
    if (held.contains(state.tasks[task].id)) continue;
    const bool is_unwanted = state.tasks[task].running().abort_requested;
    state.take_off_engine(task);
    if (is_unwanted) {
      state.reject(task, Failure::kAborted, std::nullopt, turn);
    } else {
      state.to_place.push_back(task);
    }
  }
  // Others may have waited for an engine while it was away, and it may hold several.
  if (state.is_auto() && engine.load() >= 2) state.watch(slot);
  state.settle(slot, turn);
}

}  // namespace engineroom::scheduler
