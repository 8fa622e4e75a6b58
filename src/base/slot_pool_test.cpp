#include "base/slot_pool.h"

#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace engineroom {
namespace {

constexpr std::size_t kChunk = SlotPool<int>::kChunk;

TEST(SlotPool, agrees_with_a_map_under_random_use) {
  SlotPool<int> pool;
  std::map<std::uint32_t, int> model;
  std::mt19937 random(1);
  for (int step = 1; step <= 200'000; ++step) {
    // Swings between some hundred and some thousand slots.
    const bool grows = random() % 100 < (step / 20'000 % 2 == 0 ? 60 : 40);
    if (grows || model.empty()) {
      const std::uint32_t slot = pool.add();
      ASSERT_FALSE(model.contains(slot));
      ASSERT_EQ(pool[slot], 0);
      pool[slot] = model[slot] = step;
    } else {
      auto any = model.lower_bound(static_cast<std::uint32_t>(random() % 5000));
      if (any == model.end()) any = model.begin();
      ASSERT_TRUE(pool.contains(any->first));
      pool.remove(any->first);
      ASSERT_FALSE(pool.contains(any->first));
      model.erase(any);
    }
    ASSERT_EQ(pool.size(), model.size());
  }
  for (const auto& [slot, value] : model) EXPECT_EQ(pool[slot], value);
  std::vector<std::uint32_t> slots;
  pool.for_each_slot([&](std::uint32_t slot) { slots.push_back(slot); });
  EXPECT_EQ(slots.size(), model.size());
}

TEST(SlotPool, its_memory_shrinks_after_a_burst) {
  SlotPool<int> pool;
  std::vector<std::uint32_t> slots;
  for (std::size_t i = 0; i < 100 * kChunk; ++i) slots.push_back(pool.add());
  EXPECT_EQ(pool.capacity(), 100 * kChunk);
  // As tasks do: the oldest end first.
  for (std::size_t i = 0; i < 99 * kChunk; ++i) pool.remove(slots[i]);
  EXPECT_LE(pool.capacity(), 2 * kChunk);
  for (std::size_t i = 99 * kChunk; i < slots.size(); ++i) pool.remove(slots[i]);
  EXPECT_EQ(pool.size(), 0u);
  EXPECT_EQ(pool.capacity(), kChunk);
}

TEST(SlotPool, what_comes_and_goes_moves_down_out_of_the_upper_chunks) {
  SlotPool<int> pool;
  std::vector<std::uint32_t> slots;
  for (std::size_t i = 0; i < 10 * kChunk; ++i) slots.push_back(pool.add());
  // One of each chunk stays for a while.
  for (const std::uint32_t slot : slots) {
    if (slot % kChunk != 7) pool.remove(slot);
  }
  EXPECT_EQ(pool.capacity(), 10 * kChunk);
  for (std::uint32_t chunk = 0; chunk < 10; ++chunk) {
    pool.remove(chunk * kChunk + 7);
    EXPECT_EQ(pool.add(), chunk == 0 ? 0 : chunk) << "the lowest free one";
  }
  EXPECT_LE(pool.capacity(), 2 * kChunk);
}

TEST(SlotPool, a_table_at_the_edge_of_a_chunk_keeps_it) {
  SlotPool<int> pool;
  for (std::size_t i = 0; i < kChunk; ++i) (void)pool.add();
  for (int i = 0; i < 3; ++i) {
    const std::uint32_t slot = pool.add();
    EXPECT_EQ(pool.capacity(), 2 * kChunk);
    pool.remove(slot);
    EXPECT_EQ(pool.capacity(), 2 * kChunk);
  }
}

}  // namespace
}  // namespace engineroom
