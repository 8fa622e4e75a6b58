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
  fill_unreserved(turn);
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
  const bool demands = tasks[slot].demands;
  std::optional<EngineSlot> engine = holder_with_room(tasks[slot]);
  if (!engine) engine = demands ? pick_for_demanding(tasks[slot]) : pick(*pool, cls);
  if (engine) {
    dispatch(slot, *engine, turn);
    update_pools(*engine);
    return;
  }
  queues.push(slot);
  if (is_auto() && !demands) top_up(cls, turn);
}

// Gives the engine what waits for it, as far as it has room and, beyond the first task, its share.
void Scheduler::State::fill(EngineSlot slot, Turn& turn) {
  Engine& engine = engines[slot];
  while (queues.ready_count() > 0 && has_room(engine)) {
    const std::optional<TaskSlot> task = next_for(slot);
    if (!task) break;
    queues.remove(*task);
    dispatch(*task, slot, turn);
  }
  update_pools(slot);
}

// The task that an engine with room is to get next, if any.
std::optional<TaskSlot> Scheduler::State::next_for(EngineSlot slot) {
  const Engine& engine = engines[slot];
  const std::optional<TaskSlot> task = queues.oldest_for(slot, is_auto() ? engine.load() : 0);
  if (queues.demanding_count() == 0) return task;
  const std::optional<TaskSlot> demanding = queues.oldest_demanding_for(slot);
  if (!demanding || (task && tasks[*task].order < tasks[*demanding].order)) return task;
  if (fits(queues.demand(tasks[*demanding].cls), engine)) return demanding;
  // With an automatic limit it needs the engine idle: so nothing is fetched ahead of it. Otherwise
  // tasks that demand nothing are not in its way.
  return is_auto() ? std::nullopt : task;
}

// Engines that were reserved for a task which has left now: others may be next there.
void Scheduler::State::fill_unreserved(Turn& turn) {
  while (queues.take_reservations_changed()) {
    if (is_auto() || config.high_water_mark == 1) return;
    for (EngineSlot slot : engines.live()) {
      if (pool->contains(slot)) fill(slot, turn);
    }
  }
}

void Scheduler::State::fill_older_than(Order order, EngineSlot slot, Turn& turn) {
  while (pool->contains(slot)) {
    const std::optional<TaskSlot> task = next_for(slot);
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
  assert(fits(queues.demand(task.cls), engine));
  drop_waits(task);
  stop_counting(task);
  lose_patience(slot);
  fair.sent(task.order.rank, queues.is_open(task.cls) && !task.demands);
  if (task.demands) take(engine.free, *queues.demand(task.cls));
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
  if (task.demands) give_back(engines[engine].free, *queues.demand(task.cls));
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
  if (engine.is_awaited) return false;
  if (config.high_water_mark < 0) return true;
  const int limit = is_auto() ? engine.prefetch.limit() : config.high_water_mark;
  return engine.load() < static_cast<std::size_t>(limit);
}

// Is as much free there? Behind another task it could not be taken back once it holds something, so
// with an automatic limit it has the engine for itself.
bool Scheduler::State::fits(const Demand& demand, const Engine& engine) const {
  if (!demand) return true;
  return is_auto() ? engine.load() == 0 : covers(engine.free, *demand);
}

// Of an engine in the pool.
bool Scheduler::State::can_take(const Task& task, EngineSlot slot) {
  if (!queues.allows(task.cls, slot)) return false;
  if (!task.demands) return true;
  if (!fits(queues.demand(task.cls), engines[slot])) return false;
  if (is_auto()) return true;
  const std::optional<TaskSlot> reserver = queues.oldest_demanding_for(slot);
  return !reserver || tasks[*reserver].order > task.order;
}

// The engine that has most of the task's inputs, if it has room (is idle, with an automatic limit).
std::optional<EngineSlot> Scheduler::State::holder_with_room(const Task& task) {
  if (!task.holders) return std::nullopt;
  const Holder* best = nullptr;
  for (const Holder& holder : *task.holders) {
    if (!engines.is_live(holder.engine)) continue;
    if (best == nullptr || holder.bytes > best->bytes) best = &holder;
  }
  if (best == nullptr || !pool->contains(best->engine)) return std::nullopt;
  return can_take(task, best->engine) ? std::optional(best->engine) : std::nullopt;
}

std::optional<EngineSlot> Scheduler::State::pick(Policy& from, ClassId cls) const {
  if (from.size() == 0) return std::nullopt;
  const std::vector<EngineSlot>& listed = queues.listed_engines(cls);
  return queues.is_open(cls) ? from.pick(listed) : from.pick_from(listed);
}

// O(engines) if the first choice has too little and nothing else of the class waits already.
std::optional<EngineSlot> Scheduler::State::pick_for_demanding(const Task& task) {
  // What keeps the older one waiting keeps this one waiting, too.
  if (pool->size() == 0 || queues.is_behind(task)) return std::nullopt;
  const std::optional<EngineSlot> first = pick(*pool, task.cls);
  if (!first || can_take(task, *first)) return first;
  std::vector<EngineSlot> able;
  for (EngineSlot slot : engines.live()) {
    if (pool->contains(slot) && can_take(task, slot)) able.push_back(slot);
  }
  return pool->pick_from(able);
}

}  // namespace engineroom::scheduler
