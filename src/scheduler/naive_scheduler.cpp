#include "scheduler/naive_scheduler.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace engineroom::scheduler {

NaiveScheduler::NaiveTask& NaiveScheduler::find(TaskId id) {
  return *std::find_if(tasks_.begin(), tasks_.end(), [id](auto& task) { return task.id == id; });
}

int NaiveScheduler::load(EngineId engine) const {
  return static_cast<int>(std::count_if(tasks_.begin(), tasks_.end(), [engine](auto& task) {
    return task.state == State::kRunning && task.engine == engine;
  }));
}

// ---- events ----------------------------------------------------------------------------------

void NaiveScheduler::join(EngineId engine, const Amounts& offer) {
  offers_[engine] = offer;
  last_used_[engine] = ++uses_;
  settle();
}

void NaiveScheduler::lose(EngineId engine) {
  last_used_.erase(engine);
  for (NaiveTask& task : tasks_) {
    if (task.state != State::kRunning || task.engine != engine) continue;
    task.state = State::kWaiting;
    task.engine.reset();
    if (task.retries == 0 || !has_hope(task)) {
      reject(task, Failure::kEngineDied, engine);
    } else {
      --task.retries;
      effects_.push_back(Retry{task.id, engine});
    }
  }
  settle();
}

void NaiveScheduler::expect(const Scheduler::Expected& expected) {
  expected_ = expected;
  settle();
}

void NaiveScheduler::submit(TaskId id, const TaskOptions& options, Time now) {
  NaiveTask task;
  task.id = id;
  task.options = options;
  task.retries = options.retries;
  if (options.timeout > Duration::zero()) task.deadline = now + options.timeout;
  if (!options.targets.empty()) task.allowed.emplace();
  task.patient = task.deadline && options.targets.empty();
  for (EngineId target : options.targets) {
    if (is_live(target)) task.allowed->insert(target);
  }
  // One that has nowhere to go is not taken in at all.
  if (is_taken_in(task)) task.turn = next_turn(task);
  tasks_.push_back(task);
  settle();
}

void NaiveScheduler::reply(TaskId id, bool ok, bool met, std::uint64_t bytes) {
  NaiveTask& task = find(id);
  const EngineId engine = *task.engine;
  task.state = State::kWaiting;
  task.failed_on.insert(engine);
  const bool again = !ok && (!met || task.retries > 0) && has_hope(task);
  if (again) {
    if (met) --task.retries;
    task.engine.reset();
    effects_.push_back(Retry{id, engine});
  } else if (!met) {
    task.engine.reset();
    reject(task, Failure::kNoEngineLeft);
  } else {
    task.state = State::kDone;
    task.ok = ok;
    task.bytes = bytes;
    effects_.push_back(Deliver{id});
  }
  settle();
}

void NaiveScheduler::give_back(TaskId id) {
  NaiveTask& task = find(id);
  task.state = State::kDone;
  effects_.push_back(Deliver{id});
  settle();
}

void NaiveScheduler::abort(TaskId id) {
  NaiveTask& task = find(id);
  if (task.state == State::kWaiting) reject(task, Failure::kAborted);
  settle();
}

void NaiveScheduler::time(Time now) {
  // One at a time: the end of the first may make another impossible before its time is up.
  for (;;) {
    NaiveTask* due = nullptr;
    for (NaiveTask& task : tasks_) {
      if (task.state != State::kWaiting || task.sent_before || !task.deadline) continue;
      if (is_ready(task) && !task.patient) continue;
      if (*task.deadline <= now && (!due || *task.deadline < *due->deadline)) due = &task;
    }
    if (!due) break;
    due->patient = false;
    if (is_ready(*due) && has_hope(*due)) continue;
    reject(*due, Failure::kTimeout);
    while (reject_one()) {
    }
  }
  settle();
}

Effects NaiveScheduler::take_effects() { return std::exchange(effects_, {}); }

// ---- questions -------------------------------------------------------------------------------

bool NaiveScheduler::satisfies(const Dependency& dependency, const NaiveTask& task) const {
  return task.ok ? dependency.success : dependency.failure;
}

