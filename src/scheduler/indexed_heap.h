// scheduler/indexed_heap.h — a priority queue whose items can change their key or leave.
//
// Engines are ranked by load, by last use or by deadline, and each event changes the rank of one. A
// std::set would allocate a node each time; this is a binary heap in one vector with the position
// of each item on the side. Items are dense slots (slots.h). O(log n) each, top O(1), no allocation
// once grown. Smallest key first.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "scheduler/slots.h"

namespace engineroom::scheduler {

template <typename Item, typename Key>
class IndexedHeap {
 public:
  struct Entry {
    Key key;
    Item item;
  };

  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  bool contains(Item item) const {
    return index(item) < positions_.size() && positions_[index(item)] != kAbsent;
  }

  // REQUIRES: !empty()
  const Entry& top() const { return heap_.front(); }
  // REQUIRES: contains(item)
  const Key& key_of(Item item) const { return heap_[positions_[index(item)]].key; }
  // In no particular order.
  const std::vector<Entry>& entries() const { return heap_; }

  // Inserts the item or changes its key.
  void put(Item item, Key key) {
    if (index(item) >= positions_.size()) positions_.resize(index(item) + 1, kAbsent);
    std::size_t position = positions_[index(item)];
    if (position == kAbsent) {
      position = heap_.size();
      heap_.push_back({key, item});
      positions_[index(item)] = static_cast<std::uint32_t>(position);
    } else {
      heap_[position].key = key;
    }
    settle(position);
  }

  // Does nothing if the item is absent.
  void erase(Item item) {
    if (!contains(item)) return;
    const std::size_t position = positions_[index(item)];
    positions_[index(item)] = kAbsent;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (position == heap_.size()) return;
    set(position, last);
    settle(position);
  }

  // REQUIRES: !empty()
  Entry pop() {
    const Entry entry = heap_.front();
    erase(entry.item);
    return entry;
  }

 private:
  static constexpr std::uint32_t kAbsent = UINT32_MAX;

  void set(std::size_t position, const Entry& entry) {
    heap_[position] = entry;
    positions_[index(entry.item)] = static_cast<std::uint32_t>(position);
  }

  // Moves the entry at `position` up or down to where it belongs.
  void settle(std::size_t position) {
    const Entry entry = heap_[position];
    while (position > 0 && entry.key < heap_[(position - 1) / 2].key) {
      set(position, heap_[(position - 1) / 2]);
      position = (position - 1) / 2;
    }
    for (std::size_t child; (child = 2 * position + 1) < heap_.size(); position = child) {
      if (child + 1 < heap_.size() && heap_[child + 1].key < heap_[child].key) ++child;
      if (!(heap_[child].key < entry.key)) break;
      set(position, heap_[child]);
    }
    set(position, entry);
  }

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> positions_;  // by item
};

}  // namespace engineroom::scheduler
