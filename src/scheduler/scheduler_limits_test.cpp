// The automatic limit: fetching ahead while tasks are short, and sharing fairly while they are few.
#include <algorithm>

#include <gtest/gtest.h>

#include "scheduler/test_play.h"

namespace engineroom::scheduler {
namespace {

// Engine 0 … n-1 have each answered so many short tasks that their limit is the maximum. Uses up
// the task numbers 1000000 and more.
void warm_up(Play& play, int engines) {
  int id = 1'000'000;
  for (int engine = 0; engine < engines; ++engine) {
    for (int i = 0; i < 6; ++i, ++id) {
      play.submit(task(id).on({engine}));
      play.succeed(id, 20);
    }
  }
}

TEST(AutomaticLimit, is_one_until_an_engine_has_shown_that_it_is_fast) {
  Play play(1, automatic());
  EXPECT_EQ(play.submit_range(1, 9), "send 1 to 0");
  EXPECT_EQ(play.succeed(1, 50), "deliver 1, send 2 to 0, send 3 to 0");
  EXPECT_EQ(play.succeed(2, 50), "deliver 2, send 4 to 0, send 5 to 0, send 6 to 0");
}

TEST(AutomaticLimit, stays_one_for_long_tasks) {
  Play play(1, automatic());
  play.submit_range(1, 9);
  EXPECT_EQ(play.succeed(1, 5000), "deliver 1, send 2 to 0");
  EXPECT_EQ(play.succeed(2, 5000), "deliver 2, send 3 to 0");
}

TEST(AutomaticLimit, measures_a_task_from_the_reply_before_it) {
  Play play(1, automatic());
  play.submit_range(1, 99);
  play.succeed(1, 50);
  // Each of these was sent long before it was started.
  for (int id = 2; id <= 20; ++id) play.succeed(id, 1000);
  EXPECT_EQ(play.tasks_on(0).size(), 32u);
}

TEST(AutomaticLimit, falls_back_to_one_after_a_long_task) {
  Play play(1, automatic());
  warm_up(play, 1);
  play.submit_range(1, 99);
  EXPECT_EQ(play.tasks_on(0).size(), 32u);
  EXPECT_EQ(play.succeed(1, 50'000), "deliver 1");
  for (int id = 2; id <= 31; ++id) play.succeed(id, 3000);
  EXPECT_EQ(play.tasks_on(0).size(), 1u);
}

TEST(AutomaticLimit, never_exceeds_the_configured_maximum) {
  SchedulerConfig config = automatic();
  config.max_prefetch = 3;
  Play play(1, config);
  warm_up(play, 1);
  play.submit_range(1, 99);
  EXPECT_EQ(play.tasks_on(0).size(), 3u);
}

TEST(AutomaticLimit, few_tasks_are_spread_over_the_idle_engines_first) {
  Play play(4, automatic());
  warm_up(play, 4);
  play.submit_range(1, 4);
  for (int engine = 0; engine < 4; ++engine) EXPECT_EQ(play.tasks_on(engine).size(), 1u);
}

TEST(AutomaticLimit, an_engine_fetches_ahead_no_more_than_its_share) {
  Play play(4, automatic());
  warm_up(play, 4);
  play.submit_range(1, 4);
  EXPECT_EQ(play.submit_range(5, 7), "") << "fewer waiting than engines";
  EXPECT_NE(play.submit(8), "");
  EXPECT_EQ(play.scheduler().waiting_count(), 3u);
}

TEST(AutomaticLimit, tasks_that_wait_for_other_engines_do_not_count_for_the_share) {
  Play play(2, automatic());
  warm_up(play, 2);
  for (int id = 1; id <= 90; ++id) play.submit(task(id).on({0}));
  EXPECT_EQ(play.submit(100), "send 100 to 1");
  EXPECT_EQ(play.submit(101), "") << "one task for two engines: whoever is free first";
}

TEST(AutomaticLimit, pinned_tasks_are_fetched_ahead_by_their_engine) {
  Play play(2, automatic());
  warm_up(play, 2);
  for (int id = 1; id <= 90; ++id) play.submit(task(id).on({0}));
  EXPECT_EQ(play.tasks_on(0).size(), 32u);
}

TEST(AutomaticLimit, many_short_tasks_keep_all_engines_busy_to_the_end) {
  Play play(4, automatic());
  play.submit_range(1, 2000);
  int finished = 0;
  std::size_t most_behind = 0;
  while (play.scheduler().outstanding_count() > 0) {
    // All engines are equally fast: one reply each, in turn.
    play.pass_us(100);
    for (int engine = 0; engine < 4; ++engine) {
      const std::vector<int> tasks = play.tasks_on(engine);
      if (tasks.empty()) continue;
      play.succeed(tasks.front());
      ++finished;
    }
    std::size_t fewest = 99;
    std::size_t most = 0;
    for (int engine = 0; engine < 4; ++engine) {
      fewest = std::min(fewest, play.tasks_on(engine).size());
      most = std::max(most, play.tasks_on(engine).size());
    }
    if (play.scheduler().waiting_count() == 0) most_behind = std::max(most_behind, most - fewest);
  }
  EXPECT_EQ(finished, 2000);
  EXPECT_LE(most_behind, 4u) << "at the end of the queue nobody holds much more than the others";
}

}  // namespace
}  // namespace engineroom::scheduler