NaiveScheduler::Answer NaiveScheduler::after(const NaiveTask& task) {
  const Dependency& dependency = task.options.after;
  if (dependency.empty()) return Answer::kMet;
  if (!dependency.success && !dependency.failure) return Answer::kImpossible;
  std::size_t open = 0;
  std::size_t satisfied = 0;
  for (TaskId id : dependency.tasks) {
    const NaiveTask& other = find(id);
    if (other.state != State::kDone) {
      ++open;
    } else if (satisfies(dependency, other)) {
      ++satisfied;
    }
  }
  const std::size_t needed = dependency.all ? dependency.tasks.size() : 1;
  if (satisfied >= needed) return Answer::kMet;
  return satisfied + open < needed ? Answer::kImpossible : Answer::kOpen;
}

NaiveScheduler::Answer NaiveScheduler::inputs(const NaiveTask& task) {
  Answer answer = Answer::kMet;
  for (TaskId id : task.options.inputs) {
    const NaiveTask& other = find(id);
    if (other.state == State::kDone && !other.ok) return Answer::kImpossible;
    if (other.state != State::kDone) answer = Answer::kOpen;
  }
  return answer;
}

TaskId NaiveScheduler::failed_input(const NaiveTask& task) {
  return *std::find_if(task.options.inputs.begin(), task.options.inputs.end(), [this](TaskId id) {
    return find(id).state == State::kDone && !find(id).ok;
  });
}

std::optional<EngineId> NaiveScheduler::holder(const NaiveTask& task) {
  std::map<EngineId, std::uint64_t> bytes;
  for (TaskId id : task.options.inputs) {
    const NaiveTask& other = find(id);
    if (other.engine && is_live(*other.engine)) {
      bytes[*other.engine] += std::uint64_t{1} << std::bit_width(other.bytes);
    }
  }
  std::optional<EngineId> best;
  for (const auto& [engine, size] : bytes) {
    if (!best || size > bytes[*best]) best = engine;
  }
  return best;
}

NaiveScheduler::Answer NaiveScheduler::follow(const NaiveTask& task, std::set<EngineId>& engines) {
  const Dependency& dependency = task.options.follow;
  if (dependency.empty()) return Answer::kMet;
  if (!dependency.success && !dependency.failure) return Answer::kImpossible;
  bool open = false;
  bool lost = false;
  for (TaskId id : dependency.tasks) {
    const NaiveTask& other = find(id);
    if (other.state != State::kDone) {
      open = true;
    } else if (satisfies(dependency, other) && other.engine && is_live(*other.engine) &&
               (!task.allowed || task.allowed->contains(*other.engine)) &&
               is_offered(task, *other.engine)) {
      engines.insert(*other.engine);
    } else {
      lost = true;
    }
  }
  if (dependency.all) {
    if (lost || engines.size() > 1) return Answer::kImpossible;
    return open ? Answer::kOpen : Answer::kMet;
  }
  if (!engines.empty()) return Answer::kMet;
  return open ? Answer::kOpen : Answer::kImpossible;
}

std::optional<std::set<EngineId>> NaiveScheduler::allowed(const NaiveTask& task) {
  if (task.sent_before || task.options.follow.empty()) return task.allowed;
  std::set<EngineId> engines;
  if (follow(task, engines) == Answer::kMet) return engines;
  return task.allowed;
}

bool NaiveScheduler::is_ready(const NaiveTask& task) {
  std::set<EngineId> engines;
  return after(task) == Answer::kMet && inputs(task) == Answer::kMet &&
         follow(task, engines) == Answer::kMet;
}

bool NaiveScheduler::waits_for_engine(const NaiveTask& task) {
  if (allowed(task) || task.options.resources.empty()) return false;
  for (const auto& [engine, last_used] : last_used_) {
    if (is_offered(task, engine)) return false;
  }
  return task.patient || expected_.anything ||
         std::any_of(expected_.offers.begin(), expected_.offers.end(),
                     [&](const Amounts& offer) { return covers(offer, task.options.resources); });
}

bool NaiveScheduler::is_taken_in(const NaiveTask& task) {
  if (!task.allowed && last_used_.empty()) return true;
  if (waits_for_engine(task)) return true;
  return std::any_of(last_used_.begin(), last_used_.end(), [&](const auto& engine) {
    return is_offered(task, engine.first) &&
           (!task.allowed || task.allowed->contains(engine.first));
  });
}

bool NaiveScheduler::is_offered(const NaiveTask& task, EngineId engine) const {
  const auto found = offers_.find(engine);
  return found != offers_.end() && covers(found->second, task.options.resources);
}

bool NaiveScheduler::may_run_on(const NaiveTask& task, EngineId engine) {
  if (task.failed_on.contains(engine) || !is_offered(task, engine)) return false;
  const auto engines = allowed(task);
  return !engines || engines->contains(engine);
}

