#include <gtest/gtest.h>

#include "scheduler/test_play.h"

namespace engineroom::scheduler {
namespace {

TEST(Amounts, are_sorted_and_distinct_and_positive) {
  EXPECT_EQ(sorted_amounts({{"b", 2}, {"a", 1}, {"c", 0}, {"d", -1}, {"b", 3}}),
            (Amounts{{"a", 1}, {"b", 3}}));
}

TEST(Amounts, cover_what_is_not_more) {
  EXPECT_TRUE(covers({}, {}));
  EXPECT_TRUE(covers({{"a", 2}, {"b", 2}}, {{"b", 2}}));
  EXPECT_FALSE(covers({{"a", 2}, {"b", 2}}, {{"b", 3}}));
  EXPECT_FALSE(covers({{"a", 2}}, {{"b", 1}}));
  EXPECT_FALSE(covers({{"b", 2}}, {{"a", 1}, {"b", 1}}));
}

TEST(Amounts, are_taken_and_given_back) {
  Amounts free{{"a", 5}, {"b", 5}};
  take(free, {{"0", 1}, {"b", 4}, {"c", 1}});
  EXPECT_EQ(free, (Amounts{{"a", 5}, {"b", 1}}));
  give_back(free, {{"0", 1}, {"b", 4}, {"c", 1}});
  EXPECT_EQ(free, (Amounts{{"a", 5}, {"b", 5}}));
}

TEST(Amounts, have_a_text) {
  EXPECT_EQ(to_string({{"cpus", 2000}, {"gpus", 500}, {"memory", 4294967296000}}),
            "cpus=2, gpus=0.5, memory=4 GiB");
}

// ---- which engine ----------------------------------------------------------------------------

TEST(Resources, choose_the_engine) {
  Play play;
  play.join(0, "cpus=2");
  play.join(1, "cpus=4 gpus=1");
  EXPECT_EQ(play.submit(task(1).with("gpus=1")), "send 1 to 1");
  EXPECT_EQ(play.submit(task(2).with("gpus=1")), "");
  EXPECT_EQ(play.submit(task(3).with("cpus=2")), "send 3 to 0");
  EXPECT_EQ(play.submit(task(4).with("cpus=4")), "");
  EXPECT_EQ(play.succeed(3), "deliver 3");
  EXPECT_EQ(play.submit(5), "send 5 to 0");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 1");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 4 to 1");
}

TEST(Resources, that_nobody_offers_are_refused_at_once) {
  Play play;
  play.join(0, "cpus=2");
  EXPECT_EQ(play.submit(task(1).with("gpus=1")), "reject 1: no such resources");
  EXPECT_EQ(play.submit(task(2).with("cpus=2.5")), "reject 2: no such resources");
  EXPECT_EQ(play.submit(task(3).with("cpus=3").on({0})), "reject 3: no such resources");
  EXPECT_EQ(play.submit(task(4).with("cpus=1").on({7})), "reject 4: no such resources");
}

TEST(Resources, are_waited_for_while_there_is_no_engine) {
  Play play;
  EXPECT_EQ(play.submit(task(1).with("gpus=1")), "");
  EXPECT_EQ(play.submit(task(2).with("cpus=9")), "");
  EXPECT_EQ(play.join(0, "gpus=2"), "reject 2: no such resources, send 1 to 0");
}

TEST(Resources, that_left_with_their_engine_end_what_waits_for_them) {
  Play play;
  play.join(0, "cpus=1");
  play.join(1, "gpus=1");
  play.submit(task(1).with("gpus=1"));
  play.submit(task(2).with("gpus=1"));
  EXPECT_EQ(play.submit(task(3).with("gpus=1").after({2})), "");
  EXPECT_EQ(play.lose(1),
            "reject 1: engine died 1, reject 2: no such resources, reject 3: no such resources");
}

TEST(Resources, are_waited_for_until_the_timeout) {
  Play play(1);
  EXPECT_EQ(play.submit(task(1).with("gpus=1").timeout_ms(10)), "");
  EXPECT_EQ(play.submit(task(2).with("gpus=1").timeout_ms(30)), "");
  EXPECT_EQ(play.explain(1), "It waits for an engine to come that offers gpus=1.");
  EXPECT_EQ(play.scheduler().next_deadline(), play.now() + std::chrono::milliseconds(10));
  EXPECT_EQ(play.wait_ms(9), "");
  EXPECT_EQ(play.wait_ms(1), "reject 1: timeout");
  EXPECT_EQ(play.join(1, "gpus=1"), "send 2 to 1");
  EXPECT_EQ(play.scheduler().next_deadline(), std::nullopt);
  // It is for one that was never sent.
  EXPECT_EQ(play.lose(1), "reject 2: engine died 1");
}

TEST(Resources, that_are_there_in_time_are_waited_for_as_long_as_they_are_there) {
  Play play;
  play.join(0);
  play.join(1, "gpus=1");
  play.submit(task(1).with("gpus=1"));
  EXPECT_EQ(play.submit(task(2).with("gpus=1").timeout_ms(10)), "");
  EXPECT_EQ(play.wait_ms(10), "");
  EXPECT_EQ(play.lose(1), "reject 1: engine died 1, reject 2: no such resources");
}

TEST(Resources, are_waited_for_by_tasks_that_wait_for_others) {
  Play play(1);
  play.submit(1);
  EXPECT_EQ(play.submit(task(2).with("gpus=1").after({1}).timeout_ms(10)), "");
  EXPECT_EQ(play.submit(task(3).with("gpus=1").after({1}).timeout_ms(20)), "");
  EXPECT_EQ(play.submit(task(4).with("gpus=1").after({1})), "reject 4: no such resources");
  EXPECT_EQ(play.wait_ms(10), "reject 2: timeout");
  EXPECT_EQ(play.succeed(1), "deliver 1");
  EXPECT_EQ(play.join(1, "gpus=1"), "send 3 to 1");
}

TEST(Resources, of_named_engines_are_not_waited_for) {
  Play play(1);
  EXPECT_EQ(play.submit(task(1).with("gpus=1").on({0}).timeout_ms(10)),
            "reject 1: no such resources");
}

// ---- engines that are expected -----------------------------------------------------------------

Scheduler::Expected expecting(const std::string& offer) {
  return {.anything = false, .offers = {amounts(offer)}};
}

TEST(ExpectedEngines, are_waited_for_by_those_they_will_do_for) {
  Play play(1);
  EXPECT_EQ(play.expect(expecting("gpus=1")), "");
  EXPECT_EQ(play.submit(task(1).with("gpus=1")), "");
  EXPECT_EQ(play.submit(task(2).with("gpus=2")), "reject 2: no such resources");
  EXPECT_EQ(play.submit(task(3).with("licence=1")), "reject 3: no such resources");
  EXPECT_EQ(play.join(1, "gpus=1"), "send 1 to 1");
  // And when it goes, for the next.
  EXPECT_EQ(play.submit(task(4).with("gpus=1")), "");
  EXPECT_EQ(play.lose(1), "reject 1: engine died 1");
  EXPECT_EQ(play.join(2, "gpus=1"), "send 4 to 2");
}

TEST(ExpectedEngines, that_will_not_come_after_all) {
  Play play(1);
  play.expect({.anything = true, .offers = {}});
  EXPECT_EQ(play.submit(task(1).with("gpus=1")), "");
  EXPECT_EQ(play.submit(task(2).with("gpu=1")), "");
  EXPECT_EQ(play.submit(task(3).with("gpus=1").timeout_ms(10)), "");
  EXPECT_EQ(play.expect(expecting("gpus=1")), "reject 2: no such resources");
  EXPECT_EQ(play.wait_ms(10), "") << "one may still come";
  EXPECT_EQ(play.expect({}), "reject 1: no such resources, reject 3: no such resources");
}

TEST(ExpectedEngines, run_what_is_tried_again) {
  Play play(1);
  play.join(1, "gpus=1");
  play.expect(expecting("gpus=1"));
  play.submit(task(1).with("gpus=1").retries(1));
  EXPECT_EQ(play.lose(1), "retry 1 not on 1");
  EXPECT_EQ(play.join(2, "gpus=1"), "send 1 to 2");
}

TEST(ExpectedEngines, have_a_backlog) {
  Play play;
  play.join(0, "cpus=2");
  play.expect({.anything = true, .offers = {}});
  play.submit_range(1, 3);
  play.submit(task(4).with("cpus=2"));
  play.submit(task(5).with("gpus=1"));
  play.submit(task(6).on({0}));
  play.submit(task(7).after({1}));
  const auto backlog = [&play](std::optional<Amounts> offer) {
    const Scheduler::Backlog found = play.scheduler().backlog_for(offer);
    return std::pair{found.waiting, found.unoffered};
  };
  EXPECT_EQ(backlog(std::nullopt), std::pair(std::size_t{4}, std::size_t{1}));
  EXPECT_EQ(backlog(amounts("cpus=1")), std::pair(std::size_t{2}, std::size_t{0}));
  EXPECT_EQ(backlog(amounts("cpus=4 gpus=1")), std::pair(std::size_t{4}, std::size_t{1}));
}

// ---- engines that nobody needs -----------------------------------------------------------------

TEST(SpareEngines, have_nothing_to_do) {
  Play play(2);
  EXPECT_TRUE(play.is_spare(0));
  EXPECT_FALSE(play.is_spare(7));
  play.submit(task(1).on({0}));
  EXPECT_FALSE(play.is_spare(0));
  EXPECT_TRUE(play.is_spare(1));
  play.succeed(1);
  EXPECT_TRUE(play.is_spare(0));
}

TEST(SpareEngines, are_not_the_last_that_will_do) {
  Play play;
  play.join(0, "cpus=1");
  play.join(1, "cpus=1 gpus=1");
  play.join(2, "cpus=1 gpus=1");
  play.submit(task(1).on({0}));
  play.submit(task(2).with("gpus=1").after({1}));
  EXPECT_TRUE(play.is_spare(1));
  play.lose(2);
  EXPECT_FALSE(play.is_spare(1));
  play.expect(expecting("gpus=1"));
  EXPECT_TRUE(play.is_spare(1));
  play.submit(task(3).on({1}).after({1}));
  EXPECT_FALSE(play.is_spare(1));
}

TEST(SpareEngines, have_no_results_that_are_waited_for) {
  Play play(3);
  play.submit(task(1).on({0}));
  play.succeed(1);
  play.submit(task(2).on({1}));
  play.submit(task(3).inputs({1, 2}));
  EXPECT_FALSE(play.is_spare(0));
  EXPECT_TRUE(play.is_spare(2));
  play.submit(task(4).follow({1}).after({2}));
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 0");
  EXPECT_EQ(play.succeed(3), "deliver 3, send 4 to 0");
  play.succeed(4);
  EXPECT_TRUE(play.is_spare(0));
}

TEST(SpareEngines, may_be_all_of_them) {
  Play play(1);
  play.submit(task(1).timeout_ms(1000));
  play.submit(task(2).after({1}));
  play.succeed(1);
  play.succeed(2);
  EXPECT_TRUE(play.is_spare(0));
}

TEST(Resources, come_with_retries_and_dependencies) {
  Play play;
  play.join(0, "gpus=1");
  play.join(1, "cpus=1");
  play.join(2, "gpus=1");
  EXPECT_EQ(play.submit(task(1).with("gpus=1").retries(5)), "send 1 to 0");
  EXPECT_EQ(play.fail(1), "retry 1 not on 0, send 1 to 2");
  EXPECT_EQ(play.fail(1), "deliver 1");
  EXPECT_EQ(play.submit(task(2).on({1})), "send 2 to 1");
  EXPECT_EQ(play.submit(task(3).with("gpus=1").follow({2})), "");
  EXPECT_EQ(play.succeed(2), "deliver 2, reject 3: impossible dependency");
}

// ---- how much --------------------------------------------------------------------------------

TEST(Resources, bound_what_an_engine_holds) {
  Play play(0, up_to(10));
  play.join(0, "cpus=4");
  EXPECT_EQ(play.submit(task(1).with("cpus=2")), "send 1 to 0");
  EXPECT_EQ(play.submit(task(2).with("cpus=2")), "send 2 to 0");
  EXPECT_EQ(play.submit(task(3).with("cpus=2")), "");
  EXPECT_EQ(play.submit(4), "send 4 to 0");  // it demands nothing
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 0");
  EXPECT_EQ(play.explain(3), "It was sent to engine 0, behind 2 tasks sent earlier.");
}

TEST(Resources, are_free_again_however_a_task_ends) {
  Play play(0, up_to(10));
  play.join(0, "cpus=1");
  play.join(1, "cpus=1");
  play.submit(task(1).with("cpus=1").retries(1));
  play.submit(task(2).with("cpus=1").on({1}));
  play.submit(task(3).with("cpus=1"));
  EXPECT_EQ(play.fail(1), "retry 1 not on 0, send 3 to 0");
  EXPECT_EQ(play.lose(1), "reject 2: engine died 1, reject 1: no engine left");
  EXPECT_EQ(play.submit(task(4).with("cpus=1")), "");
  EXPECT_EQ(play.give_back(3), "deliver 3, send 4 to 0");
}

TEST(Resources, are_kept_for_the_oldest_that_waits) {
  Play play(0, up_to(10));
  play.join(0, "cpus=2");
  play.submit(task(1).with("cpus=1"));
  EXPECT_EQ(play.submit(task(2).with("cpus=2")), "");
  EXPECT_EQ(play.submit(task(3).with("cpus=1")), "");  // one is free, for 2
  EXPECT_EQ(play.submit(task(4).with("cpus=1").priority(1)), "send 4 to 0");
  EXPECT_EQ(play.succeed(1), "deliver 1");
  EXPECT_EQ(play.succeed(4), "deliver 4, send 2 to 0");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 0");
}

TEST(Resources, kept_for_a_task_that_leaves_go_to_the_next) {
  Play play(0, up_to(10));
  play.join(0, "cpus=2");
  play.submit(task(1).with("cpus=1"));
  play.submit(task(2).with("cpus=2"));
  play.submit(task(3).with("cpus=1"));
  EXPECT_EQ(play.abort(2), "reject 2: aborted, send 3 to 0");
}

TEST(Resources, are_not_fetched_ahead) {
  Play play(0, automatic());
  play.join(0, "cpus=4");
  play.submit_range(1, 40);
  for (int id = 1; id <= 8; ++id) play.succeed(id, 20);
  ASSERT_GT(play.tasks_on(0).size(), 8u);
  EXPECT_EQ(play.submit(task(50).with("cpus=1").priority(1)), "");
  // Nothing overtakes it, so the engine becomes idle.
  int answered = 8;
  while (play.engine_of(50) < 0) {
    ASSERT_LT(++answered, 40);
    play.succeed(answered, 20);
  }
  EXPECT_EQ(play.tasks_on(0).front(), 50);
}

TEST(Resources, that_are_missing_are_explained) {
  Play play;
  play.join(0, "cpus=2");
  play.submit(1);
  play.submit(task(2).with("cpus=2"));
  EXPECT_EQ(play.explain(2),
            "It waits for an engine with enough to spare: it demands cpus=2, which 1 engine may "
            "give.");
}

TEST(Resources, of_running_tasks_are_held_after_a_restart) {
  Scheduler scheduler(up_to(10));
  Effects effects;
  scheduler.restore_engine(EngineId{0}, amounts("cpus=2"));
  TaskOptions options;
  options.resources = amounts("cpus=2");
  scheduler.restore_running(TaskId{1}, options, EngineId{0}, false, Time{});
  scheduler.on_task_submitted(TaskId{2}, options, false, Time{}, effects);
  scheduler.on_engine_returned(EngineId{0}, {TaskId{1}}, true, Time{}, effects);
  EXPECT_EQ(to_string(effects), "");
  scheduler.sanity_check();
  scheduler.on_task_replied(TaskId{1}, EngineId{0}, true, true, Time{}, effects);
  EXPECT_EQ(to_string(effects), "deliver 1, send 2 to 0");
  scheduler.sanity_check();
}

}  // namespace
}  // namespace engineroom::scheduler
