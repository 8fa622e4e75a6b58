// Placement without trouble: who gets which task, and in which order.
#include "scheduler/scheduler.h"

#include <gtest/gtest.h>

#include "scheduler/test_play.h"

namespace engineroom::scheduler {
namespace {

TEST(Scheduler, a_task_goes_to_an_idle_engine_and_its_reply_to_the_client) {
  Play play(1);
  EXPECT_EQ(play.submit(1), "send 1 to 0");
  EXPECT_EQ(play.succeed(1), "deliver 1");
}

TEST(Scheduler, without_engines_tasks_wait_and_the_first_engine_takes_the_oldest) {
  Play play;
  EXPECT_EQ(play.submit(1), "");
  EXPECT_EQ(play.submit(2), "");
  EXPECT_EQ(play.join(0), "send 1 to 0");
  EXPECT_EQ(play.join(1), "send 2 to 1");
}

TEST(Scheduler, equal_engines_take_turns) {
  Play play(3);
  EXPECT_EQ(play.submit(1), "send 1 to 0");
  EXPECT_EQ(play.succeed(1), "deliver 1");
  EXPECT_EQ(play.submit(2), "send 2 to 1");
  EXPECT_EQ(play.submit(3), "send 3 to 2");
  EXPECT_EQ(play.submit(4), "send 4 to 0");
}

TEST(Scheduler, an_engine_that_becomes_free_takes_the_oldest_waiting_task) {
  Play play(2);
  play.submit_range(1, 4);
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 1");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 4 to 0");
}

TEST(Scheduler, a_task_runs_only_on_its_targets) {
  Play play(3);
  EXPECT_EQ(play.submit(task(1).on({2})), "send 1 to 2");
  EXPECT_EQ(play.submit(task(2).on({2})), "");
  EXPECT_EQ(play.submit(task(3).on({2, 1})), "send 3 to 1");
  EXPECT_EQ(play.succeed(3), "deliver 3");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 2");
}

TEST(Scheduler, unknown_targets_are_ignored_if_a_known_one_is_left) {
  Play play(2);
  EXPECT_EQ(play.submit(task(1).on({7, 1, 1})), "send 1 to 1");
  EXPECT_EQ(play.submit(task(2).on({7})), "reject 2: no engine left");
}

TEST(Scheduler, tasks_pinned_to_a_busy_engine_do_not_hold_up_the_others) {
  Play play(2);
  EXPECT_EQ(play.submit(task(1).on({0})), "send 1 to 0");
  for (int id = 2; id < 100; ++id) EXPECT_EQ(play.submit(task(id).on({0})), "");
  EXPECT_EQ(play.submit(100), "send 100 to 1");
  EXPECT_EQ(play.submit(101), "");
  EXPECT_EQ(play.succeed(100), "deliver 100, send 101 to 1");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 0");
}

TEST(Scheduler, between_constraints_the_oldest_task_goes_first) {
  Play play(2);
  play.submit_range(1, 2);
  play.submit(task(3).on({1}));
  play.submit(task(4));
  play.submit(task(5).on({0, 1}));
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 1");
  EXPECT_EQ(play.succeed(3), "deliver 3, send 4 to 1");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 5 to 0");
}

TEST(Scheduler, a_high_water_mark_is_a_strict_limit) {
  Play play(2, up_to(2));
  EXPECT_EQ(play.submit_range(1, 6), "send 1 to 0, send 2 to 1, send 3 to 0, send 4 to 1");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 5 to 0");
  EXPECT_EQ(play.tasks_on(0), (std::vector{3, 5}));
}

TEST(Scheduler, unlimited_sends_everything_at_once_evenly) {
  Play play(2, up_to(SchedulerConfig::kUnlimited));
  EXPECT_EQ(play.submit_range(1, 4), "send 1 to 0, send 2 to 1, send 3 to 0, send 4 to 1");
  EXPECT_EQ(play.succeed(1), "deliver 1");
  EXPECT_EQ(play.submit(5), "send 5 to 0");
}

TEST(Scheduler, lru_takes_the_engine_that_waited_longest) {
  SchedulerConfig config = up_to(2);
  config.policy = PolicyKind::kLru;
  Play play(2, config);
  EXPECT_EQ(play.submit(1), "send 1 to 0");
  EXPECT_EQ(play.submit(2), "send 2 to 1");
  EXPECT_EQ(play.succeed(2), "deliver 2");
  EXPECT_EQ(play.submit(3), "send 3 to 0") << "although 1 has fewer tasks";
}

TEST(Scheduler, replies_for_tasks_that_the_engine_does_not_hold_are_stale) {
  Play play(2);
  play.submit(1);
  EXPECT_EQ(play.reply_from(1, 1), "stale");
  EXPECT_EQ(play.reply_from(0, 99), "stale");
  EXPECT_EQ(play.succeed(1), "deliver 1");
  EXPECT_EQ(play.reply_from(0, 1), "stale");
}

TEST(Scheduler, a_full_scheduler_refuses_tasks) {
  SchedulerConfig config = one_each();
  config.max_waiting = 2;
  Play play(1, config);
  play.submit_range(1, 2);
  EXPECT_EQ(play.submit(3), "reject 3: queue full");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 0");
  EXPECT_EQ(play.submit(4), "");
}

TEST(Scheduler, a_waiting_task_can_be_aborted) {
  Play play(1);
  play.submit_range(1, 3);
  EXPECT_EQ(play.abort(2), "reject 2: aborted");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 3 to 0");
}

TEST(Scheduler, aborting_a_task_that_is_with_an_engine_is_the_engines_business) {
  Play play(1);
  play.submit_range(1, 2);
  EXPECT_EQ(play.abort(1), "ask engine 0");
  EXPECT_EQ(play.give_back(1), "deliver 1, send 2 to 0");
  EXPECT_EQ(play.abort(1), "");
}

TEST(Scheduler, queries_tell_where_tasks_are) {
  Play play(1);
  play.submit_range(1, 3);
  EXPECT_EQ(play.scheduler().waiting_count(), 2u);
  EXPECT_EQ(play.scheduler().outstanding_count(), 1u);
  EXPECT_EQ(play.scheduler().waiting_tasks(), (std::vector{TaskId{2}, TaskId{3}}));
  EXPECT_EQ(play.tasks_on(0), std::vector{1});
  EXPECT_EQ(play.tasks_on(5), std::vector<int>{});
  EXPECT_TRUE(play.scheduler().is_known(TaskId{2}));
  EXPECT_FALSE(play.scheduler().is_known(TaskId{9}));
}

TEST(Scheduler, finished_tasks_are_remembered_until_there_are_too_many) {
  SchedulerConfig config = one_each();
  config.max_finished = 2;
  Play play(1, config);
  for (int id = 1; id <= 3; ++id) {
    play.submit(id);
    play.succeed(id);
  }
  EXPECT_FALSE(play.scheduler().is_known(TaskId{1}));
  EXPECT_TRUE(play.scheduler().is_known(TaskId{2}));
  EXPECT_EQ(play.submit(task(4).after({1})), "reject 4: invalid dependency");
  EXPECT_EQ(play.submit(task(5).after({3})), "send 5 to 0");
}

}  // namespace
}  // namespace engineroom::scheduler
