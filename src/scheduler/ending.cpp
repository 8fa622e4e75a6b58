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
  if (!task.dependents.empty()) resolved.push_back({task.id, std::move(task.dependents), outcome});
  drop_waits(task);
  stop_counting(task);
  lose_patience(slot);
  queues.release(task.cls);
  tasks.remove(slot);
}

// The reply of the engine, from which the task has been taken off, goes to the client.
void Scheduler::State::deliver(TaskSlot slot, EngineSlot engine, bool ok, std::uint64_t bytes,
                               Turn& turn) {
  turn.effects.push_back(Deliver{tasks[slot].id});
  finish(slot, {.ok = ok, .engine = engines[engine].id, .size_bits = Outcome::bits_of(bytes)});
}

void Scheduler::State::reject(TaskSlot slot, Failure why, std::optional<EngineId> engine,
                              Turn& turn) {
  turn.effects.push_back(Reject{tasks[slot].id, why, engine});
  end_rejected(slot);
}

void Scheduler::State::reject_for_input(TaskSlot slot, Turn& turn) {
  const TaskId input = tasks[slot].waits->failed_input;
  turn.effects.push_back(Reject{tasks[slot].id, Failure::kInputFailed, std::nullopt, input});
  end_rejected(slot);
}

void Scheduler::State::end_rejected(TaskSlot slot) {
  detach(slot);
  finish(slot, {.ok = false});
}

// Like reject, for a task that is not taken in at all.
void Scheduler::State::refuse(TaskId id, Failure why, Turn& turn) {
  turn.effects.push_back(Reject{id, why, std::nullopt});
  finished.remember(id, {.ok = false});
}

// REQUIRES: no engine can run a task of this class.
Failure Scheduler::State::why_unrunnable(ClassId cls) const {
  const Demand& demand = queues.demand(cls);
  if (!demand || !queues.is_open(cls)) return Failure::kNoEngineLeft;
  const bool offered = !queues.listed_engines(cls).empty();  // but they failed it
  return offered ? Failure::kNoEngineLeft : Failure::kNoSuchResources;
}

// The engine, which has answered, could not do it: another one may (`unmet`: a functional
// dependency was not met there, which is nobody's failure).
void Scheduler::State::fail_on(TaskSlot slot, EngineSlot engine, bool unmet, Turn& turn) {
  Task& task = tasks[slot];
  std::optional<ClassId> others;
  if (unmet || task.retries_left > 0) others = queues.without(task.cls, engine);
  if (!others) {
    if (unmet) return reject(slot, Failure::kNoEngineLeft, std::nullopt, turn);
    return deliver(slot, engine, false, 0, turn);
  }
  if (!unmet) --task.retries_left;
  set_class(task, *others);
  turn.effects.push_back(Retry{task.id, engines[engine].id});
  to_place.push_back(slot);
}

// The engine that had it is gone, from the classes too.
void Scheduler::State::lose(TaskSlot slot, EngineId engine, Turn& turn) {
  Task& task = tasks[slot];
  if (task.retries_left == 0 || !is_runnable(slot)) {
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
    if (is_runnable(ref.slot)) continue;
    reject(ref.slot, why_unrunnable(tasks[ref.slot].cls), std::nullopt, turn);
  }
}

// ---- consequences ----------------------------------------------------------------------------

void Scheduler::State::propagate(Turn& turn) {
  while (!resolved.empty()) {
    const Resolved done = std::move(resolved.front());
    resolved.pop_front();
    changes.clear();
    graph.resolve(done.task, done.dependents, done.outcome, changes);
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
    case Change::Kind::kInputFailed:
      return reject_for_input(slot, turn);
    case Change::Kind::kMet:
      unblock(slot);
      return become_ready(slot, turn);
    case Change::Kind::kWider:
      if (task.is<Placing>()) return follow(task);
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
    follow(task);
  } else {
    drop_waits(task);
  }
  if (!is_runnable(slot)) {
    return reject(slot, why_unrunnable(task.cls), std::nullopt, turn);
  }
  to_place.push_back(slot);
}

// It may run on the engines that it follows. (Those offer what it demands: its targets do.)
void Scheduler::State::follow(Task& task) {
  set_class(task, queues.only(task.waits->follow_engines, queues.demand(task.cls)));
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
