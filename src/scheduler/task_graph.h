// scheduler/task_graph.h — which tasks wait for which: `follow` and `after`.
//
// An edge is kept at its source: a task holds the list of those to tell when it finishes, and each
// waiting task counts what is still unresolved (Waits in task_table.h). So a finished task costs
// one step per dependent, whatever the fan-in of that dependent; a chain costs one step per link.
// The graph only updates the counts and reports what follows from it as Changes; the scheduler acts
// on them in a loop of its own, so that nothing here or there recurses.
//
// What the conditions mean (as in ipyparallel, whose scheduler looks at `follow` again and again):
//   after   all, or any, of the tasks have ended as asked (success, failure or both)
//   inputs  all of them have succeeded; where they ran is noted, as that is where it had best run
//   follow  the same, and the task runs on the engine where all of them ran, or where any of them
//           ran. A task that was never run (rejected) or whose engine is gone satisfies no
//           `follow`.
// A condition is impossible as soon as it can no longer be met.
//
// Edges whose target has gone (it timed out, say) are swept when the list that holds them would
// grow.
#pragma once

#include <optional>
#include <vector>

#include "scheduler/engine_table.h"
#include "scheduler/finished_tasks.h"
#include "scheduler/ready_queue.h"
#include "scheduler/task_table.h"

namespace engineroom::scheduler {

// What became of a task that waits.
struct Change {
  enum class Kind {
    kMet,          // both conditions are met now
    kWider,        // `follow`, met before, allows one more engine
    kUnmet,        // `follow` was met, but the engines where it was are gone; others may come
    kImpossible,   // a condition can never be met
    kInputFailed,  // the task's Waits say which
  };
  Kind kind;
  TaskRef task;
};

class TaskGraph {
 public:
  TaskGraph(TaskTable& tasks, const FinishedTasks& finished, const EngineTable& engines,
            const ReadyQueues& queues)
      : tasks_(tasks), finished_(finished), engines_(engines), queues_(queues) {}

  // True if every task named is unfinished or remembered.
  bool knows(const std::vector<TaskId>& dependencies) const;

  enum class Verdict { kMet, kBlocked, kImpossible, kInputFailed };
  // Gives the task its Waits, with `targets` = its class, and subscribes it to what is unresolved.
  // REQUIRES: knows() all of its dependencies.
  Verdict add(TaskSlot slot, const TaskOptions& options);

  // A task with these dependents has finished.
  void resolve(TaskId source, const std::vector<Dependent>& dependents, const Outcome& outcome,
               std::vector<Change>& changes);

  // REQUIRES: the engine is still in the tables.
  void engine_lost(EngineSlot engine, std::vector<Change>& changes);

  void sanity_check() const;

 private:
  enum class Progress { kNone, kWider, kImpossible, kInputFailed };

  void subscribe(TaskSlot slot, const std::vector<TaskId>& sources, Edge edge);
  Progress note(TaskSlot slot, Edge edge, TaskId source, const Outcome& outcome);
  Progress note_input(TaskSlot slot, TaskId source, const Outcome& outcome);
  Progress note_follow(TaskSlot slot, bool satisfied, const Outcome& outcome);
  Progress note_finished(TaskSlot slot, const std::vector<TaskId>& sources, Edge edge);

  TaskTable& tasks_;
  const FinishedTasks& finished_;
  const EngineTable& engines_;
  const ReadyQueues& queues_;
  // By engine: the waiting tasks whose `follow_engines` contain it. May hold stale references.
  std::vector<std::vector<TaskRef>> followers_;
};

}  // namespace engineroom::scheduler
