#include <gtest/gtest.h>

#include "scheduler/test_play.h"

namespace engineroom::scheduler {
namespace {

TEST(Explain, says_what_a_task_waits_for) {
  Play play(0, up_to(2));
  play.submit(1);
  EXPECT_EQ(play.explain(1), "It waits for an engine: none is connected.");
  play.join(0);
  EXPECT_EQ(play.explain(1), "It was sent to engine 0.");
  play.submit(2);
  EXPECT_EQ(play.explain(2), "It was sent to engine 0, behind 1 task sent earlier.");
  play.submit(3);
  EXPECT_EQ(play.explain(3), "It waits for room: every engine has as many tasks as it may hold.");
  play.join(1);
  play.submit(task(4).on({0}));
  EXPECT_EQ(play.explain(4), "It waits for room on engine 0, the only one it may run on.");
  play.submit(task(5).after({1, 2}));
  EXPECT_EQ(play.explain(5), "It waits for 2 tasks to succeed.");
  play.submit(task(6).after({1}).if_failed().follow({2, 3}).any().whatever());
  EXPECT_EQ(
      play.explain(6),
      "It waits for 1 task to fail, and for any of 2 tasks to finish, to run where they ran.");
}

TEST(Explain, remembers_how_a_task_ended) {
  Play play(1);
  play.submit(1);
  play.succeed(1);
  EXPECT_EQ(play.explain(1), "It succeeded on engine 0.");
  play.submit(2);
  play.fail(2);
  EXPECT_EQ(play.explain(2), "It failed on engine 0.");
  play.submit(task(3).after({9}));
  EXPECT_EQ(play.explain(3), "It ended without running.");
  EXPECT_EQ(play.explain(9), "The scheduler does not know this task, or has forgotten it.");
}

TEST(Explain, names_the_engines_that_failed) {
  Play play(2);
  play.submit(task(1).retries(1));
  play.submit(2);
  play.fail(1);
  EXPECT_EQ(
      play.explain(1),
      "It waits for room: every engine has as many tasks as it may hold (engine 0 could not do "
      "it).");
}

TEST(Explain, lists_few_engines) {
  Play play(12);
  play.submit_range(1, 12);
  play.submit(task(13).on({0, 1, 2}));
  EXPECT_EQ(play.explain(13),
            "It waits for room on engine 0, 1 or 2, the only ones it may run on.");
  play.submit(task(14).on({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(play.explain(14),
            "It waits for room on engine 0, 1, 2, 3, 4, 5, 6, 7 or 2 others, the only ones it may "
            "run on.");
}

}  // namespace
}  // namespace engineroom::scheduler
