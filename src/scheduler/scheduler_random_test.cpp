// Thousands of random histories: against the naive scheduler where that can say what must happen,
// and against rules that hold for any policy and limit.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "scheduler/naive_scheduler.h"
#include "scheduler/test_play.h"

namespace engineroom::scheduler {
namespace {

// What everybody must be able to rely on, checked effect by effect.
class Rules {
 public:
  explicit Rules(const SchedulerConfig& config) : config_(config) {}

  void joined(EngineId engine, const Amounts& offer) {
    live_.insert(engine);
    offers_[engine] = offer;
  }
  void lost(EngineId engine) {
    live_.erase(engine);
    for (auto& [id, task] : tasks_) {
      if (task.engine == engine) task.engine.reset();
    }
  }
  void submitted(TaskId id, const TaskOptions& options) {
    tasks_[id].targets = {options.targets.begin(), options.targets.end()};
    tasks_[id].retries = options.retries;
    tasks_[id].resources = options.resources;
  }
  // The engine has answered or given the task back.
  void answered(TaskId id) { tasks_[id].engine.reset(); }

  void check(const Effects& effects) {
    for (const Effect& effect : effects) std::visit([this](const auto& e) { check(e); }, effect);
  }

  std::map<EngineId, std::vector<TaskId>> running() const {
    std::map<EngineId, std::vector<TaskId>> result;
    for (const auto& [id, task] : tasks_) {
      if (task.engine) result[*task.engine].push_back(id);
    }
    return result;
  }
  const std::set<EngineId>& live() const { return live_; }
  const std::set<TaskId>& asked_back() const { return asked_back_; }
  std::size_t unfinished() const {
    return static_cast<std::size_t>(std::count_if(
        tasks_.begin(), tasks_.end(), [](const auto& entry) { return !entry.second.ended; }));
  }

 private:
  struct Known {
    std::set<EngineId> targets;
    std::set<EngineId> failed_on;
    std::optional<EngineId> engine;
    Amounts resources;
    int retries = 0;
    bool ended = false;
  };

  void check(const Send& send) {
    Known& task = tasks_.at(send.task);
    EXPECT_FALSE(task.ended) << to_string(send);
    EXPECT_FALSE(task.engine) << "sent twice: " << to_string(send);
    EXPECT_TRUE(live_.contains(send.engine)) << to_string(send);
    EXPECT_TRUE(task.targets.empty() || task.targets.contains(send.engine)) << to_string(send);
    EXPECT_FALSE(task.failed_on.contains(send.engine)) << to_string(send);
    task.engine = send.engine;
    check_free(send);
    asked_back_.erase(send.task);
    if (config_.high_water_mark == SchedulerConfig::kUnlimited) return;
    const int limit = config_.high_water_mark == SchedulerConfig::kAuto ? config_.max_prefetch
                                                                        : config_.high_water_mark;
    EXPECT_LE(running()[send.engine].size(), static_cast<std::size_t>(limit)) << to_string(send);
  }
  // What its tasks demand together is what it offers, at most.
  void check_free(const Send& send) {
    Amounts free = offers_.at(send.engine);
    const auto on_engines = running();
    for (const TaskId id : on_engines.at(send.engine)) {
      EXPECT_TRUE(covers(free, tasks_.at(id).resources)) << to_string(send);
      take(free, tasks_.at(id).resources);
    }
  }
  void check(const Deliver& deliver) { end(deliver.task, deliver); }
  void check(const Reject& reject) { end(reject.task, reject); }
  void check(const Retry& retry) {
    EXPECT_FALSE(tasks_.at(retry.task).ended) << to_string(retry);
    EXPECT_FALSE(tasks_.at(retry.task).engine) << to_string(retry);
    tasks_.at(retry.task).failed_on.insert(retry.engine);
  }
  void check(const TakeBack& take) {
    EXPECT_EQ(tasks_.at(take.task).engine, take.engine) << to_string(take);
    EXPECT_TRUE(asked_back_.insert(take.task).second) << "asked twice: " << to_string(take);
  }
  void end(TaskId id, const Effect& effect) {
    EXPECT_FALSE(tasks_.at(id).ended) << "ended twice: " << to_string(effect);
    EXPECT_FALSE(tasks_.at(id).engine) << "still with an engine: " << to_string(effect);
    tasks_.at(id).ended = true;
  }

  SchedulerConfig config_;
  std::set<EngineId> live_;
  std::map<EngineId, Amounts> offers_;
  std::map<TaskId, Known> tasks_;
  std::set<TaskId> asked_back_;
};

// One random history.
class History {
 public:
  History(unsigned seed, const SchedulerConfig& config, bool compare, bool resources)
      : random_(seed),
        scheduler_(config),
        rules_(config),
        naive_(config),
        compare_(compare),
        resources_(resources) {}

  void run(int events) {
    for (int i = 0; i < events && !testing::Test::HasFailure(); ++i) step();
    end_all();
  }

