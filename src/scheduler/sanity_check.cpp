// Every cross-reference of the scheduler's state, asserted. Linear or worse: called after
// every step in tests, never elsewhere.
#include <algorithm>
#include <map>

#include "scheduler/sanity.h"
#include "scheduler/state.h"

namespace engineroom::scheduler {

void Scheduler::State::check_engine(EngineSlot slot) const {
  const Engine& engine = engines[slot];
  SANITY(engines.find(engine.id) == slot);
  for (TaskSlot task : engine.tasks.slots(tasks)) {
    SANITY(tasks[task].is<Running>());
    SANITY(tasks[task].running().engine == slot);
  }
  Amounts held;
  for (TaskSlot task : engine.tasks.slots(tasks)) {
    if (const Demand& demand = queues.demand(tasks[task].cls)) {
      for (const Amount& amount : *demand) held.push_back(amount);
    }
  }
  for (const Amount& amount : engine.free) {
    std::int64_t sum = amount.thousandths;
    for (const Amount& each : held) sum += each.name == amount.name ? each.thousandths : 0;
    SANITY(queues.offers(slot, {{amount.name, sum}}));
    SANITY(!queues.offers(slot, {{amount.name, sum + 1}}));
  }
  const bool room = has_room(engine);
  const bool idle = engine.load() == 0;
  SANITY(pool->contains(slot) == (room && (idle || !is_auto())));
  SANITY(ahead->contains(slot) == (room && !idle && is_auto()));
  SANITY(!watched.contains(slot) || !stuck.contains(slot));
  SANITY(!stuck.contains(slot) || engine.load() >= 2);
  if (is_auto() && engine.load() >= 2 && engine.prefetch.limit() > 1) {
    SANITY(watched.contains(slot) || stuck.contains(slot));
  }
  SANITY(!engine.is_awaited || (!watched.contains(slot) && !stuck.contains(slot)));
  if (!is_auto() && config.high_water_mark > 0) {
    SANITY(engine.load() <= static_cast<std::size_t>(config.high_water_mark));
  }
}

void Scheduler::State::check_task(TaskSlot slot) const {
  const Task& task = tasks[slot];
  SANITY(tasks.find(task.id) == slot);
  SANITY(!finished.find(task.id));
  SANITY(!task.is<Placing>());
  SANITY(task.demands == (queues.demand(task.cls) != nullptr));
  SANITY(task.is<Blocked>() == (task.waits && !task.waits->met()));
  SANITY(!task.is<Running>() || !task.waits);
  if (!task.is<Running>()) SANITY(is_runnable(slot));
  if (const auto until = patient_until.find(slot); until != patient_until.end()) {
    SANITY(task.demands && !task.is<Running>() && patience.contains({until->second, slot}));
  }
  const bool timed = task.is<Blocked>() && task.waits->deadline;
  if (timed) SANITY(timeouts.contains({*task.waits->deadline, slot}));
  // The invariant at the top of h.
  if (!task.is<Ready>()) return;
  const Demand& demand = queues.demand(task.cls);
  for (EngineSlot engine : engines.live()) {
    if (!pool->contains(engine) || !queues.allows(task.cls, engine)) continue;
    SANITY(demand && (!fits(demand, engines[engine]) || is_reserved(task, engine)));
  }
}

// Does an older task wait there for resources?
bool Scheduler::State::is_reserved(const Task& task, EngineSlot engine) const {
  const std::vector<TaskSlot> all = tasks.all();
  return std::any_of(all.begin(), all.end(), [&](TaskSlot slot) {
    const Task& other = tasks[slot];
    return other.is<Ready>() && queues.demand(other.cls) && other.order < task.order &&
           queues.allows(other.cls, engine);
  });
}

void Scheduler::sanity_check() const {
  const State& state = *state_;
  state.queues.sanity_check();
  state.graph.sanity_check();
  std::size_t on_engines = 0;
  for (EngineSlot slot : state.engines.live()) {
    state.check_engine(slot);
    on_engines += state.engines[slot].load();
  }
  SANITY(on_engines == state.outstanding);

  SANITY(state.patience.size() == state.patient_until.size());
  std::size_t timed = 0;
  std::size_t asked_back = 0;
  std::size_t running = 0;
  std::size_t counted = 0;
  std::map<ClassId, std::uint32_t> references;
  for (TaskSlot slot : state.tasks.all()) {
    state.check_task(slot);
    const Task& task = state.tasks[slot];
    if (task.is<Blocked>() && task.waits->deadline) ++timed;
    if (task.is<Running>()) {
      ++running;
      asked_back += task.running().take_back ? 1 : 0;
    }
    counted += task.is_counted ? 1 : 0;
    ++references[task.cls];
    if (task.waits) ++references[task.waits->targets];
  }
  SANITY(timed == state.timeouts.size());
  SANITY(asked_back == state.taking_back);
  SANITY(running == state.outstanding);
  SANITY(counted == state.fair.waiting_count());
  SANITY(state.tasks.size() == running + waiting_count());
  for (const auto& [cls, count] : references) {
    SANITY(state.queues.reference_count(cls) == count + (cls == kAnyEngine ? 1 : 0));
  }
  SANITY(state.engines.size() == state.queues.engine_count());
  SANITY(state.finished.size() <= state.config.max_finished);
  SANITY(state.to_place.empty() && state.resolved.empty());
}

}  // namespace engineroom::scheduler
