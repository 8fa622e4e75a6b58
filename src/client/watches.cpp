#include "client/watches.h"

#include <atomic>
#include <utility>

namespace engineroom::client {

// An order counts down the tasks that can still cause an event, and is forgotten when there are
// none.
class Watches::Order : public Watcher {
 public:
  Order(Watches& owner, std::int64_t token, std::span<const TaskPtr> tasks)
      : owner_(owner),
        token_(token),
        tasks_(tasks.begin(), tasks.end()),
        missing_(tasks.size() + 1) {}

  void on_done(std::size_t index, TaskStatus /*status*/) override {
    if (!cancelled_.load(std::memory_order_acquire)) on_task_done(index);
    count_down();
  }

  // Called once per task that will never call on_done(), and once when all are subscribed.
  void count_down() {
    if (missing_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (!cancelled_.load(std::memory_order_acquire)) on_all_done();
    owner_.forget(this);
  }

  void cancel() {
    cancelled_.store(true, std::memory_order_release);
    for (const std::weak_ptr<Task>& weak : tasks_) {
      if (const TaskPtr task = weak.lock()) task->unsubscribe(this);
    }
  }

  std::int64_t token() const { return token_; }
  // A task that was done before it could be subscribed.
  virtual void on_task_done(std::size_t /*index*/) {}

 protected:
  virtual void on_all_done() {}
  void push(Event event) { owner_.events_.push(std::move(event)); }
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  Watches& owner_;
  const std::int64_t token_;
  const std::vector<std::weak_ptr<Task>> tasks_;
  std::atomic<std::size_t> missing_;
  std::atomic<bool> cancelled_{false};
};

class Watches::AllDone : public Order {
  using Order::Order;
  void on_all_done() override { push(TasksDone{token()}); }
};

class Watches::EachDone : public Order {
  using Order::Order;
  void on_task_done(std::size_t index) override { push(TaskDone{token(), index}); }
};

class Watches::EachOutput : public Order {
  using Order::Order;
  void on_output(std::size_t index, const Output& output) override {
    if (!cancelled()) push(TaskOutput{token(), index, output.msg_type, output.content});
  }
};

void Watches::subscribe(const std::shared_ptr<Order>& order, std::span<const TaskPtr> tasks,
                        Task::Until until) {
  {
    const std::lock_guard lock(mutex_);
    orders_.emplace(order->token(), order);
  }
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i]->subscribe(order, i, until)) continue;
    order->on_task_done(i);
    order->count_down();
  }
  order->count_down();
}

void Watches::watch(std::span<const TaskPtr> tasks, std::int64_t token, Task::Until until) {
  subscribe(std::make_shared<AllDone>(*this, token, tasks), tasks, until);
}

void Watches::watch_each(std::span<const TaskPtr> tasks, std::int64_t token) {
  subscribe(std::make_shared<EachDone>(*this, token, tasks), tasks, Task::Until::kReplied);
}

void Watches::watch_output(std::span<const TaskPtr> tasks, std::int64_t token) {
  subscribe(std::make_shared<EachOutput>(*this, token, tasks), tasks, Task::Until::kReleased);
}

void Watches::unwatch(std::int64_t token) {
  std::vector<std::shared_ptr<Order>> ended;
  {
    const std::lock_guard lock(mutex_);
    const auto [first, last] = orders_.equal_range(token);
    for (auto it = first; it != last; ++it) ended.push_back(it->second);
    orders_.erase(first, last);
  }
  for (const std::shared_ptr<Order>& order : ended) order->cancel();
}

std::size_t Watches::size() const {
  const std::lock_guard lock(mutex_);
  return orders_.size();
}

void Watches::forget(const Order* order) {
  std::shared_ptr<Order> last_reference;  // dropped after the lock
  const std::lock_guard lock(mutex_);
  const auto [first, last] = orders_.equal_range(order->token());
  for (auto it = first; it != last; ++it) {
    if (it->second.get() != order) continue;
    last_reference = std::move(it->second);
    orders_.erase(it);
    return;
  }
}

}  // namespace engineroom::client
