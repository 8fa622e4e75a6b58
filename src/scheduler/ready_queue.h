// scheduler/ready_queue.h — waiting tasks, one queue per constraint class, oldest first.
//
// The obvious queue is one list of tasks, scanned for the first that the free engine may run. It is
// what the stock scheduler does, and 3,000 tasks pinned to one busy engine then cost every other
// engine a scan of 3,000 entries per task. Tasks with the same constraint are interchangeable, so
// here they share a *class*:
//
//   open class    any engine, except those in a short list (engines that failed the task)
//   closed class  only the engines in a list (targets, or where the tasks to follow ran)
//
// and either may *demand* resources: then an engine that does not offer them is not of the class.
// How much of what it offers is free now is not asked here. Classes that demand are indexed apart
// from the others, so those who demand nothing cost the same whoever else does.
//
// Within a class tasks leave in their order (fair_order.h), oldest first. An engine that has room
// compares the heads of the classes it belongs to and takes the oldest. Closed classes are found
// through a set per engine, ordered by the age of their head; the set is brought up to date only
// when that engine looks (a head that was taken makes the key too small, never too large), so
// taking a task from a class of a thousand engines does not touch a thousand sets. Open classes are
// few: normally one.
//
// Costs: push, remove and oldest_for are O(1) amortised for tasks that become ready in
// their order, O(log n) for others (unblocked late, retried, given back), and creating a class
// is linear in its list. Engines enter and leave in time linear in the number of classes. An engine
// that offers too little for the oldest demands looks at each different one of them.
//
// Owns the states Blocked and Ready of a task and the links of its lists; shares the TaskTable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/resources.h"
#include "scheduler/scheduler.h"
#include "scheduler/slots.h"
#include "scheduler/task_table.h"

namespace engineroom::scheduler {

// What a class demands; null: nothing.
using Demand = std::shared_ptr<const Amounts>;

// The open class without exceptions or demand; always there, not counted.
inline constexpr ClassId kAnyEngine{0};

class ReadyQueues {
 public:
  explicit ReadyQueues(TaskTable& tasks);

  void add_engine(EngineSlot engine, Amounts offer = {});
  // Appends the tasks that no engine can run, though there are engines now. Those that demand
  // something wait while there are none.
  void find_unoffered(std::vector<TaskRef>& stranded) const;
  // Takes the engine out of every class and appends the tasks, ready or blocked, that no engine can
  // run any more.
  void remove_engine(EngineSlot engine, std::vector<TaskRef>& stranded);
  std::size_t engine_count() const { return engine_count_; }

  // Classes are counted: each ClassId returned here is a reference to be given to release().
  // The class of all engines that offer this.
  ClassId any(Demand demand);
  // The class of exactly these engines. REQUIRES: live, sorted, distinct, at least one; they offer
  // what is demanded.
  ClassId only(std::vector<EngineSlot> engines, Demand demand = nullptr);
  // `from` less a live engine; no value if no live engine would be left.
  std::optional<ClassId> without(ClassId from, EngineSlot engine);
  void retain(ClassId id) { ++classes_[index(id)]->references; }
  void release(ClassId id);
  std::uint32_t reference_count(ClassId id) const { return at(id).references; }

  bool is_open(ClassId id) const { return classes_[index(id)]->open; }
  const Demand& demand(ClassId id) const { return classes_[index(id)]->demand; }
  const Amounts& offer(EngineSlot engine) const { return engines_[index(engine)].offer; }
  bool offers(EngineSlot engine, const Amounts& demand) const {
    return covers(engines_[index(engine)].offer, demand);
  }
  // Sorted; the engines allowed, or for an open class the ones excluded.
  const std::vector<EngineSlot>& listed_engines(ClassId id) const {
    return classes_[index(id)]->engines;
  }
  bool allows(ClassId id, EngineSlot engine) const;
  // How many live engines it allows.
  std::size_t allowed_count(ClassId id) const;
  // False if it never can run: engines exist, or existed, and none of them is allowed. An open
  // class can wait for engines while there are none at all.
  bool is_runnable(ClassId id) const;
  // True if it demands what no live engine offers.
  bool is_unoffered(ClassId id) const {
    return at(id).open && at(id).demand && at(id).offering == 0;
  }
  // True if its tasks could never run without this engine.
  bool is_last(ClassId id, EngineSlot engine) const;
  // How many tasks that wait in this class an engine of it may claim as its own: the tasks over the
  // engines, rounded down. All open classes count as one. REQUIRES: no demand.
  std::size_t share(ClassId id) const;

  // Placing → Ready, and back. The class is the task's `cls`.
  void push(TaskSlot slot);
  void remove(TaskSlot slot);
  // Placing → Blocked, and back.
  void block(TaskSlot slot);
  void unblock(TaskSlot slot);

