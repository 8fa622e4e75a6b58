// Tasks queued behind a long one are taken back when another engine is idle.
#include <gtest/gtest.h>

#include "scheduler/test_play.h"

namespace engineroom::scheduler {
namespace {

// Engine 0 is known to be fast and holds tasks 1 to 4, nothing waits; then others join.
class TakeBackTest : public testing::Test {
 protected:
  TakeBackTest() : play_(1, automatic()) {
    for (int id = 100; id < 106; ++id) {
      play_.submit(id);
      play_.succeed(id, 20);
    }
    play_.submit_range(1, 6);
    play_.abort(5);
    play_.abort(6);
    EXPECT_EQ(play_.tasks_on(0), (std::vector{1, 2, 3, 4}));
  }

  Play play_;
};

TEST_F(TakeBackTest, nothing_happens_while_the_task_is_not_long) {
  EXPECT_EQ(play_.join(1), "");
  EXPECT_EQ(play_.wait_ms(9), "");
}

TEST_F(TakeBackTest, the_queue_is_asked_back_in_time) {
  play_.join(1);
  EXPECT_EQ(play_.scheduler().next_deadline(), play_.now() + std::chrono::milliseconds(10));
  EXPECT_EQ(play_.wait_ms(10), "take back 2 from 0, take back 3 from 0, take back 4 from 0");
  EXPECT_EQ(play_.scheduler().next_deadline(), std::nullopt);
}

TEST_F(TakeBackTest, what_is_given_back_goes_elsewhere_in_order) {
  play_.join(1);
  play_.wait_ms(10);
  EXPECT_EQ(play_.give_back(2), "send 2 to 1");
  EXPECT_EQ(play_.submit(7), "");
  EXPECT_EQ(play_.give_back(3), "");
  EXPECT_EQ(play_.give_back(4), "");
  EXPECT_EQ(play_.succeed(2, 5000), "deliver 2, send 3 to 1");
  EXPECT_EQ(play_.succeed(1), "deliver 1, send 4 to 0") << "before 7";
}

TEST_F(TakeBackTest, a_task_that_was_started_after_all_is_answered_as_usual) {
  play_.join(1);
  play_.wait_ms(10);
  EXPECT_EQ(play_.succeed(1), "deliver 1");
  EXPECT_EQ(play_.succeed(2), "deliver 2");
  EXPECT_EQ(play_.give_back(3), "send 3 to 1");
}

TEST_F(TakeBackTest, an_engine_that_joins_late_can_still_help) {
  EXPECT_EQ(play_.wait_ms(50), "");
  EXPECT_EQ(play_.join(1), "take back 2 from 0, take back 3 from 0, take back 4 from 0");
}

TEST_F(TakeBackTest, an_engine_that_runs_dry_helps_at_once) {
  play_.join(1);
  EXPECT_EQ(play_.submit(task(50).on({1})), "send 50 to 1");
  EXPECT_EQ(play_.wait_ms(20), "") << "nobody is idle";
  EXPECT_EQ(play_.succeed(50),
            "deliver 50, take back 2 from 0, take back 3 from 0, take back 4 from 0");
}

TEST_F(TakeBackTest, a_stuck_engine_gets_no_more_tasks) {
  play_.join(1);
  play_.submit(task(50).on({1}));
  play_.wait_ms(20);
  EXPECT_EQ(play_.submit_range(10, 20), "");
}

TEST_F(TakeBackTest, pinned_tasks_stay_where_they_are) {
  for (int id = 10; id <= 14; ++id) play_.submit(task(id).on({0}));
  EXPECT_EQ(play_.tasks_on(0).back(), 10);
  play_.join(1);
  EXPECT_EQ(play_.wait_ms(10), "take back 2 from 0, take back 3 from 0, take back 4 from 0");
}

TEST_F(TakeBackTest, a_task_that_a_client_aborted_meanwhile_is_not_run_again) {
  play_.join(1);
  play_.wait_ms(10);
  EXPECT_EQ(play_.abort(2), "ask engine 0");
  EXPECT_EQ(play_.give_back(2), "deliver 2");
}

TEST_F(TakeBackTest, the_engine_is_watched_again_after_its_long_task) {
  play_.join(1);
  play_.submit(task(50).on({1}));
  play_.wait_ms(20);
  EXPECT_EQ(play_.succeed(1), "deliver 1");
  EXPECT_EQ(play_.succeed(50), "deliver 50") << "task 2 has only just started";
  EXPECT_EQ(play_.wait_ms(10), "take back 3 from 0, take back 4 from 0");
}

TEST_F(TakeBackTest, no_more_is_asked_back_than_idle_engines_need) {
  play_.join(1);
  for (int id = 200; id < 206; ++id) {
    play_.submit(task(id).on({1}));
    play_.succeed(id, 20);
  }
  play_.submit_range(10, 20);
  EXPECT_GE(play_.tasks_on(1).size(), 2u);
  // Both are stuck now; a third engine joins, and one victim is enough for it.
  play_.wait_ms(20);
  const std::string effects = play_.join(2);
  EXPECT_EQ(effects.find("from 1"), std::string::npos) << effects;
}

TEST(TakeBack, does_not_happen_with_a_fixed_limit) {
  Play play(1, up_to(3));
  play.submit_range(1, 3);
  play.join(1);
  EXPECT_EQ(play.wait_ms(1000), "");
  EXPECT_EQ(play.scheduler().next_deadline(), std::nullopt);
}

}  // namespace
}  // namespace engineroom::scheduler
