#include "scheduler/prefetch.h"

#include <gtest/gtest.h>

namespace engineroom::scheduler {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

const SchedulerConfig kConfig;  // short: below 2 ms; long: 10 ms and more; at most 32

TEST(PrefetchLimit, starts_at_one) { EXPECT_EQ(PrefetchLimit().limit(), 1); }

TEST(PrefetchLimit, doubles_with_each_short_task_up_to_the_maximum) {
  PrefetchLimit prefetch;
  for (int expected : {2, 4, 8, 16, 32, 32}) {
    prefetch.observe(microseconds(50), kConfig);
    EXPECT_EQ(prefetch.limit(), expected);
  }
}

TEST(PrefetchLimit, stays_at_one_while_tasks_are_not_short) {
  PrefetchLimit prefetch;
  for (int i = 0; i < 10; ++i) prefetch.observe(milliseconds(3), kConfig);
  EXPECT_EQ(prefetch.limit(), 1);
}

TEST(PrefetchLimit, one_slow_task_among_fast_ones_does_not_matter) {
  PrefetchLimit prefetch;
  for (int i = 0; i < 10; ++i) prefetch.observe(microseconds(50), kConfig);
  prefetch.observe(milliseconds(4), kConfig);
  EXPECT_EQ(prefetch.limit(), 32);
  prefetch.observe(milliseconds(6), kConfig);
  EXPECT_EQ(prefetch.limit(), 1);
}

TEST(PrefetchLimit, one_long_task_sets_it_back) {
  PrefetchLimit prefetch;
  for (int i = 0; i < 10; ++i) prefetch.observe(microseconds(1), kConfig);
  prefetch.observe(milliseconds(10), kConfig);
  EXPECT_EQ(prefetch.limit(), 1);
}

TEST(PrefetchLimit, recovers_after_a_long_task) {
  PrefetchLimit prefetch;
  prefetch.observe(milliseconds(100), kConfig);
  int tasks = 0;
  while (prefetch.limit() < 32 && tasks < 100) {
    prefetch.observe(microseconds(50), kConfig);
    ++tasks;
  }
  EXPECT_LE(tasks, 20);
}

TEST(PrefetchLimit, stays_at_one_for_an_engine_that_gives_nothing_back) {
  PrefetchLimit prefetch;
  prefetch.forbid();
  for (int i = 0; i < 10; ++i) prefetch.observe(microseconds(50), kConfig);
  EXPECT_EQ(prefetch.limit(), 1);
}

}  // namespace
}  // namespace engineroom::scheduler
