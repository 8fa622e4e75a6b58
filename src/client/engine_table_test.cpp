#include "client/engine_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace engineroom::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(EngineTable, AddsAndRemoves) {
  EngineTable table;
  EXPECT_TRUE(table.add(0, "a"));
  EXPECT_FALSE(table.add(0, "a"));
  EXPECT_TRUE(table.add(1, "b"));
  EXPECT_THAT(table.live(), ElementsAre(Pair(0, "a"), Pair(1, "b")));
  EXPECT_EQ(table.version(), 2u);

  EXPECT_EQ(table.remove("a")->id, 0);
  EXPECT_EQ(table.remove("a"), std::nullopt);
  EXPECT_EQ(table.uuid_of(0), std::nullopt);
  EXPECT_EQ(table.id_of("a"), 0);
  EXPECT_TRUE(table.is_gone("a"));
  EXPECT_FALSE(table.is_gone("never heard of"));
  EXPECT_EQ(table.departures(), 1u);
  EXPECT_EQ(table.version(), 3u);
}

TEST(EngineTable, EngineComesBackUnderItsOldUuid) {
  EngineTable table;
  table.add(0, "a");
  table.remove("a");
  EXPECT_TRUE(table.add(5, "a"));
  EXPECT_FALSE(table.is_gone("a"));
  EXPECT_EQ(table.id_of("a"), 5);
}

TEST(EngineTable, NewEngineTakesOverAnId) {
  EngineTable table;
  table.add(0, "a");
  table.add(0, "b");
  EXPECT_THAT(table.live(), ElementsAre(Pair(0, "b")));
  EXPECT_TRUE(table.is_gone("a"));
}

TEST(EngineTable, ListReplacesWhatWasKnownBefore) {
  EngineTable table;
  table.add(0, "a");
  table.add(1, "b");
  const EngineTable::Changes changes = table.merge({{1, "b"}, {2, "c"}}, table.version());
  EXPECT_THAT(table.live(), ElementsAre(Pair(1, "b"), Pair(2, "c")));
  ASSERT_EQ(changes.left.size(), 1u);
  EXPECT_EQ(changes.left[0].uuid, "a");
  ASSERT_EQ(changes.joined.size(), 1u);
  EXPECT_EQ(changes.joined[0].uuid, "c");
}

TEST(EngineTable, ListDoesNotUndoNewerNotifications) {
  EngineTable table;
  table.add(0, "a");
  const std::uint64_t asked_at = table.version();
  table.add(1, "b");  // not in the list yet
  table.remove("a");  // still in the list
  const EngineTable::Changes changes = table.merge({{0, "a"}}, asked_at);
  EXPECT_THAT(table.live(), ElementsAre(Pair(1, "b")));
  EXPECT_THAT(changes.left, IsEmpty());
  EXPECT_THAT(changes.joined, IsEmpty());
}

}  // namespace
}  // namespace engineroom::client
