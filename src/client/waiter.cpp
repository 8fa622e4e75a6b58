#include "client/waiter.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace engineroom::client {
namespace {

class Waiter : public Watcher {
 public:
  Waiter(std::size_t n_tasks, WaitMode mode)
      : mode_(mode),
        missing_(mode == WaitMode::kAny ? std::min<std::size_t>(n_tasks, 1) : n_tasks) {}

  void on_done(std::size_t /*index*/, TaskStatus status) override {
    const std::lock_guard lock(mutex_);
    count_locked(status);
    if (missing_ > 0) return;
    changed_.notify_one();
    if (loop_ != nullptr && std::this_thread::get_id() != leader_) loop_->ring_leader();
  }

  void count(TaskStatus status) {
    const std::lock_guard lock(mutex_);
    count_locked(status);
  }

  WaitResult wait(std::optional<Time> deadline, const Interrupt& interrupt, IoLoop* loop) {
    if (loop != nullptr) {
      set_loop(loop);
      const auto satisfied = [this] { return is_satisfied(); };
      const std::optional<WaitResult> result = loop->lead(satisfied, deadline, interrupt);
      set_loop(nullptr);
      if (result) return *result;
    }
    std::unique_lock lock(mutex_);
    return wait_on(changed_, lock, deadline, interrupt, [this] { return missing_ == 0; });
  }

 private:
  // Who to call when it is done, while this thread may be leading.
  void set_loop(IoLoop* loop) {
    const std::lock_guard lock(mutex_);
    loop_ = loop;
    leader_ = std::this_thread::get_id();
  }
  bool is_satisfied() {
    const std::lock_guard lock(mutex_);
    return missing_ == 0;
  }
  void count_locked(TaskStatus status) {
    if (missing_ > 0) --missing_;
    if (mode_ == WaitMode::kFirstError && status != TaskStatus::kOk) missing_ = 0;
  }

  const WaitMode mode_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_ from here on.
  std::size_t missing_;
  IoLoop* loop_ = nullptr;
  std::thread::id leader_;
};

bool holds_now(std::span<const TaskPtr> tasks, WaitMode mode, Task::Until until) {
  const auto satisfied = [&](const TaskPtr& task) {
    return task->done() && (until == Task::Until::kReplied || task->output_done());
  };
  if (mode == WaitMode::kAny) return tasks.empty() || std::ranges::any_of(tasks, satisfied);
  return std::ranges::all_of(tasks, satisfied);
}

}  // namespace

WaitResult wait_for_tasks(std::span<const TaskPtr> tasks, std::optional<Time> deadline,
                          WaitMode mode, Task::Until until, const Interrupt& interrupt,
                          IoLoop* loop) {
  if (holds_now(tasks, mode, until)) return WaitResult::kReady;
  const auto waiter = std::make_shared<Waiter>(tasks.size(), mode);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (!tasks[i]->subscribe(waiter, i, until)) waiter->count(tasks[i]->status());
  }
  const WaitResult result = waiter->wait(deadline, interrupt, loop);
  // After "all" every subscription has been used up.
  if (result != WaitResult::kReady || mode != WaitMode::kAll) {
    for (const TaskPtr& task : tasks) task->unsubscribe(waiter.get());
  }
  return result;
}

}  // namespace engineroom::client