 private:
  int draw(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool chance(int percent) { return draw(100) < percent; }

  void step() {
    now_ += std::chrono::microseconds(chance(20) ? draw(20'000) : draw(500));
    const int dice = draw(100);
    if (dice < 4 || rules_.live().empty()) {
      join();
    } else if (dice < 6) {
      lose();
    } else if (dice < 45) {
      submit();
    } else if (dice < 85) {
      answer(chance(80), chance(92));
    } else if (dice < 88) {
      give_back_unasked();
    } else if (dice < 92) {
      abort();
    } else if (dice < 94) {
      stale();
    } else if (dice < 96 && resources_) {
      expect();
    } else {
      pass_time();
    }
  }

  // Every step ends here.
  void check() {
    scheduler_.sanity_check();
    rules_.check(effects_);
    if (compare_) compare();
    effects_.clear();
  }

  // The order of effects within one event and which of two reasons comes first are not prescribed.
  static std::vector<std::string> normal(const Effects& effects) {
    constexpr Failure kImpossible = Failure::kImpossibleDependency;
    std::vector<std::string> lines;
    for (Effect effect : effects) {
      if (Reject* reject = std::get_if<Reject>(&effect)) {
        if (reject->why == Failure::kNoEngineLeft) reject->why = kImpossible;
        if (reject->why == Failure::kNoSuchResources) reject->why = kImpossible;
        if (reject->why == Failure::kInputFailed) *reject = {reject->task, kImpossible};
      }
      lines.push_back(to_string(effect));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  void compare() {
    const Effects expected = naive_.take_effects();
    EXPECT_EQ(normal(effects_), normal(expected))
        << "got " << to_string(effects_) << "\nexpected " << to_string(expected);
  }

  void join() {
    const EngineId engine{next_engine_++};
    const Amounts offer = resources_ ? some_resources(4) : Amounts();
    rules_.joined(engine, offer);
    scheduler_.on_engine_joined(engine, now_, effects_, true, offer);
    if (compare_) naive_.join(engine, offer);
    check();
  }

  void expect() {
    Scheduler::Expected expected;
    expected.anything = chance(20);
    for (int i = draw(3); i > 0; --i) expected.offers.push_back(some_resources(5));
    tell_expected(expected);
  }

  void tell_expected(const Scheduler::Expected& expected) {
    scheduler_.on_engines_expected(expected, now_, effects_);
    if (compare_) naive_.expect(expected);
    check();
  }

  Amounts some_resources(int most) {
    Amounts some{{"cpus", 1000 * (1 + draw(most))}, {"gpus", 500 * draw(most - 1)}};
    if (chance(10)) some.push_back({"licence", 1000});
    return sorted_amounts(std::move(some));
  }

  void lose() {
    const EngineId engine = pick_engine();
    rules_.lost(engine);
    scheduler_.on_engine_lost(engine, now_, effects_);
    if (compare_) naive_.lose(engine);
    check();
  }

  EngineId pick_engine() {
    return *std::next(rules_.live().begin(), draw(static_cast<int>(rules_.live().size())));
  }

  Dependency dependency() {
    Dependency result;
    const int count = chance(70) ? 1 : 1 + draw(4);
    for (int i = 0; i < count; ++i) {
      // Mostly recent tasks, which may not have finished.
      const int back = 1 + (chance(80) ? draw(8) : draw(60));
      result.tasks.push_back(TaskId(std::max(1, next_task_ - back)));
    }
    result.all = chance(60);
    result.success = chance(85);
    result.failure = chance(40);
    return result;
  }

  void submit() {
    TaskOptions options;
    if (chance(25)) {
      const int count = 1 + draw(3);
      for (int i = 0; i < count; ++i) options.targets.push_back(EngineId{draw(next_engine_ + 1)});
    }
    if (chance(30)) options.retries = draw(4);
    if (next_task_ > 1 && chance(25)) options.after = dependency();
    if (next_task_ > 1 && chance(15)) options.follow = dependency();
    if (next_task_ > 1 && chance(25)) options.inputs = dependency().tasks;
    if (chance(30)) options.timeout = std::chrono::milliseconds(1 + draw(30));
    if (chance(30)) options.priority = draw(5) - 2;
    options.client = static_cast<std::uint64_t>(draw(3));
    if (resources_ && chance(50)) options.resources = some_resources(3);
    const auto id = TaskId(next_task_++);
    rules_.submitted(id, options);
    scheduler_.on_task_submitted(id, options, false, now_, effects_);
    if (compare_) naive_.submit(id, options, now_);
    check();
  }

  // The engine's first task, or rarely another one.
  std::optional<std::pair<TaskId, EngineId>> pick_running() {
    const auto running = rules_.running();
    if (running.empty()) return std::nullopt;
    const auto& [engine, tasks] =
        *std::next(running.begin(), draw(static_cast<int>(running.size())));
    const std::vector<TaskId> in_order = scheduler_.tasks_on(engine);
    EXPECT_EQ(in_order.size(), tasks.size());
    if (chance(90)) return std::pair{in_order.front(), engine};
    return std::pair{in_order[static_cast<std::size_t>(draw(static_cast<int>(in_order.size())))],
                     engine};
  }

  void answer(bool ok, bool met) {
    const auto running = pick_running();
    if (!running) return;
    const auto [id, engine] = *running;
    rules_.answered(id);
    if (rules_.asked_back().contains(id) && chance(70)) {
      EXPECT_TRUE(scheduler_.on_task_returned(id, engine, now_, effects_));
    } else {
      ok = ok && met;
      const std::uint64_t bytes = ok ? random_() % 10'000 : 0;
      EXPECT_TRUE(scheduler_.on_task_replied(id, engine, ok, met, now_, effects_, bytes));
      if (compare_) naive_.reply(id, ok, met, bytes);
    }
    check();
  }

  void give_back_unasked() {
    const auto running = pick_running();
    if (!running || rules_.asked_back().contains(running->first)) return;
    rules_.answered(running->first);
    EXPECT_TRUE(scheduler_.on_task_returned(running->first, running->second, now_, effects_));
    if (compare_) naive_.give_back(running->first);
    check();
  }

  void abort() {
    const auto id = TaskId(1 + draw(next_task_));
    scheduler_.on_abort_requested(id, now_, effects_);
    if (compare_ && scheduler_.is_known(id)) naive_.abort(id);
    check();
  }

  void stale() {
    const auto id = TaskId(1 + draw(next_task_ + 3));
    EXPECT_FALSE(scheduler_.on_task_replied(id, EngineId{-1}, true, true, now_, effects_));
    EXPECT_FALSE(scheduler_.on_task_returned(id, EngineId{-1}, now_, effects_));
    EXPECT_TRUE(effects_.empty());
  }

  void pass_time() {
    const std::optional<Time> next = scheduler_.next_deadline();
    if (next && chance(70)) now_ = std::max(now_, *next);
    scheduler_.on_time(now_, effects_);
    if (compare_) naive_.time(now_);
    check();
  }

  // If everything is answered, nothing may be left over.
  void end_all() {
    if (testing::Test::HasFailure()) return;
    tell_expected({});
    now_ += std::chrono::seconds(1);
    pass_time();
    join();
    for (int i = 0; i < 1'000'000 && !rules_.running().empty(); ++i) {
      now_ += std::chrono::microseconds(50);
      answer(true, true);
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_EQ(rules_.unfinished(), 0u);
    EXPECT_EQ(scheduler_.waiting_count(), 0u);
    EXPECT_EQ(scheduler_.outstanding_count(), 0u);
  }

  std::mt19937 random_;
  Scheduler scheduler_;
  Rules rules_;
  NaiveScheduler naive_;
  bool compare_;
  bool resources_;
  Effects effects_;
  Time now_{};
  int next_engine_ = 0;
  int next_task_ = 1;
};

SchedulerConfig with(PolicyKind policy, int high_water_mark) {
  SchedulerConfig config;
  config.policy = policy;
  config.high_water_mark = high_water_mark;
  return config;
}

void run_histories(int histories, const SchedulerConfig& config, bool compare,
                   bool resources = false) {
  for (int seed = 0; seed < histories && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History(static_cast<unsigned>(seed), config, compare, resources).run(150);
  }
}

TEST(RandomHistories, with_one_task_each_agree_with_the_naive_scheduler) {
  run_histories(1000, with(PolicyKind::kLeastLoad, 1), true);
}

TEST(RandomHistories, with_resources_agree_with_the_naive_scheduler) {
  run_histories(1000, with(PolicyKind::kLeastLoad, 1), true, true);
  run_histories(300, with(PolicyKind::kLru, 1), true, true);
}

TEST(RandomHistories, with_resources_keep_the_rules) {
  run_histories(1000, with(PolicyKind::kLeastLoad, SchedulerConfig::kAuto), false, true);
  run_histories(1000, with(PolicyKind::kLeastLoad, 3), false, true);
  run_histories(500, with(PolicyKind::kLeastLoad, SchedulerConfig::kUnlimited), false, true);
  run_histories(200, with(PolicyKind::kPlainRandom, 2), false, true);
  run_histories(200, with(PolicyKind::kWeighted, SchedulerConfig::kAuto), false, true);
}

TEST(RandomHistories, with_three_tasks_each_agree_with_the_naive_scheduler) {
  run_histories(1000, with(PolicyKind::kLeastLoad, 3), true);
}

TEST(RandomHistories, without_limit_agree_with_the_naive_scheduler) {
  run_histories(500, with(PolicyKind::kLeastLoad, SchedulerConfig::kUnlimited), true);
}

TEST(RandomHistories, with_lru_agree_with_the_naive_scheduler) {
  run_histories(500, with(PolicyKind::kLru, 2), true);
}

TEST(RandomHistories, with_the_automatic_limit_keep_the_rules) {
  run_histories(2000, with(PolicyKind::kLeastLoad, SchedulerConfig::kAuto), false);
}

TEST(RandomHistories, with_policies_that_draw_lots_keep_the_rules) {
  for (PolicyKind policy : {PolicyKind::kPlainRandom, PolicyKind::kTwoBin, PolicyKind::kWeighted}) {
    run_histories(200, with(policy, 2), false);
    run_histories(200, with(policy, SchedulerConfig::kAuto), false);
  }
}

}  // namespace
}  // namespace engineroom::scheduler
