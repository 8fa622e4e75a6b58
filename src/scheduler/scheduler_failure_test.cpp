// Failing tasks, unmet functional dependencies, and engines that go away.
#include <gtest/gtest.h>

#include "scheduler/test_play.h"

namespace engineroom::scheduler {
namespace {

TEST(Failure, without_retries_the_failing_reply_is_delivered) {
  Play play(2);
  play.submit(1);
  EXPECT_EQ(play.fail(1), "deliver 1");
}

TEST(Failure, with_retries_the_task_runs_again_elsewhere) {
  Play play(2);
  play.submit(task(1).retries(1));
  EXPECT_EQ(play.fail(1), "retry 1 not on 0, send 1 to 1");
  EXPECT_EQ(play.succeed(1), "deliver 1");
}

TEST(Failure, the_last_failure_is_delivered_when_retries_are_used_up) {
  Play play(3);
  play.submit(task(1).retries(1));
  play.fail(1);
  EXPECT_EQ(play.fail(1), "deliver 1");
}

TEST(Failure, more_retries_than_engines_end_with_the_last_failure) {
  Play play(2);
  play.submit(task(1).retries(10));
  EXPECT_EQ(play.fail(1), "retry 1 not on 0, send 1 to 1");
  EXPECT_EQ(play.fail(1), "deliver 1");
}

TEST(Failure, a_single_engine_is_not_tried_twice) {
  Play play(1);
  play.submit(task(1).retries(3));
  EXPECT_EQ(play.fail(1), "deliver 1");
}

TEST(Failure, a_retry_stays_within_the_targets) {
  Play play(3);
  play.submit(task(1).on({0, 2}).retries(5));
  EXPECT_EQ(play.fail(1), "retry 1 not on 0, send 1 to 2");
  EXPECT_EQ(play.fail(1), "deliver 1");
}

TEST(Failure, a_retried_task_keeps_its_place_in_the_order_of_submission) {
  Play play(2);
  play.submit(task(1).retries(1));
  play.submit_range(2, 4);
  EXPECT_EQ(play.fail(1), "retry 1 not on 0, send 3 to 0");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 1 to 1") << "before 4";
}

TEST(UnmetDependency, the_task_tries_the_other_engines_without_using_up_retries) {
  Play play(3);
  play.submit(task(1).retries(1));
  EXPECT_EQ(play.unmet(1), "retry 1 not on 0, send 1 to 1");
  EXPECT_EQ(play.fail(1), "retry 1 not on 1, send 1 to 2");
  EXPECT_EQ(play.succeed(1), "deliver 1");
}

TEST(UnmetDependency, that_no_engine_meets_is_an_error_not_a_hang) {
  Play play(2);
  play.submit(1);
  play.unmet(1);
  EXPECT_EQ(play.unmet(1), "reject 1: no engine left");
}

TEST(UnmetDependency, waits_for_a_busy_engine_that_has_not_been_asked) {
  Play play(2);
  play.submit_range(1, 2);
  EXPECT_EQ(play.unmet(1), "retry 1 not on 0");
  EXPECT_EQ(play.submit(3), "send 3 to 0");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 1 to 1");
}

TEST(EngineLost, its_task_is_rejected_at_once) {
  Play play(2);
  play.submit(1);
  EXPECT_EQ(play.lose(0), "reject 1: engine died 0");
  EXPECT_EQ(play.reply_from(0, 1), "stale");
}

TEST(EngineLost, its_task_runs_elsewhere_if_retries_are_left) {
  Play play(2);
  play.submit(task(1).retries(1));
  EXPECT_EQ(play.lose(0), "retry 1 not on 0, send 1 to 1");
  EXPECT_EQ(play.lose(1), "reject 1: engine died 1");
}

TEST(EngineLost, a_retry_waits_for_a_new_engine_if_none_is_there) {
  Play play(1);
  play.submit(task(1).retries(1));
  EXPECT_EQ(play.lose(0), "retry 1 not on 0");
  EXPECT_EQ(play.join(1), "send 1 to 1");
}

TEST(EngineLost, a_pinned_task_is_not_retried_without_its_engine) {
  Play play(2);
  play.submit(task(1).on({0}).retries(5));
  EXPECT_EQ(play.lose(0), "reject 1: engine died 0");
}

TEST(EngineLost, waiting_tasks_pinned_to_it_are_rejected) {
  Play play(2);
  play.submit_range(1, 2);
  play.submit(task(3).on({0}));
  play.submit(task(4).on({0, 1}));
  play.submit(task(5).on({0}).after({2}));
  EXPECT_EQ(play.lose(0),
            "reject 1: engine died 0, reject 3: no engine left, reject 5: no engine left");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 4 to 1");
}

TEST(EngineLost, a_task_that_failed_on_all_that_are_left_is_rejected) {
  Play play(2);
  play.submit(task(1).retries(1));
  play.submit(2);
  EXPECT_EQ(play.fail(1), "retry 1 not on 0");
  EXPECT_EQ(play.lose(1), "reject 2: engine died 1, reject 1: no engine left");
}

TEST(EngineLost, its_tasks_are_retried_in_the_order_of_submission) {
  Play play(1, up_to(3));
  for (int id = 1; id <= 3; ++id) play.submit(task(id).retries(1));
  EXPECT_EQ(play.lose(0), "retry 1 not on 0, retry 2 not on 0, retry 3 not on 0");
  EXPECT_EQ(play.join(1), "send 1 to 1, send 2 to 1, send 3 to 1");
}

TEST(EngineLost, losing_an_unknown_engine_means_nothing) {
  Play play(1);
  EXPECT_EQ(play.lose(7), "");
}

}  // namespace
}  // namespace engineroom::scheduler
