// scheduler/scheduler.h — the load-balanced scheduler as a pure state machine.
//
// The controller tells it what happened (on_…), with the time; it appends what it wants done to
// `effects`. It reads no clock, owns no socket and draws its random numbers from a seed, so a test
// is a list of events and the list of effects expected. sanity_check() asserts every
// cross-reference.
//
// Costs: O(1) amortised per event and per task placed, whatever is queued: tasks wait in one ready
// queue per *constraint class* (the set of engines they may run on), and an engine that becomes
// free looks only at the classes it belongs to. (The stock scheduler rescans its whole queue at
// each completion, which makes 3,000 tasks pinned to a busy engine slow everybody down.)
//
// Prefetch: with high_water_mark = 0 ("auto", our default) an engine whose recent tasks took less
// than `short_task` gets up to `max_prefetch` tasks ahead so that it never waits for the network;
// tasks that are queued behind one that turns out long are taken back (TakeBack) as soon as another
// engine is idle. A positive mark is a strict limit of outstanding tasks per engine, as in
// ipyparallel (whose 0 = unlimited is `kUnlimited` here).
//
// Resources: a task that demands some goes only to an engine that offers them, and has them until
// it ends. It is never sent ahead of its time: with the automatic limit it waits for an idle
// engine. If no engine offers them it is rejected, unless it may wait for one: until its timeout,
// or while such engines are *expected*.
//
// Threads: one owner thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "scheduler/effects.h"
#include "scheduler/task.h"

namespace engineroom::scheduler {

enum class PolicyKind { kLeastLoad, kLru, kPlainRandom, kTwoBin, kWeighted };
// "leastload", "lru", "plainrandom", "twobin", "weighted" ("pure" is taken as leastload); nullopt
// otherwise.
std::optional<PolicyKind> parse_policy(std::string_view name);

struct SchedulerConfig {
  static constexpr int kAuto = 0;
  static constexpr int kUnlimited = -1;
  PolicyKind policy = PolicyKind::kLeastLoad;
  int high_water_mark = kAuto;
  int max_prefetch = 32;                               // tasks per engine when automatic
  Duration short_task = std::chrono::milliseconds(2);  // automatic prefetch only below this mean
  Duration take_back_after =
      std::chrono::milliseconds(10);     // no answer for this long: take queued ones back
  std::size_t max_waiting = 10'000'000;  // tasks not yet finished; beyond: Reject(kQueueFull)
  std::size_t max_finished = 65'536;     // finished tasks remembered for dependencies
  std::uint64_t seed = 1;
};

class Scheduler {
 public:
  explicit Scheduler(SchedulerConfig config = {});
  ~Scheduler();

  // Engines. A joining engine may unblock waiting tasks. A lost one's tasks are retried elsewhere
  // (counts as a failure) or rejected at once with kEngineDied; tasks that can now run nowhere are
  // rejected. `gives_back`: it answers TakeBack at once, even while it works. One that does not
  // gets no tasks ahead. `offer`: the resources it has for tasks that demand some.
  void on_engine_joined(EngineId engine, Time now, Effects& effects, bool gives_back = true,
                        Amounts offer = {});
  void on_engine_lost(EngineId engine, Time now, Effects& effects);

  // Engines that may come, by what they will offer. Tasks that demand what none offers wait as long
  // as one of these would do; others are rejected.
  struct Expected {
    bool anything = false;  // offers nobody knows yet
    std::vector<Amounts> offers;
  };
  void on_engines_expected(Expected expected, Time now, Effects& effects);

  // `task` is new; ids of dependencies that were never submitted are to be passed in
  // `unknown_dependency` (the controller maps strings): then the answer is
  // Reject(kInvalidDependency). A task whose targets are all unknown engines is rejected with
  // kNoEngineLeft, one that demands what none of them offers with kNoSuchResources. With no engines
  // at all and no targets it waits; so it does with a timeout, or if such an engine is expected.
  void on_task_submitted(TaskId task, TaskOptions options, bool unknown_dependency, Time now,
                         Effects& effects);

  // A task that was aborted before it came: it ends at once, and is remembered.
  void on_aborted_task_submitted(TaskId task, Time now, Effects& effects);

  // The engine answered. `ok`: status ok. `dependencies_met` false: a functional dependency was not
  // met; the task is tried on another engine without consuming retries. Replies for tasks this
  // engine does not hold now (stale) give no effect at all and return false. `bytes`: the size of
  // its result, which the engine keeps for tasks that have it as an input.
  bool on_task_replied(TaskId task, EngineId engine, bool ok, bool dependencies_met, Time now,
                       Effects& effects, std::uint64_t bytes = 0);
  // The engine gave a task back unstarted after TakeBack (status "aborted"). If it was not taken
  // back by us, it was aborted by a client: Deliver.
  bool on_task_returned(TaskId task, EngineId engine, Time now, Effects& effects);

  // A client aborts: a task not yet sent is rejected with kAborted at once. One that is with an
  // engine is the engine's business; returns the engine then.
  std::optional<EngineId> on_abort_requested(TaskId task, Time now, Effects& effects);

  // What an earlier scheduler left, in this order: engines, finished tasks, then tasks in the order
  // of submission. An engine of that time is *awaited*: it holds what it held and gets nothing new,
  // until it is back or lost (on_engine_lost).
  void restore_engine(EngineId engine, Amounts offer = {});
  void restore_finished(TaskId task, bool ok, std::optional<EngineId> engine);
  // A task that was sent to this engine, which is awaited. What waited is submitted anew.
  void restore_running(TaskId task, const TaskOptions& options, EngineId engine,
                       bool is_abort_requested, Time now);
  bool is_awaited(EngineId engine) const;
  // The engine is back and has `held`; what else was sent to it never arrived.
  void on_engine_returned(EngineId engine, const std::unordered_set<TaskId>& held, bool gives_back,
                          Time now, Effects& effects);

  // Time-outs and take-backs. Call at next_deadline() or later.
  void on_time(Time now, Effects& effects);
  std::optional<Time> next_deadline() const;

  // Queries.
  bool is_known(TaskId task) const;  // waiting, running, or finished and still remembered
  // Where a finished task ran; nullopt if nowhere, or if it is not finished or remembered.
  std::optional<EngineId> engine_of_finished(TaskId task) const;
  std::size_t waiting_count() const;      // not with an engine
  std::size_t outstanding_count() const;  // with engines
  std::vector<TaskId> tasks_on(EngineId engine) const;
  // All engines together.
  struct ResourceSums {
    Amounts offered;
    Amounts held;  // by tasks
  };
  ResourceSums resources() const;
  std::vector<TaskId> waiting_tasks() const;
  // Nothing is on the engine, and no task needs it: for its results, or because no other would do.
  // O(unfinished tasks).
  bool is_spare(EngineId engine) const;
  // Tasks that could start now on one more engine which offers this (nullopt: whatever they
  // demand).
  struct Backlog {
    std::size_t waiting = 0;
    std::size_t unoffered = 0;  // of these, that no engine there is will do for
  };
  Backlog backlog_for(const std::optional<Amounts>& offer) const;
  // Why is this task not running? One sentence for a person.
  std::string explain(TaskId task) const;

  void sanity_check() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace engineroom::scheduler
