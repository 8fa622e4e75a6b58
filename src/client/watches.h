// client/watches.h — standing orders to put an event into the queue when tasks get on.
//
// Every order carries a token chosen by the caller, which comes back in its events. Several orders
// may share a token; unwatch() ends them all.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "client/events.h"
#include "client/task.h"

namespace engineroom::client {

class Watches {
 public:
  explicit Watches(EventQueue& events) : events_(events) {}

  // TasksDone once all are done; at once if they are already.
  void watch(std::span<const TaskPtr> tasks, std::int64_t token, Task::Until until);
  // TaskDone as each gets done.
  void watch_each(std::span<const TaskPtr> tasks, std::int64_t token);
  // TaskOutput for each iopub message from now on.
  void watch_output(std::span<const TaskPtr> tasks, std::int64_t token);
  // No event with this token is queued any more. Events already in the queue stay.
  void unwatch(std::int64_t token);

  // Orders that are not used up.
  std::size_t size() const;

 private:
  class Order;
  class AllDone;
  class EachDone;
  class EachOutput;

  void subscribe(const std::shared_ptr<Order>& order, std::span<const TaskPtr> tasks,
                 Task::Until until);
  void forget(const Order* order);

  EventQueue& events_;
  mutable std::mutex mutex_;
  // Guarded by mutex_. Tasks hold their orders strongly, orders hold their tasks weakly.
  std::unordered_multimap<std::int64_t, std::shared_ptr<Order>> orders_;
};

}  // namespace engineroom::client
