// Priorities, and clients that take turns.
#include "scheduler/fair_order.h"

#include <gtest/gtest.h>

#include "scheduler/test_play.h"

namespace engineroom::scheduler {
namespace {

TEST(Priorities, higher_ones_go_first) {
  Play play(1);
  EXPECT_EQ(play.submit(1), "send 1 to 0");
  for (int id : {2, 3}) EXPECT_EQ(play.submit(id), "");
  EXPECT_EQ(play.submit(task(4).priority(5)), "");
  EXPECT_EQ(play.submit(task(5).priority(-1)), "");
  EXPECT_EQ(play.submit(task(6).priority(5)), "");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 4 to 0");
  EXPECT_EQ(play.succeed(4), "deliver 4, send 6 to 0");
  EXPECT_EQ(play.succeed(6), "deliver 6, send 2 to 0");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 0");
  EXPECT_EQ(play.succeed(3), "deliver 3, send 5 to 0");
}

TEST(Priorities, hold_between_tasks_for_any_engine_and_for_one) {
  Play play(2);
  EXPECT_EQ(play.submit(1), "send 1 to 0");
  EXPECT_EQ(play.submit(2), "send 2 to 1");
  EXPECT_EQ(play.submit(3), "");
  EXPECT_EQ(play.submit(task(4).on({0}).priority(1)), "");
  EXPECT_EQ(play.submit(task(5).priority(2)), "");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 5 to 1");
  EXPECT_EQ(play.succeed(5), "deliver 5, send 3 to 1");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 4 to 0");
}

TEST(Priorities, that_are_too_high_are_the_highest) {
  Play play(1);
  play.submit(1);
  EXPECT_EQ(play.submit(task(2).priority(1000)), "");
  EXPECT_EQ(play.submit(task(3).priority(1'000'000)), "");
  EXPECT_EQ(play.submit(task(4).priority(-1'000'000)), "");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 0");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 3 to 0");
}

TEST(FairShares, clients_take_turns_however_much_one_has_submitted) {
  Play play(1);
  for (int id = 1; id <= 100; ++id) play.submit(task(id).from(1));
  EXPECT_EQ(play.submit(task(201).from(2)), "");
  EXPECT_EQ(play.submit(task(202).from(2)), "");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 2 to 0");
  EXPECT_EQ(play.succeed(2), "deliver 2, send 201 to 0");
  EXPECT_EQ(play.succeed(201), "deliver 201, send 3 to 0");
  EXPECT_EQ(play.succeed(3), "deliver 3, send 202 to 0");
  EXPECT_EQ(play.succeed(202), "deliver 202, send 4 to 0");
  EXPECT_EQ(play.succeed(4), "deliver 4, send 5 to 0");
}

TEST(FairShares, nobody_saves_turns_by_waiting) {
  Play play(1);
  for (int id = 1; id <= 50; ++id) play.submit(task(id).from(1));
  for (int id = 1; id < 40; ++id) play.succeed(id);
  // Client 2 had nothing so far, and now gets one turn in two; not the next forty.
  for (int id = 201; id <= 203; ++id) play.submit(task(id).from(2));
  EXPECT_EQ(play.succeed(40), "deliver 40, send 41 to 0");
  EXPECT_EQ(play.succeed(41), "deliver 41, send 201 to 0");
  EXPECT_EQ(play.succeed(201), "deliver 201, send 42 to 0");
}

TEST(FairShares, what_was_aborted_is_not_held_against_its_client) {
  Play play(1);
  for (int id = 1; id <= 100; ++id) play.submit(task(id).from(1));
  for (int id = 2; id <= 100; ++id) play.abort(id);
  for (int id = 201; id <= 210; ++id) play.submit(task(id).from(2));
  EXPECT_EQ(play.submit(task(101).from(1)), "");
  EXPECT_EQ(play.succeed(1), "deliver 1, send 201 to 0");
  EXPECT_EQ(play.succeed(201), "deliver 201, send 101 to 0");
}

TEST(FairShares, a_priority_is_no_privilege_in_another) {
  FairOrder order;
  const std::uint64_t low = order.rank(-1, 1, true);
  const std::uint64_t high = order.rank(1, 2, true);
  EXPECT_LT(high, low);
  EXPECT_EQ(order.rank(1, 3, true), high);
  EXPECT_GT(order.rank(1, 3, true), high);
  EXPECT_EQ(order.waiting_count(), 4u);
  order.left(high, 2);
  order.left(low, 1);
  EXPECT_EQ(order.waiting_count(), 2u);
}

}  // namespace
}  // namespace engineroom::scheduler
