#include "scheduler/id_map.h"

#include <random>
#include <unordered_map>

#include <gtest/gtest.h>

namespace engineroom::scheduler {
namespace {

TEST(IdMap, an_empty_map_finds_nothing) {
  IdMap map;
  EXPECT_EQ(map.find(0), std::nullopt);
  EXPECT_EQ(map.size(), 0u);
}

TEST(IdMap, agrees_with_unordered_map_under_random_use) {
  IdMap map;
  std::unordered_map<std::uint64_t, std::uint32_t> model;
  std::mt19937_64 random(1);
  for (int step = 0; step < 200'000; ++step) {
    // Few distinct ids, some far apart: many collisions, wraps and refills.
    const std::uint64_t id = (random() % 2000) * (random() % 2 ? 1 : 1'000'000'007);
    const auto known = model.find(id);
    if (known == model.end()) {
      EXPECT_EQ(map.find(id), std::nullopt);
      map.insert(id, static_cast<std::uint32_t>(step));
      model[id] = static_cast<std::uint32_t>(step);
    } else {
      EXPECT_EQ(map.find(id), known->second);
      map.erase(id);
      model.erase(known);
    }
    ASSERT_EQ(map.size(), model.size());
  }
  for (const auto& [id, value] : model) EXPECT_EQ(map.find(id), value);
}

TEST(IdMap, a_moving_window_of_ids_stays_findable) {
  IdMap map;
  for (std::uint64_t id = 0; id < 100'000; ++id) {
    map.insert(id, static_cast<std::uint32_t>(id));
    if (id < 1000) continue;
    map.erase(id - 1000);
    EXPECT_FALSE(map.find(id - 1000));
    EXPECT_TRUE(map.find(id - 999));
  }
  EXPECT_EQ(map.size(), 1000u);
}

TEST(IdMap, gives_the_memory_of_a_burst_back) {
  IdMap map;
  for (std::uint64_t id = 0; id < 100'000; ++id) map.insert(id, static_cast<std::uint32_t>(id));
  EXPECT_LE(map.capacity(), 262'144u);
  for (std::uint64_t id = 0; id < 99'900; ++id) map.erase(id);
  EXPECT_LE(map.capacity(), 1024u);
  for (std::uint64_t id = 99'900; id < 100'000; ++id) EXPECT_EQ(map.find(id), id);
}

}  // namespace
}  // namespace engineroom::scheduler
