// Engines that may come, and engines that may go: what waits for the former, and who needs the
// latter.
//
// A task that demands what no engine offers is Ready like any other, in a class of no engine, and
// is sent when one joins. Only that it is not rejected is decided here: its own patience (a
// timeout) or somebody's promise (Expected) keeps it.
#include <algorithm>
#include <cassert>

#include "scheduler/state.h"

namespace engineroom::scheduler {

// ---- coming ----------------------------------------------------------------------------------

bool Scheduler::State::may_come(const Amounts& demand) const {
  return expected.anything || std::any_of(expected.offers.begin(), expected.offers.end(),
                                          [&](const Amounts& o) { return covers(o, demand); });
}

void Scheduler::State::be_patient(TaskSlot slot, Time until) {
  patient_until.emplace(slot, until);
  patience.emplace(until, slot);
}

void Scheduler::State::lose_patience(TaskSlot slot) {
  const auto found = patient_until.find(slot);
  if (found == patient_until.end()) return;
  patience.erase({found->second, slot});
  patient_until.erase(found);
}

bool Scheduler::State::waits_for_engine(TaskSlot slot) const {
  const ClassId cls = tasks[slot].cls;
  return queues.is_unoffered(cls) && (is_patient(slot) || may_come(*queues.demand(cls)));
}

bool Scheduler::State::is_runnable(TaskSlot slot) const {
  return queues.is_runnable(tasks[slot].cls) || waits_for_engine(slot);
}

// Of those whose time is up, the one whose was up first; false if there is none.
bool Scheduler::State::end_next_wait(Turn& turn) {
  const bool is_timeout =
      !timeouts.empty() && (patience.empty() || *timeouts.begin() <= *patience.begin());
  const auto& waits = is_timeout ? timeouts : patience;
  if (waits.empty() || waits.begin()->first > turn.now) return false;
  const TaskSlot slot = waits.begin()->second;
  lose_patience(slot);
  if (is_timeout || !is_runnable(slot)) reject(slot, Failure::kTimeout, std::nullopt, turn);
  return true;
}

void Scheduler::on_engines_expected(Expected expected, Time now, Effects& effects) {
  State& state = *state_;
  Turn turn{now, effects};
  state.expected = std::move(expected);
  std::vector<TaskRef> stranded;
  state.queues.find_unoffered(stranded);
  state.reject_stranded(stranded, turn);
  state.settle(std::nullopt, turn);
}

Scheduler::Backlog Scheduler::backlog_for(const std::optional<Amounts>& offer) const {
  return state_->queues.backlog(
      [&offer](const Amounts& demand) { return !offer || covers(*offer, demand); });
}

// ---- going -----------------------------------------------------------------------------------

bool Scheduler::State::needs(TaskSlot slot, EngineSlot engine) const {
  const Task& task = tasks[slot];
  if (task.holders) {
    for (const Holder& holder : *task.holders) {
      if (holder.engine == engine) return true;
    }
  }
  if (task.is<Running>()) return false;
  if (task.waits) {
    const std::vector<EngineSlot>& follows = task.waits->follow_engines;
    if (std::binary_search(follows.begin(), follows.end(), engine)) return true;
  }
  if (!queues.is_last(task.cls, engine)) return false;
  // Without it, would it wait for another? (Not one that others have failed.)
  const Demand& demand = queues.demand(task.cls);
  const bool is_any = queues.is_open(task.cls) && queues.listed_engines(task.cls).empty();
  return !is_any || !demand || !may_come(*demand);
}

bool Scheduler::is_spare(EngineId id) const {
  const State& state = *state_;
  const std::optional<EngineSlot> slot = state.engines.find(id);
  if (!slot || state.engines[*slot].is_awaited || state.engines[*slot].load() > 0) return false;
  const std::vector<TaskSlot> all = state.tasks.all();
  return std::none_of(all.begin(), all.end(),
                      [&](TaskSlot task) { return state.needs(task, *slot); });
}

}  // namespace engineroom::scheduler
