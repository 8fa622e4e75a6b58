// scheduler/test_play.h — a small language for tests: events in, effects out as one line of text.
//
//   Play play(2);                                   // engines 0 and 1, one task each
//   EXPECT_EQ(play.submit(task(1).on({1})), "send 1 to 1");
//   EXPECT_EQ(play.succeed(1), "deliver 1");
//
// Each step returns all its effects, so comparing them also says that there were no others; the
// state is checked for consistency after each. Time stands still unless a step moves it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/scheduler.h"

namespace engineroom::scheduler {

std::string to_string(const Effect& effect);
std::string to_string(const Effects& effects);
// "cpus=2, gpus=0.5" as amounts.
Amounts amounts(const std::string& text);

// A task to submit; `task(7).after({1, 2}).retries(1)`.
class TaskSpec {
 public:
  explicit TaskSpec(int id) : id_(id) {}

  TaskSpec& on(const std::vector<int>& engines);
  TaskSpec& retries(int n);
  TaskSpec& priority(int n);
  TaskSpec& from(int client);
  // "cpus=2, gpus=0.5"
  TaskSpec& with(const std::string& resources);
  TaskSpec& timeout_ms(int ms);
  TaskSpec& after(const std::vector<int>& tasks);
  TaskSpec& follow(const std::vector<int>& tasks);
  TaskSpec& inputs(const std::vector<int>& tasks);
  // These change the condition named last. Without them: all, success.
  TaskSpec& any();
  TaskSpec& if_failed();
  TaskSpec& whatever();

  int id() const { return id_; }
  const TaskOptions& options() const { return options_; }

 private:
  int id_;
  TaskOptions options_;
  Dependency* last_ = &options_.after;

 public:
  TaskSpec(const TaskSpec& other) : id_(other.id_), options_(other.options_) {}
  TaskSpec& operator=(const TaskSpec&) = delete;
};

inline TaskSpec task(int id) { return TaskSpec(id); }

SchedulerConfig one_each();
SchedulerConfig up_to(int high_water_mark);
SchedulerConfig automatic();

class Play {
 public:
  explicit Play(int engines = 0, const SchedulerConfig& config = one_each());

  std::string join(int engine, const std::string& offer = "");
  std::string lose(int engine);
  std::string expect(const Scheduler::Expected& expected);
  std::string submit(const TaskSpec& spec);
  std::string submit(int id) { return submit(task(id)); }
  std::string submit_with_unknown_dependency(int id);
  // Several plain tasks.
  std::string submit_range(int first, int last);

  // The engine that holds the task answers, `took_us` after the last step.
  std::string succeed(int id, int took_us = 0, std::uint64_t bytes = 0);
  std::string fail(int id);
  std::string unmet(int id);
  std::string give_back(int id);
  // Any engine may answer, also one that does not hold the task; "stale" if so.
  std::string reply_from(int engine, int id);
  std::string abort(int id);
  // Moves the clock, then calls on_time.
  std::string wait_ms(int ms);
  // Moves the clock only.
  void pass_us(int us) { now_ += std::chrono::microseconds(us); }

  // -1: not with an engine.
  int engine_of(int id) const;
  std::vector<int> tasks_on(int engine) const;
  bool is_spare(int engine) const { return scheduler_.is_spare(EngineId{engine}); }
  Scheduler& scheduler() { return scheduler_; }
  Time now() const { return now_; }
  std::string explain(int id) const { return scheduler_.explain(TaskId(id)); }

 private:
  std::string finish_step();
  std::string reply(int id, bool ok, bool met, std::uint64_t bytes = 0);

  Scheduler scheduler_;
  Time now_{};
  Effects effects_;
  std::map<int, int> engine_of_;
};

}  // namespace engineroom::scheduler