bool NaiveScheduler::has_hope(const NaiveTask& task) {
  if (last_used_.empty() && !allowed(task)) return true;
  if (waits_for_engine(task)) return true;
  return std::any_of(last_used_.begin(), last_used_.end(),
                     [&](const auto& engine) { return may_run_on(task, engine.first); });
}

// ---- decisions -------------------------------------------------------------------------------

void NaiveScheduler::reject(NaiveTask& task, Failure why, std::optional<EngineId> engine,
                            std::optional<TaskId> input) {
  task.state = State::kDone;
  task.ok = false;
  effects_.push_back(Reject{task.id, why, engine, input});
}

// Rejects the first task that has no hope; false if there is none.
bool NaiveScheduler::reject_one() {
  for (NaiveTask& task : tasks_) {
    if (task.state != State::kWaiting) continue;
    std::set<EngineId> engines;
    if (!task.sent_before && inputs(task) == Answer::kImpossible) {
      reject(task, Failure::kInputFailed, {}, failed_input(task));
      return true;
    }
    if (!task.sent_before &&
        (after(task) == Answer::kImpossible || follow(task, engines) == Answer::kImpossible)) {
      reject(task, Failure::kImpossibleDependency);
      return true;
    }
    if (!has_hope(task)) {
      reject(task, Failure::kNoEngineLeft);
      return true;
    }
  }
  return false;
}

bool NaiveScheduler::has_room(EngineId engine) const {
  return config_.high_water_mark <= 0 || load(engine) < config_.high_water_mark;
}

void NaiveScheduler::settle() {
  while (reject_one()) {
  }
  for (NaiveTask* task : in_order()) {
    if (task->state == State::kWaiting) place(*task);
  }
}

bool NaiveScheduler::takes_any_engine(const NaiveTask& task) {
  return !task.allowed && task.options.resources.empty();
}

std::uint64_t NaiveScheduler::next_turn(const NaiveTask& task) {
  const auto is_alike = [&task](const NaiveTask& other) {
    return other.options.priority == task.options.priority &&
           other.options.client == task.options.client;
  };
  std::uint64_t& given = given_turn_[{task.options.priority, task.options.client}];
  const bool waits = std::any_of(tasks_.begin(), tasks_.end(), [&](const NaiveTask& other) {
    return is_alike(other) && other.state == State::kWaiting && !other.sent_before;
  });
  if (!waits) given = 0;
  given = std::max(given, sent_turn_[{task.options.priority, takes_any_engine(task)}]) + 1;
  return given;
}

// Higher priorities first, then earlier turns, then as submitted.
std::vector<NaiveScheduler::NaiveTask*> NaiveScheduler::in_order() {
  std::vector<NaiveTask*> order;
  for (NaiveTask& task : tasks_) order.push_back(&task);
  std::stable_sort(order.begin(), order.end(), [](const NaiveTask* a, const NaiveTask* b) {
    return std::pair{-a->options.priority, a->turn} < std::pair{-b->options.priority, b->turn};
  });
  return order;
}

void NaiveScheduler::place(NaiveTask& task) {
  std::set<EngineId> ignored;
  if (!task.sent_before && (after(task) != Answer::kMet || inputs(task) != Answer::kMet)) return;
  if (!task.sent_before && follow(task, ignored) != Answer::kMet) return;
  std::optional<EngineId> best;
  std::pair<int, int> best_rank;
  for (const auto& [engine, last_used] : last_used_) {
    if (!has_room(engine) || !may_run_on(task, engine)) continue;
    const int load_rank = config_.policy == PolicyKind::kLeastLoad ? load(engine) : 0;
    const std::pair<int, int> rank{load_rank, last_used};
    if (best && best_rank < rank) continue;
    best = engine;
    best_rank = rank;
  }
  const std::optional<EngineId> preferred = holder(task);
  if (preferred && has_room(*preferred) && may_run_on(task, *preferred)) best = preferred;
  if (!best) return;
  task.allowed = allowed(task);
  task.sent_before = true;
  task.patient = false;
  std::uint64_t& turn = sent_turn_[{task.options.priority, takes_any_engine(task)}];
  turn = takes_any_engine(task) ? std::max(turn, task.turn) : task.turn;
  task.state = State::kRunning;
  task.engine = best;
  last_used_[*best] = ++uses_;
  effects_.push_back(Send{task.id, *best});
}

}  // namespace engineroom::scheduler
