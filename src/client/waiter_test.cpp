#include "client/waiter.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace engineroom::client {
namespace {

using namespace std::chrono_literals;

TaskPtr make_task() { return std::make_shared<Task>(Task::Origin{.msg_id = "m"}); }

void complete(const TaskPtr& task, TaskStatus status = TaskStatus::kOk, bool output_done = true) {
  Task::Completion completion;
  completion.status = status;
  completion.output_done = output_done;
  task->complete(std::move(completion));
}

WaitResult wait_for(const std::vector<TaskPtr>& tasks, WaitMode mode, double timeout_s = -1,
                    Task::Until until = Task::Until::kReplied) {
  return wait_for_tasks(tasks, deadline_after(timeout_s), mode, until, {});
}

TEST(Waiter, NothingToWaitFor) {
  EXPECT_EQ(wait_for({}, WaitMode::kAll), WaitResult::kReady);
  EXPECT_EQ(wait_for({}, WaitMode::kAny), WaitResult::kReady);
  const TaskPtr task = make_task();
  complete(task);
  EXPECT_EQ(wait_for({task, task}, WaitMode::kAll), WaitResult::kReady);
}

TEST(Waiter, TimesOutAndLeavesNoTrace) {
  const TaskPtr task = make_task();
  EXPECT_EQ(wait_for({task}, WaitMode::kAll, 0), WaitResult::kTimeout);
  EXPECT_EQ(wait_for({task}, WaitMode::kAll, 0.01), WaitResult::kTimeout);
  EXPECT_EQ(task.use_count(), 1);
  complete(task);
  EXPECT_EQ(wait_for({task}, WaitMode::kAll, 0), WaitResult::kReady);
}

TEST(Waiter, AllNeedsEveryTask) {
  std::vector<TaskPtr> tasks;
  for (int i = 0; i < 100; ++i) tasks.push_back(make_task());
  complete(tasks[7]);
  std::atomic<int> completed = 0;
  std::thread completer([&] {
    for (const TaskPtr& task : tasks) {
      ++completed;
      complete(task);
    }
  });
  EXPECT_EQ(wait_for(tasks, WaitMode::kAll), WaitResult::kReady);
  EXPECT_EQ(completed, 100);
  completer.join();
}

TEST(Waiter, AnyNeedsOne) {
  const std::vector<TaskPtr> tasks = {make_task(), make_task()};
  std::thread completer([&] { complete(tasks[1]); });
  EXPECT_EQ(wait_for(tasks, WaitMode::kAny), WaitResult::kReady);
  EXPECT_FALSE(tasks[0]->done());
  completer.join();
}

TEST(Waiter, FirstErrorEndsEarly) {
  const std::vector<TaskPtr> tasks = {make_task(), make_task(), make_task()};
  complete(tasks[0]);
  EXPECT_EQ(wait_for(tasks, WaitMode::kFirstError, 0.01), WaitResult::kTimeout);
  complete(tasks[1], TaskStatus::kAborted);
  EXPECT_EQ(wait_for(tasks, WaitMode::kFirstError), WaitResult::kReady);
}

TEST(Waiter, OutputsComeAfterTheReply) {
  const TaskPtr task = make_task();
  complete(task, TaskStatus::kOk, false);
  EXPECT_EQ(wait_for({task}, WaitMode::kAll), WaitResult::kReady);
  EXPECT_EQ(wait_for({task}, WaitMode::kAll, 0.01, Task::Until::kOutputDone), WaitResult::kTimeout);
  std::thread idle([&] { task->engine_idle(); });
  EXPECT_EQ(wait_for({task}, WaitMode::kAll, -1, Task::Until::kOutputDone), WaitResult::kReady);
  idle.join();
}

TEST(Waiter, IdleBeforeTheReply) {
  const TaskPtr task = make_task();
  task->engine_idle();
  EXPECT_EQ(wait_for({task}, WaitMode::kAll, 0, Task::Until::kOutputDone), WaitResult::kTimeout);
  complete(task, TaskStatus::kOk, false);
  EXPECT_EQ(wait_for({task}, WaitMode::kAll, 0, Task::Until::kOutputDone), WaitResult::kReady);
}

TEST(Waiter, CanBeInterrupted) {
  const TaskPtr task = make_task();
  int calls = 0;
  const Interrupt third_time = [&] { return ++calls == 3; };
  EXPECT_EQ(
      wait_for_tasks({&task, 1}, std::nullopt, WaitMode::kAll, Task::Until::kReplied, third_time),
      WaitResult::kInterrupted);
  EXPECT_EQ(calls, 3);
}

TEST(Waiter, ManyThreadsWaitForTheSameTask) {
  const TaskPtr task = make_task();
  std::vector<std::thread> threads;
  std::atomic<int> ready = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      if (wait_for({task}, WaitMode::kAll) == WaitResult::kReady) ++ready;
    });
  }
  complete(task);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ready, 8);
}

}  // namespace
}  // namespace engineroom::client
