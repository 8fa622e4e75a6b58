// scheduler/state.h — all that the scheduler holds, and the steps that its events are made of.
//
// Every event runs the same course: note what happened (scheduler.cpp), end the tasks it ended and
// those that can never run because of that (ending.cpp), place what became ready (placement.cpp),
// and ask for queued tasks back if an engine would idle (take_back.cpp). Between events this holds:
//
//   an engine that has room has no task waiting that it may run
//
// (with an automatic limit: an *idle* engine; how far others fetch ahead is a matter of share). So
// an event only ever has to look at the engine it freed and at the tasks it made ready.
//
// For tasks that demand resources, "may run" includes that enough of them is free, and that no
// older task waits for them there: an engine is *reserved* for the oldest that it may run. Without
// that, a task that needs all of an engine would wait for as long as small ones keep coming. With
// one task each (and the automatic limit, where they are only sent to idle engines) an engine that
// has room has all free, so that changes something only with a limit of two or more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/engine_table.h"
#include "scheduler/fair_order.h"
#include "scheduler/finished_tasks.h"
#include "scheduler/indexed_heap.h"
#include "scheduler/policy.h"
#include "scheduler/ready_queue.h"
#include "scheduler/scheduler.h"
#include "scheduler/task_graph.h"
#include "scheduler/task_table.h"

namespace engineroom::scheduler {

// One event: when it happened, and what it leads to.
struct Turn {
  Time now;
  Effects& effects;
};

struct Scheduler::State {
  explicit State(const SchedulerConfig& configuration);

  bool is_auto() const { return config.high_water_mark == SchedulerConfig::kAuto; }
  std::optional<TaskSlot> running_on(TaskId id, EngineId engine) const;
  // A new task, Placing, that has dependencies.
  void add_dependent_task(TaskSlot slot, const TaskOptions& options, Turn& turn);
  // The class for these targets and resources, as a new reference; no value if no engine will do.
  // `can_wait`: of those without targets, until one that will do is there.
  std::optional<ClassId> class_of(const TaskOptions& options, bool can_wait);
  // Takes over the reference to `cls`.
  void set_class(Task& task, ClassId cls);
  // It was sent, or has ended.
  void stop_counting(Task& task);

  // expecting.cpp
  bool may_come(const Amounts& demand) const;
  bool is_patient(TaskSlot slot) const { return patient_until.contains(slot); }
  void be_patient(TaskSlot slot, Time until);
  void lose_patience(TaskSlot slot);
  bool waits_for_engine(TaskSlot slot) const;
  bool is_runnable(TaskSlot slot) const;
  bool needs(TaskSlot slot, EngineSlot engine) const;
  bool end_next_wait(Turn& turn);

  // ending.cpp
  void finish(TaskSlot slot, const Outcome& outcome);
  void deliver(TaskSlot slot, EngineSlot engine, bool ok, std::uint64_t bytes, Turn& turn);
  void reject(TaskSlot slot, Failure why, std::optional<EngineId> engine, Turn& turn);
  void reject_for_input(TaskSlot slot, Turn& turn);
  void end_rejected(TaskSlot slot);
  void refuse(TaskId id, Failure why, Turn& turn);
  Failure why_unrunnable(ClassId cls) const;
  void fail_on(TaskSlot slot, EngineSlot engine, bool unmet, Turn& turn);
  void lose(TaskSlot slot, EngineId engine, Turn& turn);
  void reject_stranded(const std::vector<TaskRef>& stranded, Turn& turn);
  void propagate(Turn& turn);
  void apply(const Change& change, Turn& turn);
  void become_ready(TaskSlot slot, Turn& turn);
  void follow(Task& task);
  void detach(TaskSlot slot);
  void drop_waits(Task& task);
  void block(TaskSlot slot);
  void unblock(TaskSlot slot);

  // placement.cpp
  void settle(std::optional<EngineSlot> freed, Turn& turn);
  void place_all(std::optional<EngineSlot> freed, Turn& turn);
  void place(TaskSlot slot, Turn& turn);
  void fill(EngineSlot slot, Turn& turn);
  void fill_older_than(Order order, EngineSlot slot, Turn& turn);
  void fill_unreserved(Turn& turn);
  void top_up(ClassId cls, Turn& turn);
  std::optional<TaskSlot> next_for(EngineSlot slot);
  void dispatch(TaskSlot slot, EngineSlot engine, Turn& turn);
  void take_off_engine(TaskSlot slot);
  void update_pools(EngineSlot slot);
  bool has_room(const Engine& engine) const;
  bool fits(const Demand& demand, const Engine& engine) const;
  bool can_take(const Task& task, EngineSlot slot);
  std::optional<EngineSlot> pick(Policy& pool, ClassId cls) const;
  std::optional<EngineSlot> pick_for_demanding(const Task& task);
  std::optional<EngineSlot> holder_with_room(const Task& task);

  // take_back.cpp
  Time working_since(const Engine& engine) const;
  void watch(EngineSlot slot);
  void note_reply(EngineSlot slot, Time sent, Time now);
  void take_back_tasks(Turn& turn);
  void find_stuck_engines(Time now);
  bool could_help(EngineSlot slot) const;
  void take_back_from(EngineSlot slot, Turn& turn);
  bool is_idle_engine_for(ClassId cls) const;

  // sanity_check.cpp
  void check_engine(EngineSlot slot) const;
  void check_task(TaskSlot slot) const;
  bool is_reserved(const Task& task, EngineSlot engine) const;

  // explain.cpp
  std::string explain_blocked(const Task& task) const;
  std::string explain_ready(const Task& task) const;
  std::string explain_demand(const Task& task) const;
  std::string explain_running(TaskSlot slot) const;
  std::string names(const std::vector<EngineSlot>& slots) const;

  SchedulerConfig config;
  TaskTable tasks;
  FinishedTasks finished;
  EngineTable engines;
  ReadyQueues queues;
  TaskGraph graph;
  FairOrder fair;

  // Engines with room; with an automatic limit only the idle ones, and the others in `ahead`.
  std::unique_ptr<Policy> pool;
  std::unique_ptr<Policy> ahead;
  std::uint64_t last_use = 0;   // counts tasks sent and engines joined
  std::size_t outstanding = 0;  // tasks that are Running

  std::set<std::pair<Time, TaskSlot>> timeouts;  // of blocked tasks
  // Tasks that were never sent, demand something and have a timeout: until it is over they wait for
  // an engine that offers it. The same by time, and by task.
  std::set<std::pair<Time, TaskSlot>> patience;
  std::unordered_map<TaskSlot, Time> patient_until;
  Expected expected;

  // Automatic limit only. Engines with tasks queued behind one that may turn out long, by (at
  // least) the time when it will have; and those where it has, by how long ago.
  IndexedHeap<EngineSlot, Time> watched;
  IndexedHeap<EngineSlot, std::uint64_t> stuck;
  std::uint64_t stuck_count = 0;
  std::size_t taking_back = 0;  // TakeBacks not answered yet

  // Filled and emptied within an event.
  struct Resolved {
    TaskId task{};
    std::vector<Dependent> dependents;
    Outcome outcome;
  };
  std::deque<Resolved> resolved;   // tasks that have finished, whose dependents do not know yet
  std::vector<TaskSlot> to_place;  // tasks that became ready
  std::vector<Change> changes;
};

}  // namespace engineroom::scheduler
