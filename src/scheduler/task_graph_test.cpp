// `after` and `follow`: waiting for other tasks, and running where they ran.
#include "scheduler/task_graph.h"

#include <numeric>

#include <gtest/gtest.h>

#include "scheduler/test_play.h"

namespace engineroom::scheduler {
namespace {

std::vector<int> range(int first, int last) {
  std::vector<int> ids(static_cast<std::size_t>(last - first + 1));
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

TEST(After, a_task_waits_for_all_it_names) {
  Play play(2);
  play.submit_range(1, 2);
  EXPECT_EQ(play.submit(task(3).after({1, 2})), "");
  EXPECT_EQ(play.succeed(2), "deliver 2");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 3 to 0");
}

TEST(After, of_finished_tasks_is_met_at_once) {
  Play play(1);
  play.submit(1);
  play.succeed(1);
  EXPECT_EQ(play.submit(task(2).after({1})), "send 2 to 0");
}

TEST(After, any_needs_one) {
  Play play(2);
  play.submit_range(1, 2);
  play.submit(task(3).after({1, 2}).any());
  EXPECT_EQ(play.fail(1), "deliver 1");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 0");
}

TEST(After, any_is_impossible_once_none_can_satisfy_it) {
  Play play(3);
  play.submit_range(1, 2);
  play.submit(task(3).after({1, 2}).any());
  play.fail(1);
  EXPECT_EQ(play.fail(2), "deliver 2, reject 3: impossible dependency");
}

TEST(After, success_is_impossible_with_the_first_failure) {
  Play play(3);
  play.submit_range(1, 2);
  play.submit(task(3).after({1, 2}));
  EXPECT_EQ(play.fail(1), "deliver 1, reject 3: impossible dependency");
}

TEST(After, failure_is_what_a_clean_up_task_waits_for) {
  Play play(1);
  play.submit(1);
  play.submit(task(2).after({1}).if_failed());
  EXPECT_EQ(play.fail(1), "deliver 1, send 2 to 0");
  play.submit(task(3).after({2}).if_failed());
  EXPECT_EQ(play.succeed(2), "deliver 2, reject 3: impossible dependency");
}

TEST(After, whatever_waits_for_the_end) {
  Play play(1);
  play.submit(1);
  play.submit(task(2).after({1}).whatever());
  EXPECT_EQ(play.fail(1), "deliver 1, send 2 to 0");
}

TEST(After, a_retry_is_not_the_end) {
  Play play(2);
  play.submit(task(1).retries(1));
  play.submit(task(2).after({1}));
  EXPECT_EQ(play.fail(1), "retry 1 not on 0, send 1 to 1");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 0");
}

TEST(After, a_task_never_seen_is_invalid) {
  Play play(1);
  EXPECT_EQ(play.submit(task(1).after({9})), "reject 1: invalid dependency");
  EXPECT_EQ(play.submit(task(2).after({2})), "reject 2: invalid dependency");
  EXPECT_EQ(play.submit_with_unknown_dependency(3), "reject 3: invalid dependency");
}

TEST(After, neither_success_nor_failure_is_impossible) {
  Play play(1);
  play.submit(1);
  TaskSpec never = task(2).after({1});
  const_cast<TaskOptions&>(never.options()).after.success = false;
  EXPECT_EQ(play.submit(never), "reject 2: impossible dependency");
}

TEST(After, a_rejected_task_counts_as_failed) {
  Play play(1);
  EXPECT_EQ(play.submit(task(1).after({9})), "reject 1: invalid dependency");
  EXPECT_EQ(play.submit(task(2).after({1})), "reject 2: impossible dependency");
  EXPECT_EQ(play.submit(task(3).after({1}).if_failed()), "send 3 to 0");
}

TEST(After, aborting_a_task_ends_those_that_need_it) {
  Play play(1);
  play.submit_range(1, 2);
  play.submit(task(3).after({2}));
  play.submit(task(4).after({3}).whatever());
  EXPECT_EQ(play.abort(2), "reject 2: aborted, reject 3: impossible dependency");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 4 to 0");
}

TEST(After, the_same_task_named_twice_is_harmless) {
  Play play(1);
  play.submit(1);
  play.submit(task(2).after({1, 1}));
  play.submit(task(3).after({1, 1}).any());
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 0");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 0");
}

TEST(After, a_chain_of_100000_fails_without_recursion) {
  constexpr int kLinks = 100'000;
  Scheduler scheduler(one_each());
  Effects effects;
  scheduler.on_engine_joined(EngineId{0}, Time{}, effects);
  scheduler.on_task_submitted(TaskId{0}, {}, false, Time{}, effects);
  for (int id = 1; id <= kLinks; ++id) {
    scheduler.on_task_submitted(TaskId(id), task(id).after({id - 1}).options(), false, Time{},
                                effects);
  }
  EXPECT_EQ(to_string(effects), "send 0 to 0");
  effects.clear();
  scheduler.on_task_replied(TaskId{0}, EngineId{0}, false, true, Time{}, effects);
  EXPECT_EQ(effects.size(), 1u + kLinks);
  EXPECT_EQ(to_string(effects.back()), "reject 100000: impossible dependency");
  scheduler.sanity_check();
}

TEST(After, one_task_may_wait_for_100000) {
  constexpr int kTasks = 100'000;
  Play play(1, up_to(SchedulerConfig::kUnlimited));
  play.submit_range(1, kTasks);
  EXPECT_EQ(play.submit(task(kTasks + 1).after(range(1, kTasks))), "");
  Effects effects;
  for (int id = 1; id < kTasks; ++id) {
    play.scheduler().on_task_replied(TaskId(id), EngineId{0}, true, true, Time{}, effects);
  }
  EXPECT_EQ(effects.size(), kTasks - 1u);
  EXPECT_EQ(play.succeed(kTasks), "deliver 100000, send 100001 to 0");
}

TEST(After, dependents_that_are_gone_do_not_pile_up) {
  Play play(1);
  play.submit(1);
  for (int id = 2; id < 20'000; ++id) {
    Effects effects;
    play.scheduler().on_task_submitted(TaskId(id), task(id).after({1}).options(), false, Time{},
                                       effects);
    play.scheduler().on_abort_requested(TaskId(id), Time{}, effects);
  }
  EXPECT_EQ(play.succeed(1), "deliver 1");
}

TEST(Timeout, dependencies_must_be_met_in_time) {
  Play play(1);
  play.submit(1);
  play.submit(task(2).after({1}).timeout_ms(100));
  EXPECT_EQ(play.scheduler().next_deadline(), play.now() + std::chrono::milliseconds(100));
  EXPECT_EQ(play.wait_ms(99), "");
  EXPECT_EQ(play.wait_ms(1), "reject 2: timeout");
  EXPECT_EQ(play.scheduler().next_deadline(), std::nullopt);
  EXPECT_EQ(play.succeed(1), "deliver 1");
}

TEST(Timeout, ends_when_the_dependencies_are_met) {
  Play play(1);
  play.submit_range(1, 2);
  play.submit(task(3).after({1}).timeout_ms(100));
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 0");
  EXPECT_EQ(play.scheduler().next_deadline(), std::nullopt);
  EXPECT_EQ(play.wait_ms(1000), "") << "waiting for room has no limit";
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 0");
}

TEST(Timeout, of_a_task_ends_those_that_need_it) {
  Play play(1);
  play.submit(1);
  play.submit(task(2).after({1}).timeout_ms(100));
  play.submit(task(3).after({2}));
  EXPECT_EQ(play.wait_ms(100), "reject 2: timeout, reject 3: impossible dependency");
}

TEST(Timeout, without_end_is_none) {
  Play play(1);
  play.submit(1);
  TaskSpec spec = task(2).after({1});
  const_cast<TaskOptions&>(spec.options()).timeout = Duration::max();
  play.pass_us(10);
  play.submit(spec);
  EXPECT_EQ(play.scheduler().next_deadline(), std::nullopt);
}

TEST(Follow, a_task_runs_where_the_other_ran) {
  Play play(2);
  play.submit_range(1, 2);
  play.submit(task(3).follow({2}));
  EXPECT_EQ(play.succeed(1), "deliver 1");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 1");
  play.submit(4);
  EXPECT_EQ(play.submit(task(5).follow({2})), "") << "engine 0 would be idle";
}

TEST(Follow, all_that_ran_on_different_engines_is_impossible) {
  Play play(3);
  play.submit_range(1, 2);
  play.submit(task(3).follow({1, 2}));
  play.succeed(1);
  EXPECT_EQ(play.succeed(2), "deliver 2, reject 3: impossible dependency");
}

TEST(Follow, any_runs_where_one_of_them_ran) {
  Play play(3);
  play.submit_range(1, 2);
  play.submit(task(3).follow({1, 2}).any());
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 1");
}

TEST(Follow, any_may_use_engines_that_are_added_while_it_waits) {
  Play play(2);
  play.submit_range(1, 3);
  play.submit(task(4).follow({1, 2}).any());
  EXPECT_EQ(play.succeed(1), "deliver 1, send 3 to 0");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 4 to 1");
}

TEST(Follow, outside_the_targets_is_impossible) {
  Play play(2);
  play.submit(1);
  play.submit(task(2).follow({1}).on({1}));
  EXPECT_EQ(play.succeed(1), "deliver 1, reject 2: impossible dependency");
}

TEST(Follow, a_failed_task_can_be_followed_if_asked) {
  Play play(2);
  play.submit(1);
  play.submit(task(2).follow({1}).if_failed());
  EXPECT_EQ(play.fail(1), "deliver 1, send 2 to 0");
}

TEST(Follow, a_task_that_never_ran_cannot_be_followed) {
  Play play(1);
  play.submit_range(1, 2);
  play.submit(task(3).follow({2}).whatever());
  EXPECT_EQ(play.abort(2), "reject 2: aborted, reject 3: impossible dependency");
}

TEST(Follow, a_dead_engine_cannot_be_followed_to) {
  Play play(2);
  play.submit(1);
  play.succeed(1);
  play.lose(0);
  EXPECT_EQ(play.submit(task(2).follow({1})), "reject 2: impossible dependency");
}

TEST(Follow, the_task_is_rejected_when_the_engine_dies_while_it_waits) {
  Play play(2);
  play.submit_range(1, 3);
  play.submit(task(4).follow({1}));
  play.submit(task(5).follow({1, 3}));
  EXPECT_EQ(play.succeed(1), "deliver 1, send 3 to 0");
  EXPECT_EQ(play.lose(0),
            "reject 3: engine died 0, reject 4: impossible dependency, "
            "reject 5: impossible dependency");
}

TEST(Follow, any_waits_for_another_when_the_engine_dies) {
  Play play(2);
  play.submit_range(1, 3);
  play.submit(task(4).follow({1, 2}).any());
  EXPECT_EQ(play.succeed(1), "deliver 1, send 3 to 0");
  EXPECT_EQ(play.lose(0), "reject 3: engine died 0");
  EXPECT_EQ(play.explain(4), "It waits for any of 1 task to succeed, to run where they ran.");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 4 to 1");
}

TEST(Follow, together_with_after_both_must_be_met) {
  Play play(2);
  play.submit_range(1, 2);
  play.submit(task(3).follow({1}).after({2}));
  EXPECT_EQ(play.succeed(1), "deliver 1");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 0");
}

TEST(Follow, a_retry_has_nowhere_to_go) {
  Play play(2);
  play.submit(1);
  play.succeed(1);
  play.submit(task(2).follow({1}).retries(3));
  EXPECT_EQ(play.fail(2), "deliver 2");
}

TEST(Order, a_task_that_becomes_ready_goes_before_younger_ones) {
  Play play(1);
  play.submit(1);
  play.submit(task(2).after({1}));
  play.submit_range(3, 4);
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 0");
}

}  // namespace
}  // namespace engineroom::scheduler
