#include "client/watches.h"

#include <gtest/gtest.h>

namespace engineroom::client {
namespace {

class WatchesTest : public ::testing::Test {
 protected:
  WatchesTest() {
    for (int i = 0; i < 3; ++i)
      tasks_.push_back(std::make_shared<Task>(Task::Origin{.msg_id = std::to_string(i)}));
  }

  // As text: "done 7", "task 7 0", "output 7 0 stream", or "" if there is none.
  std::string next() {
    const std::optional<Event> event = events_.next(Clock::now(), {});
    if (!event) return "";
    if (const auto* e = std::get_if<TasksDone>(&*event)) return "done " + std::to_string(e->token);
    if (const auto* e = std::get_if<TaskDone>(&*event))
      return "task " + std::to_string(e->token) + " " + std::to_string(e->index);
    if (const auto* e = std::get_if<TaskOutput>(&*event))
      return "output " + std::to_string(e->token) + " " + std::to_string(e->index) + " " +
             e->msg_type;
    if (std::holds_alternative<SessionClosed>(*event)) return "closed";
    return "?";
  }

  void complete(std::size_t i, bool output_done = true) {
    Task::Completion completion;
    completion.output_done = output_done;
    tasks_[i]->complete(std::move(completion));
  }

  EventQueue events_;
  Watches watches_{events_};
  std::vector<TaskPtr> tasks_;
};

TEST_F(WatchesTest, AllDone) {
  watches_.watch(tasks_, 7, Task::Until::kReplied);
  complete(0);
  complete(2);
  EXPECT_EQ(next(), "");
  complete(1);
  EXPECT_EQ(next(), "done 7");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(watches_.size(), 0u);
}

TEST_F(WatchesTest, AllDoneAlready) {
  for (std::size_t i = 0; i < 3; ++i) complete(i);
  watches_.watch(tasks_, 7, Task::Until::kOutputDone);
  EXPECT_EQ(next(), "done 7");
  watches_.watch({}, 8, Task::Until::kReplied);
  EXPECT_EQ(next(), "done 8");
  EXPECT_EQ(watches_.size(), 0u);
}

TEST_F(WatchesTest, AllOutputDone) {
  watches_.watch({tasks_.data(), 1}, 7, Task::Until::kOutputDone);
  complete(0, false);
  EXPECT_EQ(next(), "");
  tasks_[0]->engine_idle();
  EXPECT_EQ(next(), "done 7");
}

TEST_F(WatchesTest, EachDone) {
  complete(1);
  watches_.watch_each(tasks_, 7);
  EXPECT_EQ(next(), "task 7 1");
  complete(2);
  complete(0);
  EXPECT_EQ(next(), "task 7 2");
  EXPECT_EQ(next(), "task 7 0");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(watches_.size(), 0u);
}

TEST_F(WatchesTest, Output) {
  tasks_[0]->add_output({.msg_type = "stream"}, "stdout", "before");
  watches_.watch_output(tasks_, 7);
  tasks_[1]->add_output({.msg_type = "stream"}, "stdout", "hello");
  complete(1);
  tasks_[1]->add_output({.msg_type = "display_data"}, "", "");
  EXPECT_EQ(next(), "output 7 1 stream");
  EXPECT_EQ(next(), "output 7 1 display_data");
  EXPECT_EQ(next(), "");
}

TEST_F(WatchesTest, UnwatchEndsAllOrdersOfAToken) {
  watches_.watch(tasks_, 7, Task::Until::kReplied);
  watches_.watch_each(tasks_, 7);
  watches_.watch_output(tasks_, 7);
  watches_.watch_each(tasks_, 8);
  watches_.unwatch(7);
  watches_.unwatch(7);
  for (std::size_t i = 0; i < 3; ++i) complete(i);
  EXPECT_EQ(next(), "task 8 0");
  EXPECT_EQ(next(), "task 8 1");
  EXPECT_EQ(next(), "task 8 2");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(watches_.size(), 0u);
}

TEST_F(WatchesTest, TasksMayVanishUnfinished) {
  watches_.watch(tasks_, 7, Task::Until::kReplied);
  tasks_.clear();
  watches_.unwatch(7);
  EXPECT_EQ(next(), "");
}

TEST_F(WatchesTest, ClosingEndsTheQueue) {
  events_.push(TasksDone{1});
  events_.close();
  events_.push(TasksDone{2});
  EXPECT_EQ(next(), "done 1");
  EXPECT_EQ(next(), "closed");
  EXPECT_FALSE(events_.next(std::nullopt, {}).has_value());
}

TEST_F(WatchesTest, NoticesOnlyWhenWanted) {
  events_.push_notice(SessionLost{"before"});
  EXPECT_EQ(next(), "");
  events_.enable_notices();
  events_.push_notice(SessionLost{"after"});
  EXPECT_EQ(next(), "?");
}

}  // namespace
}  // namespace engineroom::client
