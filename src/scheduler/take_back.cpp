// Taking queued tasks back from an engine that is stuck on a long one, when another engine is idle.
//
// Fetching ahead bets that the next tasks are as short as the last ones were. When the bet is lost,
// tasks wait behind a long one. An engine that holds more than one task is *watched*; if it has
// worked for `take_back_after` on the same one it is *stuck*: it fetches ahead no more, and as soon
// as an engine is idle it is asked to give back what it has not started. What it gives back is
// again the oldest in its queue.
#include <algorithm>
#include <cassert>

#include "scheduler/state.h"

namespace engineroom::scheduler {

namespace {

// Stuck engines asked per event. A bound, since with odd constraints none of them may have anything
// for the idle engine; the next event asks the next ones.
constexpr int kVictimsPerEvent = 8;

}  // namespace

// REQUIRES: it has a task.
Time Scheduler::State::working_since(const Engine& engine) const {
  const Time sent = tasks[engine.tasks.front()].running().sent;
  return engine.last_reply ? std::max(sent, *engine.last_reply) : sent;
}

// A time that is too early is corrected when it comes: replies need not touch the heap.
void Scheduler::State::watch(EngineSlot slot) {
  if (engines[slot].is_awaited || watched.contains(slot) || stuck.contains(slot)) return;
  watched.put(slot, working_since(engines[slot]) + config.take_back_after);
}

// The engine has answered a task, which has been taken off it.
void Scheduler::State::note_reply(EngineSlot slot, Time sent, Time now) {
  Engine& engine = engines[slot];
  const Time started = engine.last_reply ? std::max(sent, *engine.last_reply) : sent;
  engine.last_reply = now;
  if (!is_auto()) return;
  engine.prefetch.observe(now - started, config);
  stuck.erase(slot);
  if (engine.load() >= 2) watch(slot);
}

void Scheduler::State::take_back_tasks(Turn& turn) {
  if (!is_auto()) return;
  find_stuck_engines(turn.now);
  for (int i = 0; i < kVictimsPerEvent; ++i) {
    if (stuck.empty() || pool->size() <= taking_back) return;
    const EngineSlot victim = stuck.pop().item;
    take_back_from(victim, turn);
    if (could_help(victim)) stuck.put(victim, ++stuck_count);
  }
}

void Scheduler::State::find_stuck_engines(Time now) {
  while (!watched.empty() && watched.top().key <= now) {
    const EngineSlot slot = watched.pop().item;
    Engine& engine = engines[slot];
    if (engine.load() < 2) continue;
    const Time due = working_since(engine) + config.take_back_after;
    if (due > now) {
      watched.put(slot, due);
      continue;
    }
    engine.prefetch.reset();
    update_pools(slot);
    if (could_help(slot)) stuck.put(slot, ++stuck_count);
  }
}

// True if a task is queued there that some other engine may run and that was not asked for yet.
bool Scheduler::State::could_help(EngineSlot slot) const {
  const TaskSlot first = engines[slot].tasks.front();
  for (TaskSlot queued = tasks[first].next; queued != kNoTask; queued = tasks[queued].next) {
    const Task& task = tasks[queued];
    if (!task.running().take_back && queues.allowed_count(task.cls) > 1) return true;
  }
  return false;
}

void Scheduler::State::take_back_from(EngineSlot slot, Turn& turn) {
  const Engine& engine = engines[slot];
  for (TaskSlot queued = tasks[engine.tasks.front()].next; queued != kNoTask;
       queued = tasks[queued].next) {
    Task& task = tasks[queued];
    if (task.running().take_back || task.running().abort_requested) continue;
    if (!is_idle_engine_for(task.cls)) continue;
    task.running().take_back = true;
    ++taking_back;
    turn.effects.push_back(TakeBack{task.id, engine.id});
  }
}

bool Scheduler::State::is_idle_engine_for(ClassId cls) const {
  // (Never sent ahead; it may have been by an earlier scheduler, before a restart.)
  if (queues.demand(cls)) {
    const std::vector<EngineSlot> live = engines.live();
    return std::any_of(live.begin(), live.end(), [&](EngineSlot slot) {
      return pool->contains(slot) && queues.allows(cls, slot);
    });
  }
  const std::vector<EngineSlot>& listed = queues.listed_engines(cls);
  std::size_t idle_and_listed = 0;
  for (EngineSlot engine : listed) idle_and_listed += pool->contains(engine) ? 1 : 0;
  return queues.is_open(cls) ? pool->size() > idle_and_listed : idle_and_listed > 0;
}

}  // namespace engineroom::scheduler
