// scheduler/naive_scheduler.h — the scheduler written the obvious way: the oracle of the random
// test.
//
// It keeps a plain list of tasks and asks, after every event and for every task, all questions
// anew: are its dependencies met, which engines may run it, which of them have room. No classes,
// queues, counts or edges, so it shares no mistake of that kind with the real one. Fixed limits and
// the two deterministic policies only; resources with one task per engine only, where what an
// engine offers is free or taken as a whole. Effects come as text, as from to_string(effect).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/scheduler.h"

namespace engineroom::scheduler {

class NaiveScheduler {
 public:
  explicit NaiveScheduler(const SchedulerConfig& config) : config_(config) {}

  // Each appends what it wants done to effects().
  void join(EngineId engine, const Amounts& offer);
  void lose(EngineId engine);
  void expect(const Scheduler::Expected& expected);
  void submit(TaskId id, const TaskOptions& options, Time now);
  void reply(TaskId id, bool ok, bool met, std::uint64_t bytes);
  void give_back(TaskId id);
  void abort(TaskId id);
  void time(Time now);

  Effects take_effects();

 private:
  enum class State { kWaiting, kRunning, kDone };
  enum class Answer { kMet, kOpen, kImpossible };

  struct NaiveTask {
    TaskId id{};
    TaskOptions options;
    State state = State::kWaiting;
    std::optional<Time> deadline;
    int retries = 0;
    std::uint64_t turn = 0;                     // among those of its priority
    bool sent_before = false;                   // dependencies no longer matter
    bool patient = false;                       // waits for an engine that offers its resources
    std::optional<std::set<EngineId>> allowed;  // no value: any
    std::set<EngineId> failed_on;
    std::optional<EngineId> engine;  // where it runs or ran
    bool ok = false;
    std::uint64_t bytes = 0;
  };

  NaiveTask& find(TaskId id);
  bool is_live(EngineId engine) const { return last_used_.contains(engine); }
  int load(EngineId engine) const;
  bool satisfies(const Dependency& dependency, const NaiveTask& task) const;
  Answer after(const NaiveTask& task);
  Answer inputs(const NaiveTask& task);
  TaskId failed_input(const NaiveTask& task);
  // Where most of its inputs are.
  std::optional<EngineId> holder(const NaiveTask& task);
  // Fills in where the task may run.
  Answer follow(const NaiveTask& task, std::set<EngineId>& engines);
  std::optional<std::set<EngineId>> allowed(const NaiveTask& task);
  bool may_run_on(const NaiveTask& task, EngineId engine);
  bool is_offered(const NaiveTask& task, EngineId engine) const;
  bool is_taken_in(const NaiveTask& task);
  bool has_hope(const NaiveTask& task);
  bool is_ready(const NaiveTask& task);
  bool waits_for_engine(const NaiveTask& task);
  void reject(NaiveTask& task, Failure why, std::optional<EngineId> engine = {},
              std::optional<TaskId> input = {});
  bool has_room(EngineId engine) const;
  void settle();
  bool reject_one();
  void place(NaiveTask& task);
  static bool takes_any_engine(const NaiveTask& task);
  std::uint64_t next_turn(const NaiveTask& task);
  std::vector<NaiveTask*> in_order();

  SchedulerConfig config_;
  std::vector<NaiveTask> tasks_;       // by submission
  std::map<EngineId, int> last_used_;  // the live engines
  std::map<EngineId, Amounts> offers_;
  Scheduler::Expected expected_;
  int uses_ = 0;
  // By priority and whether any engine would do: the turn that was sent last.
  std::map<std::pair<int, bool>, std::uint64_t> sent_turn_;
  // By priority and client: the last turn that was given out.
  std::map<std::pair<int, std::uint64_t>, std::uint64_t> given_turn_;
  Effects effects_;
};

}  // namespace engineroom::scheduler
