// bench/scheduler_bench.cpp — what one task costs the scheduler: submit, send, reply, deliver.
//
// The budget is 1 µs per task. The cases vary what could make it slower: the number of engines,
// tasks queued, tasks that wait for something the free engine cannot give (the stock scheduler's
// worst case, 8 ms per task), and dependencies.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <variant>

#include "scheduler/scheduler.h"

namespace {

using namespace engineroom::scheduler;  // NOLINT(google-build-using-namespace): a program of one
                                        // file

// Plays engines that answer in turn, and a clock that makes every task take `step`.
class Cluster {
 public:
  explicit Cluster(int engines, SchedulerConfig config = {},
                   engineroom::Duration step = std::chrono::microseconds(1))
      : scheduler_(config), step_(step) {
    for (int i = 0; i < engines; ++i) {
      scheduler_.on_engine_joined(EngineId{i}, now_, effects_, true, {{"cpus", 4000}});
    }
    take_effects();
  }

  TaskId submit(TaskOptions options = {}) {
    const TaskId task{++last_task_};
    scheduler_.on_task_submitted(task, std::move(options), false, now_, effects_);
    take_effects();
    return task;
  }

  // The engine that was sent a task first answers; false if none has one.
  bool reply() {
    if (sent_.empty()) return false;
    const Send send = sent_.front();
    sent_.pop_front();
    now_ += step_;
    if (!scheduler_.on_task_replied(send.task, send.engine, true, true, now_, effects_)) abort();
    take_effects();
    return true;
  }

  std::uint64_t delivered() const { return delivered_; }

 private:
  void take_effects() {
    for (const Effect& effect : effects_) {
      if (const Send* send = std::get_if<Send>(&effect)) sent_.push_back(*send);
      if (std::holds_alternative<Deliver>(effect)) ++delivered_;
    }
    effects_.clear();
  }

  Scheduler scheduler_;
  engineroom::Duration step_;
  engineroom::Time now_{};
  Effects effects_;
  std::deque<Send> sent_;
  std::uint64_t last_task_ = 0;
  std::uint64_t delivered_ = 0;
};

// A task at a time meets idle engines.
void idle_engines(benchmark::State& state) {
  Cluster cluster(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    cluster.submit();
    cluster.reply();
  }
}
BENCHMARK(idle_engines)->Arg(2)->Arg(100)->Arg(1000);

// All engines busy, `range(1)` tasks queued all the time.
void busy_engines(benchmark::State& state) {
  Cluster cluster(static_cast<int>(state.range(0)));
  for (int i = 0; i < state.range(1); ++i) cluster.submit();
  for (auto _ : state) {
    cluster.submit();
    cluster.reply();
  }
}
BENCHMARK(busy_engines)
    ->Args({2, 1000})
    ->Args({100, 1000})
    ->Args({1000, 10000})
    ->Args({100, 1000000});

// The same with the limit of one task per engine that ipyparallel has.
void busy_engines_one_each(benchmark::State& state) {
  SchedulerConfig config;
  config.high_water_mark = 1;
  Cluster cluster(static_cast<int>(state.range(0)), config);
  for (int i = 0; i < 2000; ++i) cluster.submit();
  for (auto _ : state) {
    cluster.submit();
    cluster.reply();
  }
}
BENCHMARK(busy_engines_one_each)->Arg(2)->Arg(100)->Arg(1000);

// Every task demands something of its engine, of `range(2)` different amounts.
void demanding(benchmark::State& state, int high_water_mark) {
  SchedulerConfig config;
  config.high_water_mark = high_water_mark;
  Cluster cluster(static_cast<int>(state.range(0)), config);
  std::int64_t next = 0;
  const auto submit = [&] {
    TaskOptions options;
    options.resources = {{"cpus", 1000 + next++ % state.range(2)}};
    cluster.submit(std::move(options));
  };
  for (int i = 0; i < state.range(1); ++i) submit();
  for (auto _ : state) {
    submit();
    cluster.reply();
  }
}
BENCHMARK_CAPTURE(demanding, automatic, 0)
    ->Args({100, 10000, 1})
    ->Args({1000, 10000, 10})
    ->Args({100, 10000, 3000});
BENCHMARK_CAPTURE(demanding, up_to_8, 8)->Args({100, 10000, 1})->Args({100, 10000, 10});

// `range(1)` tasks wait for the one engine that offers what they demand; the others work on.
void demanding_tasks_in_the_way(benchmark::State& state) {
  Scheduler scheduler;
  Effects effects;
  engineroom::Time now{};
  for (int i = 1; i < state.range(0); ++i) scheduler.on_engine_joined(EngineId{i}, now, effects);
  scheduler.on_engine_joined(EngineId{0}, now, effects, true, {{"gpus", 1000}});
  std::uint64_t id = 0;
  for (int i = 0; i < state.range(1); ++i) {
    TaskOptions options;
    options.resources = {{"gpus", 1000}};
    scheduler.on_task_submitted(TaskId{++id}, std::move(options), false, now, effects);
  }
  effects.clear();
  for (auto _ : state) {
    scheduler.on_task_submitted(TaskId{++id}, {}, false, now, effects);
    const Send send = std::get<Send>(effects.back());
    effects.clear();
    scheduler.on_task_replied(send.task, send.engine, true, true, now, effects);
  }
}
BENCHMARK(demanding_tasks_in_the_way)->Args({2, 3000})->Args({100, 300000});

// `range(1)` tasks wait for engine 0, which never answers; the others work on.
void pinned_tasks_in_the_way(benchmark::State& state) {
  SchedulerConfig config;
  config.high_water_mark = 1;
  Scheduler scheduler(config);
  Effects effects;
  engineroom::Time now{};
  const int engines = static_cast<int>(state.range(0));
  for (int i = 0; i < engines; ++i) scheduler.on_engine_joined(EngineId{i}, now, effects);
  std::uint64_t id = 0;
  for (int i = 0; i < state.range(1); ++i) {
    TaskOptions pinned;
    pinned.targets = {EngineId{0}};
    scheduler.on_task_submitted(TaskId{++id}, pinned, false, now, effects);
  }
  effects.clear();
  for (auto _ : state) {
    scheduler.on_task_submitted(TaskId{++id}, {}, false, now, effects);
    const Send send = std::get<Send>(effects.back());
    effects.clear();
    scheduler.on_task_replied(send.task, send.engine, true, true, now, effects);
  }
}
BENCHMARK(pinned_tasks_in_the_way)->Args({2, 3000})->Args({100, 3000})->Args({2, 300000});

// Every task names its engine, in turn.
void pinned_evenly(benchmark::State& state) {
  const int engines = static_cast<int>(state.range(0));
  Cluster cluster(engines);
  int next = 0;
  const auto submit = [&] {
    TaskOptions options;
    options.targets = {EngineId{next++ % engines}};
    cluster.submit(std::move(options));
  };
  for (int i = 0; i < 10 * engines; ++i) submit();
  for (auto _ : state) {
    submit();
    cluster.reply();
  }
}
BENCHMARK(pinned_evenly)->Arg(2)->Arg(100)->Arg(1000);

// Each task follows the one before: a chain, always a thousand links ahead of the engines.
void chain(benchmark::State& state) {
  Cluster cluster(8);
  TaskId last = cluster.submit();
  const auto submit = [&] {
    TaskOptions options;
    options.after.tasks = {last};
    last = cluster.submit(std::move(options));
  };
  for (int i = 0; i < 1000; ++i) submit();
  for (auto _ : state) {
    submit();
    cluster.reply();
  }
}
BENCHMARK(chain);

}  // namespace
