#include "scheduler/indexed_heap.h"

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace engineroom::scheduler {
namespace {

TEST(IndexedHeap, agrees_with_a_map_under_random_use) {
  IndexedHeap<EngineSlot, int> heap;
  std::map<EngineSlot, int> model;
  std::mt19937 random(1);
  for (int step = 0; step < 50'000; ++step) {
    const EngineSlot item{static_cast<std::uint32_t>(random() % 50)};
    if (random() % 3 == 0) {
      heap.erase(item);
      model.erase(item);
    } else {
      const int key = static_cast<int>(random() % 1000);
      heap.put(item, key);
      model[item] = key;
    }
    ASSERT_EQ(heap.size(), model.size());
    ASSERT_EQ(heap.contains(item), model.contains(item));
    if (model.empty()) continue;
    const auto smallest = std::min_element(model.begin(), model.end(),
                                           [](auto& a, auto& b) { return a.second < b.second; });
    ASSERT_EQ(heap.top().key, smallest->second);
    ASSERT_EQ(heap.key_of(heap.top().item), smallest->second);
  }
}

TEST(IndexedHeap, pops_in_order_of_the_keys) {
  IndexedHeap<EngineSlot, int> heap;
  for (std::uint32_t i = 0; i < 100; ++i) heap.put(EngineSlot{i}, static_cast<int>(i * 37 % 100));
  for (int key = 0; key < 100; ++key) EXPECT_EQ(heap.pop().key, key);
  EXPECT_TRUE(heap.empty());
}

}  // namespace
}  // namespace engineroom::scheduler
