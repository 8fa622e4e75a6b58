#include "store/slot_index.h"

#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace engineroom::store {
namespace {

TEST(SlotIndex, agrees_with_a_map_under_random_use) {
  SlotIndex index;
  std::map<std::uint32_t, std::uint32_t> hash_of;  // by slot
  std::mt19937 random(1);
  for (int step = 0; step < 100'000; ++step) {
    const auto slot = static_cast<std::uint32_t>(random() % 500);
    const auto known = hash_of.find(slot);
    if (known == hash_of.end()) {
      // Few hashes, so that several slots share one.
      const auto hash = static_cast<std::uint32_t>(random() % 100 * 0x01000193u);
      index.insert(hash, slot);
      hash_of[slot] = hash;
    } else {
      ASSERT_EQ(index.find(known->second, [&](std::uint32_t it) { return it == slot; }), slot);
      index.erase(known->second, slot);
      ASSERT_EQ(index.find(known->second, [&](std::uint32_t it) { return it == slot; }),
                SlotIndex::kNone);
      hash_of.erase(known);
    }
    ASSERT_EQ(index.size(), hash_of.size());
  }
}

TEST(SlotIndex, gives_the_memory_of_a_burst_back) {
  SlotIndex index;
  const auto hash = [](std::uint32_t slot) { return slot * 0x01000193u; };
  for (std::uint32_t slot = 0; slot < 100'000; ++slot) index.insert(hash(slot), slot);
  EXPECT_LE(index.capacity(), 262'144u);
  for (std::uint32_t slot = 0; slot < 99'900; ++slot) index.erase(hash(slot), slot);
  EXPECT_LE(index.capacity(), 1024u);
  for (std::uint32_t slot = 99'900; slot < 100'000; ++slot) {
    EXPECT_EQ(index.find(hash(slot), [&](std::uint32_t it) { return it == slot; }), slot);
  }
}

}  // namespace
}  // namespace engineroom::store
