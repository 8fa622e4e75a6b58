// Tasks that are given the results of others: when they run, and where.
#include <gtest/gtest.h>

#include "scheduler/test_play.h"

namespace engineroom::scheduler {
namespace {

TEST(Inputs, a_task_runs_when_all_have_succeeded) {
  Play play(1);
  play.submit(1);
  play.submit(2);
  EXPECT_EQ(play.submit(task(3).inputs({1, 2})), "");
  EXPECT_EQ(play.explain(3), "It waits for 2 tasks to succeed, whose results it is given.");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 0");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 0");
}

TEST(Inputs, it_runs_where_most_of_them_is) {
  Play play(3);
  play.submit_range(1, 3);
  EXPECT_EQ(play.engine_of(3), 2);
  play.succeed(1, 0, 1000);
  play.succeed(2, 0, 300);
  play.succeed(3, 0, 900'000);
  EXPECT_EQ(play.submit(task(4).inputs({1, 2, 3})), "send 4 to 2");
  // That engine is busy now: another one does it, rather than let it wait.
  EXPECT_EQ(play.submit(task(5).inputs({1, 3})), "send 5 to 0");
  EXPECT_EQ(play.submit(task(6).inputs({3})), "send 6 to 1");
}

TEST(Inputs, an_engine_that_left_or_may_not_run_it_is_not_preferred) {
  Play play(3);
  play.submit_range(1, 3);
  for (int id = 1; id <= 3; ++id) play.succeed(id, 0, id * 1000);
  EXPECT_EQ(play.submit(task(4).inputs({2}).on({0, 2})), "send 4 to 0");
  play.succeed(4);
  play.lose(2);
  EXPECT_EQ(play.submit(task(5).inputs({2, 3})), "send 5 to 1");
}

TEST(Inputs, the_first_that_fails_ends_the_task) {
  Play play(2);
  play.submit_range(1, 2);
  play.submit(task(3).inputs({1, 2}));
  play.submit(task(4).inputs({3}));
  EXPECT_EQ(play.fail(2), "deliver 2, reject 3: input failed 2, reject 4: input failed 3");
  EXPECT_EQ(play.submit(task(5).inputs({1, 4})), "reject 5: input failed 4");
}

TEST(Inputs, that_nobody_knows_are_invalid) {
  Play play(1);
  EXPECT_EQ(play.submit(task(1).inputs({7})), "reject 1: invalid dependency");
}

}  // namespace
}  // namespace engineroom::scheduler
