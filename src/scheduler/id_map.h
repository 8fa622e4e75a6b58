// scheduler/id_map.h — a hash map from 64-bit ids to 32-bit numbers, flat in memory.
//
// It holds every unfinished and every remembered task, so it is touched a few times per task: a
// node-based map would add an allocation and a cache miss each time. Linear probing; erasing moves
// later entries back instead of leaving tombstones, so a map that is filled and emptied for weeks
// stays as fast as a new one. The hash is nearly the identity on purpose: ids are handed out by
// counting, so tasks that live at the same time lie next to each other in the table.
//
// All operations O(1) amortised; growing doubles. Iteration is not needed and not offered.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace engineroom::scheduler {

class IdMap {
 public:
  std::size_t size() const { return size_; }

  std::optional<std::uint32_t> find(std::uint64_t id) const {
    if (size_ == 0) return std::nullopt;
    for (std::size_t i = home(id); cells_[i].used; i = next(i)) {
      if (cells_[i].id == id) return cells_[i].value;
    }
    return std::nullopt;
  }

  // REQUIRES: `id` is not in the map.
  void insert(std::uint64_t id, std::uint32_t value) {
    assert(!find(id));
    if ((size_ + 1) * 3 > cells_.size() * 2) grow();
    place({.id = id, .value = value, .used = true});
    ++size_;
  }

  // REQUIRES: `id` is in the map.
  void erase(std::uint64_t id) {
    std::size_t hole = home(id);
    while (cells_[hole].id != id || !cells_[hole].used) {
      assert(cells_[hole].used);
      hole = next(hole);
    }
    // Close the gap: an entry may move back to the hole unless its home lies after the hole.
    for (std::size_t i = next(hole); cells_[i].used; i = next(i)) {
      if (distance(home(cells_[i].id), i) >= distance(hole, i)) {
        cells_[hole] = cells_[i];
        hole = i;
      }
    }
    cells_[hole].used = false;
    --size_;
  }

 private:
  struct Cell {
    std::uint64_t id = 0;
    std::uint32_t value = 0;
    bool used = false;
  };

  std::size_t mask() const { return cells_.size() - 1; }
  std::size_t home(std::uint64_t id) const {
    return static_cast<std::size_t>(id ^ (id >> 32)) & mask();
  }
  std::size_t next(std::size_t i) const { return (i + 1) & mask(); }
  std::size_t distance(std::size_t from, std::size_t to) const { return (to - from) & mask(); }

  void place(Cell cell) {
    std::size_t i = home(cell.id);
    while (cells_[i].used) i = next(i);
    cells_[i] = cell;
  }

  void grow() {
    std::vector<Cell> old(cells_.empty() ? 16 : cells_.size() * 2);
    old.swap(cells_);
    for (const Cell& cell : old) {
      if (cell.used) place(cell);
    }
  }

  std::vector<Cell> cells_;  // size is a power of two, or zero
  std::size_t size_ = 0;
};

}  // namespace engineroom::scheduler
