// Where tasks go. Tasks are considered oldest first; each goes to the engine that the policy picks
// among those that have room and may run it, or waits until one has.
#include <algorithm>
#include <cassert>

#include "scheduler/state.h"

namespace engineroom::scheduler {

// The end of every event: `freed` is the engine that got room, if one did.
void Scheduler::State::settle(std::optional<EngineSlot> freed, Turn& turn) {
  propagate(turn);
  if (!to_place.empty()) {
    place_all(freed, turn);
  } else if (freed) {
    fill(*freed, turn);
  }
  take_back_tasks(turn);
  assert(to_place.empty() && resolved.empty());
}

// Merges what became ready with what waited for the freed engine, so that older tasks go first.
void Scheduler::State::place_all(std::optional<EngineSlot> freed, Turn& turn) {
  std::sort(to_place.begin(), to_place.end(),
            [this](TaskSlot a, TaskSlot b) { return tasks[a].order < tasks[b].order; });
  if (freed) update_pools(*freed);
  for (TaskSlot slot : to_place) {
    if (freed) fill_older_than(tasks[slot].order, *freed, turn);
    place(slot, turn);
  }
  to_place.clear();
  if (freed) fill(*freed, turn);
}

void Scheduler::State::place(TaskSlot slot, Turn& turn) {
  const ClassId cls = tasks[slot].cls;
  if (const std::optional<EngineSlot> engine = pick(*pool, cls)) {
    dispatch(slot, *engine, turn);
    update_pools(*engine);
    return;
  }
  queues.push(slot);
  if (is_auto()) top_up(cls, turn);
}

// Gives the engine what waits for it, as far as it has room and, beyond the first task, its share.
void Scheduler::State::fill(EngineSlot slot, Turn& turn) {
  Engine& engine = engines[slot];
  while (queues.ready_count() > 0 && has_room(engine)) {
    const std::optional<TaskSlot> task = queues.oldest_for(slot, is_auto() ? engine.load() : 0);
    if (!task) break;
    queues.remove(*task);
    dispatch(*task, slot, turn);
  }
  update_pools(slot);
}

void Scheduler::State::fill_older_than(Order order, EngineSlot slot, Turn& turn) {
  while (pool->contains(slot)) {
    const std::optional<TaskSlot> task = queues.oldest_for(slot);
    if (!task || tasks[*task].order > order) return;
    queues.remove(*task);
    dispatch(*task, slot, turn);
    update_pools(slot);
  }
}

// More waits in this class than before: one of its engines may fetch ahead.
void Scheduler::State::top_up(ClassId cls, Turn& turn) {
  if (ahead->size() == 0) return;
  const std::optional<EngineSlot> engine = pick(*ahead, cls);
  if (engine && engines[*engine].load() <= queues.share(cls)) fill(*engine, turn);
}

// REQUIRES: Placing. The pools are out of date afterwards.
void Scheduler::State::dispatch(TaskSlot slot, EngineSlot engine_slot, Turn& turn) {
  Task& task = tasks[slot];
  Engine& engine = engines[engine_slot];
  assert(task.is<Placing>() && has_room(engine) && queues.allows(task.cls, engine_slot));
  drop_waits(task);
  task.state = Running{.engine = engine_slot, .sent = turn.now};
  engine.tasks.push_back(tasks, slot);
  engine.last_used = ++last_use;
  ++outstanding;
  turn.effects.push_back(Send{task.id, engine.id});
  if (is_auto() && engine.load() >= 2) watch(engine_slot);
}

void Scheduler::State::take_off_engine(TaskSlot slot) {
  Task& task = tasks[slot];
  const EngineSlot engine = task.running().engine;
  engines[engine].tasks.remove(tasks, slot);
  if (engines[engine].load() < 2) stuck.erase(engine);
  if (task.running().take_back) --taking_back;
  --outstanding;
  task.state = Placing{};
}

void Scheduler::State::update_pools(EngineSlot slot) {
  const Engine& engine = engines[slot];
  const bool room = has_room(engine);
  const bool idle = engine.load() == 0;
  const EngineLoad load{.tasks = engine.load(), .last_used = engine.last_used};
  if (room && (idle || !is_auto())) {
    pool->put(slot, load);
  } else {
    pool->remove(slot);
  }
  if (!is_auto()) return;
  if (room && !idle) {
    ahead->put(slot, load);
  } else {
    ahead->remove(slot);
  }
}

bool Scheduler::State::has_room(const Engine& engine) const {
  if (config.high_water_mark < 0) return true;
  const int limit = is_auto() ? engine.prefetch.limit() : config.high_water_mark;
  return engine.load() < static_cast<std::size_t>(limit);
}

std::optional<EngineSlot> Scheduler::State::pick(Policy& from, ClassId cls) const {
  if (from.size() == 0) return std::nullopt;
  const std::vector<EngineSlot>& listed = queues.listed_engines(cls);
  return queues.is_open(cls) ? from.pick(listed) : from.pick_from(listed);
}

}  // namespace engineroom::scheduler
