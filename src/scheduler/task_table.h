// scheduler/task_table.h — the tasks that have not finished: what is known of each, found by id or
// slot.
//
// The state of a task is a sum type that holds only what is valid in that state. The legal moves
// are
//
//        submitted
//            |
//         Placing ----> Blocked (its dependencies are not met)
//          ^ |  ^          |
//          | |  +----------+  met
//          | +-> Ready (in the queue of its class; no engine has room)
//          | |     |
//          | +-----+--> Running (with an engine)
//          +--------------+  failed with retries left, or given back
//
// and Blocked, Ready and Running may end at any time (answered, rejected), when the slot is freed.
// Placing lasts only within one event. Tasks lie in chunks that never move, so a reference stays
// valid while others are added, and the memory of a burst is given back (base/slot_pool.h); a
// million of them take about 150 MB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/slot_pool.h"
#include "scheduler/id_map.h"
#include "scheduler/slots.h"
#include "scheduler/task.h"

namespace engineroom::scheduler {

// The scheduler is about to decide; never seen between events.
struct Placing {};

// In the list `blocked` of its class.
struct Blocked {};

// In the queue of its class.
struct Ready {
  bool late = false;  // in the sorted half of the queue (ready_queue.h)
};

// In the list of its engine.
struct Running {
  EngineSlot engine{};
  Time sent{};
  bool take_back = false;        // we asked for it back
  bool abort_requested = false;  // a client asked the engine to drop it
  bool restored = false;         // sent by an earlier scheduler, which may have asked for it back
};

using TaskState = std::variant<Placing, Blocked, Ready, Running>;

// One Dependency as it stands now (task_graph.h).
struct Condition {
  bool all = true;
  bool success = true;
  bool failure = false;
  bool met = true;
  std::uint32_t unresolved = 0;  // tasks in it that have not finished
};

// What a task with dependencies waits for; dropped when the task is sent.
struct Waits {
  Condition after;
  Condition follow;
  Condition inputs;
  bool has_follow = false;
  std::vector<EngineSlot>
      follow_engines;  // live ones that satisfy `follow` and the targets; sorted
  ClassId targets{};   // the class without `follow`; a counted reference
  std::optional<Time> deadline;
  TaskId failed_input{};  // once one has failed
  bool met() const { return after.met && follow.met && inputs.met; }
};

enum class Edge : std::uint8_t { kAfter, kFollow, kInput };

// "When I finish, tell that task": an edge of the graph, kept at its source.
struct Dependent {
  TaskRef task;
  Edge edge = Edge::kAfter;
};

// An engine that has results which a task is to be given, and how much of them.
struct Holder {
  EngineSlot engine{};
  std::uint64_t bytes = 0;
};

struct Task {
  TaskId id{};
  Order order;
  TaskState state;
  std::uint32_t generation = 0;  // of no other task that had this slot
  int retries_left = 0;
  std::uint64_t client = 0;
  bool is_counted = false;  // by FairOrder: it was never sent
  bool demands = false;     // resources: as its class does, and stays with it
  ClassId cls{};            // engines it may run on; a counted reference
  // A task is in at most one list at a time, that of its state.
  TaskSlot previous = kNoTask;
  TaskSlot next = kNoTask;
  std::unique_ptr<Waits> waits;
  // By engine; null: it has no inputs, or none has been computed yet.
  std::unique_ptr<std::vector<Holder>> holders;
  std::vector<Dependent> dependents;

  template <typename State>
  bool is() const {
    return std::holds_alternative<State>(state);
  }
  Running& running() { return std::get<Running>(state); }
  const Running& running() const { return std::get<Running>(state); }
};

class TaskTable {
 public:
  std::size_t size() const { return ids_.size(); }
  std::optional<TaskSlot> find(TaskId id) const;

  // REQUIRES: the id is not in the table.
  TaskSlot add(TaskId id);
  void remove(TaskSlot slot);

  Task& operator[](TaskSlot slot) { return tasks_[static_cast<std::uint32_t>(slot)]; }
  const Task& operator[](TaskSlot slot) const { return tasks_[static_cast<std::uint32_t>(slot)]; }

  TaskRef ref(TaskSlot slot) const { return {slot, (*this)[slot].generation}; }
  // True if the task has not finished.
  bool is_current(TaskRef ref) const {
    const auto slot = static_cast<std::uint32_t>(ref.slot);
    return tasks_.contains(slot) && tasks_[slot].generation == ref.generation;
  }

  // In order of submission. Linear; for queries.
  std::vector<TaskSlot> all() const;
  // How many tasks there is memory for.
  std::size_t capacity() const { return tasks_.capacity(); }

 private:
  IdMap ids_;
  SlotPool<Task> tasks_;
  std::uint64_t next_number_ = 1;
};

// A doubly linked list threaded through the tasks themselves: O(1) at both ends and in the middle.
class TaskList {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  TaskSlot front() const { return front_; }
  TaskSlot back() const { return back_; }

  void push_back(TaskTable& tasks, TaskSlot slot);
  void remove(TaskTable& tasks, TaskSlot slot);
  std::vector<TaskSlot> slots(const TaskTable& tasks) const;

 private:
  TaskSlot front_ = kNoTask;
  TaskSlot back_ = kNoTask;
  std::size_t size_ = 0;
};

}  // namespace engineroom::scheduler
