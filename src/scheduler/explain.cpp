// Why is this task not running? One sentence, for the person who asks.
#include <string>
#include <vector>

#include "scheduler/state.h"

namespace engineroom::scheduler {

namespace {

std::string count(std::size_t n, const char* thing) {
  return std::to_string(n) + " " + thing + (n == 1 ? "" : "s");
}

std::string describe(const Condition& condition) {
  const std::string tasks = condition.all ? count(condition.unresolved, "task")
                                          : "any of " + count(condition.unresolved, "task");
  if (condition.success && condition.failure) return tasks + " to finish";
  return tasks + (condition.success ? " to succeed" : " to fail");
}

}  // namespace

std::string Scheduler::explain(TaskId id) const {
  if (const std::optional<TaskSlot> slot = state_->tasks.find(id)) {
    const Task& task = state_->tasks[*slot];
    if (task.is<Running>()) return state_->explain_running(*slot);
    return task.is<Blocked>() ? state_->explain_blocked(task) : state_->explain_ready(task);
  }
  const std::optional<Outcome> outcome = state_->finished.find(id);
  if (!outcome) return "The scheduler does not know this task, or has forgotten it.";
  if (!outcome->engine) return "It ended without running.";
  return std::string(outcome->ok ? "It succeeded" : "It failed") + " on engine " +
         std::to_string(static_cast<int>(*outcome->engine)) + ".";
}

std::string Scheduler::State::explain_running(TaskSlot slot) const {
  std::size_t before = 0;
  for (TaskSlot at = tasks[slot].previous; at != kNoTask; at = tasks[at].previous) ++before;
  const Running& running = tasks[slot].running();
  std::string text = "It was sent to engine " + names({running.engine});
  if (before > 0) text += ", behind " + count(before, "task") + " sent earlier";
  if (running.take_back) text += ", and was asked back as another engine is idle";
  return text + ".";
}

std::string Scheduler::State::explain_blocked(const Task& task) const {
  const Waits& waits = *task.waits;
  std::string text;
  if (!waits.after.met) text = describe(waits.after);
  if (!waits.inputs.met) {
    text += text.empty() ? "" : ", and for ";
    text += describe(waits.inputs) + ", whose results it is given";
  }
  if (!waits.follow.met) {
    text += text.empty() ? "" : ", and for ";
    text += describe(waits.follow) + ", to run where they ran";
  }
  return "It waits for " + text + ".";
}

std::string Scheduler::State::explain_ready(const Task& task) const {
  if (engines.size() == 0) return "It waits for an engine: none is connected.";
  const std::vector<EngineSlot>& listed = queues.listed_engines(task.cls);
  if (queues.demand(task.cls)) return explain_demand(task);
  if (!queues.is_open(task.cls)) {
    return "It waits for room on engine " + names(listed) +
           (listed.size() > 1 ? ", the only ones" : ", the only one") + " it may run on.";
  }
  std::string text = "It waits for room: every engine has as many tasks as it may hold";
  if (!listed.empty()) text += " (engine " + names(listed) + " could not do it)";
  return text + ".";
}

std::string Scheduler::State::explain_demand(const Task& task) const {
  const std::string demand = to_string(*queues.demand(task.cls));
  if (queues.is_unoffered(task.cls)) {
    return "It waits for an engine to come that offers " + demand + ".";
  }
  return "It waits for an engine with enough to spare: it demands " + demand + ", which " +
         count(queues.allowed_count(task.cls), "engine") + " may give.";
}

// "0, 1 or 7"; at most the first eight.
std::string Scheduler::State::names(const std::vector<EngineSlot>& slots) const {
  constexpr std::size_t kMost = 8;
  std::string text;
  for (std::size_t i = 0; i < slots.size() && i < kMost; ++i) {
    if (i > 0) text += i + 1 == slots.size() ? " or " : ", ";
    text += std::to_string(static_cast<int>(engines[slots[i]].id));
  }
  if (slots.size() > kMost) text += " or " + std::to_string(slots.size() - kMost) + " others";
  return text;
}

}  // namespace engineroom::scheduler
