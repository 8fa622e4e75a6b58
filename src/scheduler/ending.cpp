// How tasks end, and what that means for those that depend on them.
//
// The end of one task can make another impossible, whose end can make a third impossible, and so on
// for as long as a chain is. So `finish` only notes whom to tell; `propagate` tells them in a loop.
#include <cassert>

#include "scheduler/state.h"

namespace engineroom::scheduler {

// ---- ends ------------------------------------------------------------------------------------

// REQUIRES: Placing, that is in no list.
void Scheduler::State::finish(TaskSlot slot, const Outcome& outcome) {
  Task& task = tasks[slot];
  assert(task.is<Placing>());
  finished.remember(task.id, outcome);
  if (!task.dependents.empty()) resolved.push_back({std::move(task.dependents), outcome});
  drop_waits(task);
  queues.release(task.cls);
  tasks.remove(slot);
}

// The reply of the engine, from which the task has been taken off, goes to the client.
void Scheduler::State::deliver(TaskSlot slot, EngineSlot engine, bool ok, Turn& turn) {
  turn.effects.push_back(Deliver{tasks[slot].id});
  finish(slot, {.ok = ok, .engine = engines[engine].id});
}

void Scheduler::State::reject(TaskSlot slot, Failure why, std::optional<EngineId> engine,
                              Turn& turn) {
  turn.effects.push_back(Reject{tasks[slot].id, why, engine});
  detach(slot);
  finish(slot, {.ok = false, .engine = std::nullopt});
}

// Like reject, for a task that is not taken in at all.
void Scheduler::State::refuse(TaskId id, Failure why, Turn& turn) {
  turn.effects.push_back(Reject{id, why, std::nullopt});
  finished.remember(id, {.ok = false, .engine = std::nullopt});
}

// The engine, which has answered, could not do it: another one may (`unmet`: a functional
// dependency was not met there, which is nobody's failure).
void Scheduler::State::fail_on(TaskSlot slot, EngineSlot engine, bool unmet, Turn& turn) {
  Task& task = tasks[slot];
  std::optional<ClassId> others;
  if (unmet || task.retries_left > 0) others = queues.without(task.cls, engine);
  if (!others) {
    if (unmet) return reject(slot, Failure::kNoEngineLeft, std::nullopt, turn);
    return deliver(slot, engine, false, turn);
  }
  if (!unmet) --task.retries_left;
  set_class(task, *others);
  turn.effects.push_back(Retry{task.id, engines[engine].id});
  to_place.push_back(slot);
}

// The engine that had it is gone, from the classes too.
void Scheduler::State::lose(TaskSlot slot, EngineId engine, Turn& turn) {
  Task& task = tasks[slot];
  if (task.retries_left == 0 || !queues.is_runnable(task.cls)) {
    return reject(slot, Failure::kEngineDied, engine, turn);
  }
  --task.retries_left;
  turn.effects.push_back(Retry{task.id, engine});
  to_place.push_back(slot);
}

void Scheduler::State::reject_stranded(const std::vector<TaskRef>& stranded, Turn& turn) {
  for (TaskRef ref : stranded) {
    // Another reason may have come first, or it waits in another class now.
    if (!tasks.is_current(ref) || tasks[ref.slot].is<Placing>()) continue;
    if (queues.is_runnable(tasks[ref.slot].cls)) continue;
    reject(ref.slot, Failure::kNoEngineLeft, std::nullopt, turn);
  }
}

// ---- consequences ----------------------------------------------------------------------------

void Scheduler::State::propagate(Turn& turn) {
  while (!resolved.empty()) {
    const Resolved done = std::move(resolved.front());
    resolved.pop_front();
    changes.clear();
    graph.resolve(done.dependents, done.outcome, changes);
    for (const Change& change : changes) apply(change, turn);
  }
}

void Scheduler::State::apply(const Change& change, Turn& turn) {
  if (!tasks.is_current(change.task)) return;  // an earlier change ended it
  const TaskSlot slot = change.task.slot;
  Task& task = tasks[slot];
  switch (change.kind) {
    case Change::Kind::kImpossible:
      return reject(slot, Failure::kImpossibleDependency, std::nullopt, turn);
    case Change::Kind::kMet:
      unblock(slot);
      return become_ready(slot, turn);
    case Change::Kind::kWider:
      if (task.is<Placing>()) return set_class(task, queues.only(task.waits->follow_engines));
      queues.remove(slot);
      return become_ready(slot, turn);
    case Change::Kind::kUnmet:
      if (task.is<Blocked>()) return;
      queues.remove(slot);
      queues.retain(task.waits->targets);
      set_class(task, task.waits->targets);
      return block(slot);
  }
}

// Its dependencies are met: it will be placed at the end of this event.
void Scheduler::State::become_ready(TaskSlot slot, Turn& turn) {
  Task& task = tasks[slot];
  if (task.waits->has_follow) {
    // Kept until it is sent: the engines to follow may still change.
    set_class(task, queues.only(task.waits->follow_engines));
  } else {
    drop_waits(task);
  }
  if (!queues.is_runnable(task.cls)) {
    return reject(slot, Failure::kNoEngineLeft, std::nullopt, turn);
  }
  to_place.push_back(slot);
}

// Takes a task that waits out of where it waits.
void Scheduler::State::detach(TaskSlot slot) {
  if (tasks[slot].is<Blocked>()) unblock(slot);
  if (tasks[slot].is<Ready>()) queues.remove(slot);
}

void Scheduler::State::drop_waits(Task& task) {
  if (!task.waits) return;
  queues.release(task.waits->targets);
  task.waits.reset();
}

void Scheduler::State::block(TaskSlot slot) {
  queues.block(slot);
  if (const auto& deadline = tasks[slot].waits->deadline) timeouts.emplace(*deadline, slot);
}

void Scheduler::State::unblock(TaskSlot slot) {
  queues.unblock(slot);
  if (const auto& deadline = tasks[slot].waits->deadline) timeouts.erase({*deadline, slot});
}

}  // namespace engineroom::scheduler