  std::size_t ready_count() const { return ready_count_; }
  std::size_t blocked_count() const { return blocked_count_; }
  // Ready tasks that an engine which joins might run: all that demand nothing, and those whose
  // demand is accepted. O(classes).
  Scheduler::Backlog backlog(const std::function<bool(const Amounts&)>& accepts) const;
  // Ready tasks that demand something.
  std::size_t demanding_count() const { return demanding_count_; }

  // The oldest ready task that demands nothing and that the engine may run, of a class with at
  // least this share. (Of closed classes only the one with the oldest head is asked for its share.)
  std::optional<TaskSlot> oldest_for(EngineSlot engine, std::size_t min_share = 0);
  // The oldest ready one that demands something and that the engine may run.
  std::optional<TaskSlot> oldest_demanding_for(EngineSlot engine);
  // Does an older task wait in the task's class?
  bool is_behind(const Task& task) const { return head(at(task.cls)).first < task.order; }
  // True once after a task that demands something has left while others of other classes wait: it
  // may have kept engines for itself that they can have now.
  bool take_reservations_changed() { return std::exchange(reservations_changed_, false); }

  void sanity_check() const;

 private:
  static constexpr Order kNever{UINT64_MAX, UINT64_MAX};
  static constexpr std::size_t kIdleClasses = 1024;

  struct ConstraintClass {
    bool open = true;
    Demand demand;
    std::size_t offering = 0;         // open with a demand: live engines that offer it
    std::vector<EngineSlot> engines;  // sorted
    std::vector<std::uint32_t>
        positions;  // parallel: where this class is in the engine's `classes`
    // Parallel, closed only: the key under which the engine's `heads` has this class, or kNever.
    // Never later than the head's order while the class has tasks.
    std::vector<Order> keys;
    Order highest_key;                          // no key but kNever is greater
    std::vector<EngineSlot> unlisted;           // closed only: engines whose key is kNever
    TaskList fresh;                             // ready tasks that came in order of submission
    std::set<std::pair<Order, TaskSlot>> late;  // and those that did not
    TaskList blocked;
    std::size_t hash = 0;
    std::uint32_t references = 0;
    bool idle = false;  // in idle_

    std::size_t ready() const { return fresh.size() + late.size(); }
  };

  // Classes by (at least) the age of their head: those that demand nothing, and those that do.
  using Heads = std::set<std::pair<Order, ClassId>>;
  struct HeadsOf {
    Heads plain;
    Heads demanding;
    Heads& of(const ConstraintClass& cls) { return cls.demand ? demanding : plain; }
    const Heads& of(const ConstraintClass& cls) const { return cls.demand ? demanding : plain; }
  };

  struct EngineIndex {
    Amounts offer;
    std::vector<ClassId> classes;  // all that name this engine, open or closed
    HeadsOf heads;                 // of the closed ones
  };

  using Head = std::pair<Order, TaskSlot>;  // {kNever, kNoTask}: none

  ClassId intern(bool open, std::vector<EngineSlot> engines, Demand demand);
  ClassId create(bool open, std::vector<EngineSlot> engines, Demand demand, std::size_t hash);
  void destroy(ClassId id);
  void forget_in(ClassId id, EngineSlot engine);
  void strand(const ConstraintClass& cls, std::vector<TaskRef>& stranded) const;

  // Of an open class: the engines that exclude themselves by what they offer are left out.
  std::size_t candidates(const ConstraintClass& cls) const {
    return cls.demand ? cls.offering : engine_count_;
  }

  Head head(const ConstraintClass& cls) const;
  void head_became_older(ClassId id, Order before, Order now);
  void list(ClassId id, EngineSlot engine, Order key);
  void unlist(ClassId id, EngineSlot engine);
  Head oldest_open(EngineSlot engine, const Heads& heads, Head oldest) const;
  Head oldest_closed(EngineSlot engine, Heads& heads);

  ConstraintClass& at(ClassId id) { return *classes_[index(id)]; }
  const ConstraintClass& at(ClassId id) const { return *classes_[index(id)]; }

  TaskTable& tasks_;
  std::vector<std::unique_ptr<ConstraintClass>> classes_;  // by ClassId; null: free
  std::vector<ClassId> free_;
  std::unordered_multimap<std::size_t, ClassId> by_hash_;  // under the hash it was made with
  // Classes without references, oldest first: kept for a while, as the next task often needs one.
  std::deque<ClassId> idle_;
  std::vector<EngineIndex> engines_;  // by EngineSlot
  // Open classes but kAnyEngine that have ready tasks, by the order of their head.
  HeadsOf open_heads_;
  std::size_t engine_count_ = 0;
  std::size_t ready_count_ = 0;
  std::size_t open_ready_count_ = 0;  // that demand nothing
  std::size_t demanding_count_ = 0;
  std::size_t demanding_classes_ = 0;  // that have ready tasks
  bool reservations_changed_ = false;
  std::size_t blocked_count_ = 0;
};

}  // namespace engineroom::scheduler
