#include "scheduler/policy.h"

#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace engineroom::scheduler {
namespace {

constexpr PolicyKind kAllKinds[] = {PolicyKind::kLeastLoad, PolicyKind::kLru,
                                    PolicyKind::kPlainRandom, PolicyKind::kTwoBin,
                                    PolicyKind::kWeighted};

EngineSlot slot(unsigned n) { return EngineSlot{n}; }

// How often each engine is picked when its load does not change.
std::map<unsigned, int> picks(Policy& policy, int times) {
  std::map<unsigned, int> counts;
  for (int i = 0; i < times; ++i) ++counts[static_cast<unsigned>(*policy.pick({}))];
  return counts;
}

class EveryPolicy : public testing::TestWithParam<PolicyKind> {
 protected:
  std::unique_ptr<Policy> policy_ = make_policy(GetParam(), 1);
};

TEST_P(EveryPolicy, picks_nothing_from_an_empty_pool) {
  EXPECT_EQ(policy_->pick({}), std::nullopt);
  EXPECT_EQ(policy_->pick_from(std::vector{slot(0)}), std::nullopt);
}

TEST_P(EveryPolicy, picks_only_engines_that_are_in_the_pool) {
  for (unsigned i = 0; i < 5; ++i) policy_->put(slot(i), {.tasks = i, .last_used = i});
  policy_->remove(slot(0));
  policy_->remove(slot(3));
  policy_->remove(slot(3));
  EXPECT_EQ(policy_->size(), 3u);
  EXPECT_FALSE(policy_->contains(slot(3)));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(policy_->contains(*policy_->pick({})));
}

TEST_P(EveryPolicy, never_picks_an_excluded_engine_and_forgets_none) {
  for (unsigned i = 0; i < 4; ++i) policy_->put(slot(i), {.tasks = 0, .last_used = i});
  const std::vector excluded{slot(0), slot(1), slot(3)};
  for (int i = 0; i < 20; ++i) EXPECT_EQ(policy_->pick(excluded), slot(2));
  const std::vector all{slot(0), slot(1), slot(2), slot(3)};
  EXPECT_EQ(policy_->pick(all), std::nullopt);
  EXPECT_EQ(policy_->size(), 4u);
}

TEST_P(EveryPolicy, picks_only_from_the_allowed) {
  for (unsigned i = 0; i < 4; ++i) policy_->put(slot(i), {.tasks = 0, .last_used = i});
  const std::vector allowed{slot(2), slot(9)};
  for (int i = 0; i < 20; ++i) EXPECT_EQ(policy_->pick_from(allowed), slot(2));
}

INSTANTIATE_TEST_SUITE_P(Policies, EveryPolicy, testing::ValuesIn(kAllKinds));

TEST(LeastLoad, picks_the_engine_with_the_fewest_tasks) {
  const auto policy = make_policy(PolicyKind::kLeastLoad, 1);
  policy->put(slot(0), {.tasks = 2, .last_used = 1});
  policy->put(slot(1), {.tasks = 1, .last_used = 9});
  EXPECT_EQ(policy->pick({}), slot(1));
  policy->put(slot(1), {.tasks = 3, .last_used = 10});
  EXPECT_EQ(policy->pick({}), slot(0));
}

TEST(LeastLoad, equal_engines_take_turns) {
  const auto policy = make_policy(PolicyKind::kLeastLoad, 1);
  std::uint64_t use = 0;
  for (unsigned i = 0; i < 3; ++i) policy->put(slot(i), {.tasks = 0, .last_used = ++use});
  for (unsigned i = 0; i < 9; ++i) {
    const EngineSlot picked = *policy->pick({});
    EXPECT_EQ(picked, slot(i % 3));
    policy->put(picked, {.tasks = 0, .last_used = ++use});
  }
}

TEST(Lru, ignores_the_load) {
  const auto policy = make_policy(PolicyKind::kLru, 1);
  policy->put(slot(0), {.tasks = 9, .last_used = 1});
  policy->put(slot(1), {.tasks = 0, .last_used = 2});
  EXPECT_EQ(policy->pick({}), slot(0));
}

TEST(PlainRandom, picks_evenly) {
  const auto policy = make_policy(PolicyKind::kPlainRandom, 1);
  for (unsigned i = 0; i < 4; ++i) policy->put(slot(i), {.tasks = i, .last_used = i});
  for (const auto& [engine, times] : picks(*policy, 4000)) EXPECT_NEAR(times, 1000, 150);
}

TEST(TwoBin, prefers_the_less_loaded_but_not_always) {
  const auto policy = make_policy(PolicyKind::kTwoBin, 1);
  policy->put(slot(0), {.tasks = 5, .last_used = 1});
  policy->put(slot(1), {.tasks = 1, .last_used = 2});
  auto counts = picks(*policy, 4000);
  EXPECT_NEAR(counts[0], 1000, 150);  // both draws must hit it
}

TEST(Weighted, hardly_ever_picks_a_busy_engine_while_one_is_idle) {
  const auto policy = make_policy(PolicyKind::kWeighted, 1);
  policy->put(slot(0), {.tasks = 1, .last_used = 1});
  policy->put(slot(1), {.tasks = 0, .last_used = 2});
  auto counts = picks(*policy, 1000);
  EXPECT_EQ(counts[1], 1000);
}

TEST(Policy, the_names_are_those_of_ipyparallel) {
  EXPECT_EQ(parse_policy("leastload"), PolicyKind::kLeastLoad);
  EXPECT_EQ(parse_policy("pure"), PolicyKind::kLeastLoad);
  EXPECT_EQ(parse_policy("lru"), PolicyKind::kLru);
  EXPECT_EQ(parse_policy("plainrandom"), PolicyKind::kPlainRandom);
  EXPECT_EQ(parse_policy("twobin"), PolicyKind::kTwoBin);
  EXPECT_EQ(parse_policy("weighted"), PolicyKind::kWeighted);
  EXPECT_EQ(parse_policy("fastest"), std::nullopt);
}

}  // namespace
}  // namespace engineroom::scheduler
