#include "scheduler/task_graph.h"

#include <algorithm>
#include <cassert>

#include "scheduler/sanity.h"

namespace engineroom::scheduler {

namespace {

Condition condition_of(const Dependency& dependency) {
  return {.all = dependency.all,
          .success = dependency.success,
          .failure = dependency.failure,
          .met = dependency.empty(),
          .unresolved = static_cast<std::uint32_t>(dependency.tasks.size())};
}

// Nothing that can happen to a task would satisfy it.
bool is_contradiction(const Dependency& dependency) {
  return !dependency.empty() && !dependency.success && !dependency.failure;
}

// push_back that first drops what is stale, if the vector would have to grow. Doubling the room
// when little was stale keeps it O(1) amortised.
template <typename T, typename IsStale>
void push_swept(std::vector<T>& values, T value, IsStale is_stale) {
  if (values.size() == values.capacity()) {
    std::erase_if(values, is_stale);
    if (values.size() > values.capacity() / 2) values.reserve(values.capacity() * 2);
  }
  values.push_back(value);
}

}  // namespace

bool TaskGraph::knows(const std::vector<TaskId>& dependencies) const {
  return std::all_of(dependencies.begin(), dependencies.end(),
                     [this](TaskId id) { return tasks_.find(id) || finished_.find(id); });
}

TaskGraph::Verdict TaskGraph::add(TaskSlot slot, const TaskOptions& options) {
  if (is_contradiction(options.after) || is_contradiction(options.follow)) {
    return Verdict::kImpossible;
  }
  Task& task = tasks_[slot];
  task.waits = std::make_unique<Waits>();
  task.waits->after = condition_of(options.after);
  task.waits->follow = condition_of(options.follow);
  task.waits->inputs = condition_of({.tasks = options.inputs});
  task.waits->has_follow = !options.follow.empty();
  task.waits->targets = task.cls;
  // First what is known already: if that makes it impossible, no edge need be made.
  if (note_finished(slot, options.inputs, Edge::kInput) == Progress::kInputFailed) {
    return Verdict::kInputFailed;
  }
  if (note_finished(slot, options.after.tasks, Edge::kAfter) == Progress::kImpossible ||
      note_finished(slot, options.follow.tasks, Edge::kFollow) == Progress::kImpossible) {
    return Verdict::kImpossible;
  }
  subscribe(slot, options.after.tasks, Edge::kAfter);
  subscribe(slot, options.follow.tasks, Edge::kFollow);
  subscribe(slot, options.inputs, Edge::kInput);
  return task.waits->met() ? Verdict::kMet : Verdict::kBlocked;
}

TaskGraph::Progress TaskGraph::note_finished(TaskSlot slot, const std::vector<TaskId>& sources,
                                             Edge edge) {
  for (TaskId id : sources) {
    const std::optional<Outcome> outcome = finished_.find(id);
    if (!outcome) continue;
    const Progress progress = note(slot, edge, id, *outcome);
    if (progress == Progress::kImpossible || progress == Progress::kInputFailed) return progress;
  }
  return Progress::kNone;
}

void TaskGraph::subscribe(TaskSlot slot, const std::vector<TaskId>& sources, Edge edge) {
  for (TaskId id : sources) {
    const std::optional<TaskSlot> source = tasks_.find(id);
    if (!source) continue;
    push_swept(tasks_[*source].dependents, {tasks_.ref(slot), edge},
               [this](const Dependent& dependent) { return !tasks_.is_current(dependent.task); });
  }
}

void TaskGraph::resolve(TaskId source, const std::vector<Dependent>& dependents,
                        const Outcome& outcome, std::vector<Change>& changes) {
  for (const Dependent& dependent : dependents) {
    const TaskRef ref = dependent.task;
    if (!tasks_.is_current(ref) || !tasks_[ref.slot].waits) continue;
    const bool was_met = tasks_[ref.slot].waits->met();
    const Progress progress = note(ref.slot, dependent.edge, source, outcome);
    if (progress == Progress::kImpossible) {
      changes.push_back({Change::Kind::kImpossible, ref});
    } else if (progress == Progress::kInputFailed) {
      changes.push_back({Change::Kind::kInputFailed, ref});
    } else if (!was_met && tasks_[ref.slot].waits->met()) {
      changes.push_back({Change::Kind::kMet, ref});
    } else if (was_met && progress == Progress::kWider) {
      changes.push_back({Change::Kind::kWider, ref});
    }
  }
}

// One of the tasks that a condition names has finished.
TaskGraph::Progress TaskGraph::note(TaskSlot slot, Edge edge, TaskId source,
                                    const Outcome& outcome) {
  if (edge == Edge::kInput) return note_input(slot, source, outcome);
  Waits& waits = *tasks_[slot].waits;
  const bool follow = edge == Edge::kFollow;
  Condition& condition = follow ? waits.follow : waits.after;
  assert(condition.unresolved > 0);
  --condition.unresolved;
  const bool satisfied = outcome.ok ? condition.success : condition.failure;
  if (follow) return note_follow(slot, satisfied, outcome);
  if (condition.all) {
    condition.met = satisfied && condition.unresolved == 0;
    return satisfied ? Progress::kNone : Progress::kImpossible;
  }
  condition.met |= satisfied;
  return condition.met || condition.unresolved > 0 ? Progress::kNone : Progress::kImpossible;
}

TaskGraph::Progress TaskGraph::note_input(TaskSlot slot, TaskId source, const Outcome& outcome) {
  Task& task = tasks_[slot];
  Condition& inputs = task.waits->inputs;
  assert(inputs.unresolved > 0);
  inputs.met = --inputs.unresolved == 0;
  if (!outcome.ok) {
    task.waits->failed_input = source;
    return Progress::kInputFailed;
  }
  std::optional<EngineSlot> engine;
  if (outcome.engine) engine = engines_.find(*outcome.engine);
  if (!engine) return Progress::kNone;
  if (!task.holders) task.holders = std::make_unique<std::vector<Holder>>();
  std::vector<Holder>& holders = *task.holders;
  auto place = std::lower_bound(holders.begin(), holders.end(), *engine,
                                [](const Holder& a, EngineSlot b) { return a.engine < b; });
  if (place == holders.end() || place->engine != *engine) {
    place = holders.insert(place, {.engine = *engine});
  }
  place->bytes += outcome.bytes();
  return Progress::kNone;
}

TaskGraph::Progress TaskGraph::note_follow(TaskSlot slot, bool satisfied, const Outcome& outcome) {
  Waits& waits = *tasks_[slot].waits;
  std::optional<EngineSlot> engine;
  if (satisfied && outcome.engine) engine = engines_.find(*outcome.engine);
  if (engine && !queues_.allows(waits.targets, *engine)) engine.reset();

  std::vector<EngineSlot>& engines = waits.follow_engines;
  bool added = false;
  if (engine) {
    const auto place = std::lower_bound(engines.begin(), engines.end(), *engine);
    added = place == engines.end() || *place != *engine;
    if (added) {
      engines.insert(place, *engine);
      if (index(*engine) >= followers_.size()) followers_.resize(index(*engine) + 1);
      push_swept(followers_[index(*engine)], tasks_.ref(slot), [this](TaskRef ref) {
        return !tasks_.is_current(ref) || !tasks_[ref.slot].waits;
      });
    }
  }
  if (waits.follow.all) {
    waits.follow.met = waits.follow.unresolved == 0;
    return engine && engines.size() == 1 ? Progress::kNone : Progress::kImpossible;
  }
  waits.follow.met = !engines.empty();
  if (!waits.follow.met && waits.follow.unresolved == 0) return Progress::kImpossible;
  return added ? Progress::kWider : Progress::kNone;
}

void TaskGraph::engine_lost(EngineSlot engine, std::vector<Change>& changes) {
  if (index(engine) >= followers_.size()) return;
  const std::vector<TaskRef> followers = std::move(followers_[index(engine)]);
  followers_[index(engine)] = {};
  for (TaskRef ref : followers) {
    if (!tasks_.is_current(ref) || !tasks_[ref.slot].waits) continue;
    Waits& waits = *tasks_[ref.slot].waits;
    if (std::erase(waits.follow_engines, engine) == 0 || !waits.follow_engines.empty()) continue;
    if (waits.follow.all || waits.follow.unresolved == 0) {
      changes.push_back({Change::Kind::kImpossible, ref});
    } else {
      waits.follow.met = false;
      changes.push_back({Change::Kind::kUnmet, ref});
    }
  }
}

void TaskGraph::sanity_check() const {
  for (TaskSlot slot : tasks_.all()) {
    for (const Dependent& dependent : tasks_[slot].dependents) {
      if (!tasks_.is_current(dependent.task)) continue;
      const Task& task = tasks_[dependent.task.slot];
      if (!task.waits) continue;
      const Waits& waits = *task.waits;
      const Condition& condition = dependent.edge == Edge::kInput    ? waits.inputs
                                   : dependent.edge == Edge::kFollow ? waits.follow
                                                                     : waits.after;
      SANITY(condition.unresolved > 0);
    }
    if (!tasks_[slot].waits) continue;
    const Waits& waits = *tasks_[slot].waits;
    SANITY(!waits.follow.met || !waits.has_follow || !waits.follow_engines.empty());
    SANITY(!waits.follow.all || waits.follow_engines.size() <= 1);
    for (EngineSlot engine : waits.follow_engines) {
      SANITY(engines_.is_live(engine) && queues_.allows(waits.targets, engine));
      const std::vector<TaskRef>& followers = followers_[index(engine)];
      SANITY(std::find(followers.begin(), followers.end(), tasks_.ref(slot)) != followers.end());
    }
  }
}

}  // namespace engineroom::scheduler
