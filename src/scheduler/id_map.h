// scheduler/id_map.h — a hash map from 64-bit ids to 32-bit numbers, flat in memory.
//
// It holds every unfinished and every remembered task, so it is touched a few times per task: a
// node-based map would add an allocation and a cache miss each time. Open addressing with linear
// probing; cells are kept in the order of their home cell (Robin Hood hashing), so that erasing can
// move the few entries behind back instead of leaving a tombstone: a map that is filled and emptied
// for weeks stays as fast as a new one. Ids are handed out by counting; multiplying by the golden
// ratio spreads such sequences almost perfectly. (The identity as hash looks better still, until
// the ids wrap around the table and meet a run of old ones.)
//
// All operations O(1) amortised. Growing doubles; a map that is mostly empty halves, so that a
// burst of tasks leaves nothing behind. Iteration is not needed and not offered.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace engineroom::scheduler {

class IdMap {
 public:
  std::size_t size() const { return size_; }
  // The cells it has memory for, of 16 bytes each.
  std::size_t capacity() const { return cells_.size(); }

  std::optional<std::uint32_t> find(std::uint64_t id) const {
    if (size_ == 0) return std::nullopt;
    const std::size_t at = locate(id);
    if (at == kNowhere) return std::nullopt;
    return cells_[at].value;
  }

  // REQUIRES: `id` is not in the map.
  void insert(std::uint64_t id, std::uint32_t value) {
    assert(!find(id));
    if ((size_ + 1) * 3 > cells_.size() * 2) resize(cells_.empty() ? 16 : cells_.size() * 2);
    place({.id = id, .value = value, .used = true});
    ++size_;
  }

  // REQUIRES: `id` is in the map.
  void erase(std::uint64_t id) {
    std::size_t hole = locate(id);
    assert(hole != kNowhere);
    for (std::size_t i = next(hole); cells_[i].used && detour(i) > 0; i = next(i)) {
      cells_[hole] = cells_[i];
      hole = i;
    }
    cells_[hole].used = false;
    --size_;
    if (cells_.size() > kNeverShrunk && size_ * 4 < cells_.size()) resize(cells_.size() / 2);
  }

 private:
  static constexpr std::size_t kNowhere = SIZE_MAX;
  static constexpr std::size_t kNeverShrunk = 1024;

  struct Cell {
    std::uint64_t id = 0;
    std::uint32_t value = 0;
    bool used = false;
  };

  std::size_t mask() const { return cells_.size() - 1; }
  std::size_t home(std::uint64_t id) const {
    return static_cast<std::size_t>((id * 0x9e3779b97f4a7c15u) >> shift_);
  }
  std::size_t next(std::size_t i) const { return (i + 1) & mask(); }
  // How far the entry in cell `i` is from its home.
  std::size_t detour(std::size_t i) const { return (i - home(cells_[i].id)) & mask(); }

  std::size_t locate(std::uint64_t id) const {
    std::size_t i = home(id);
    for (std::size_t steps = 0; cells_[i].used && detour(i) >= steps; ++steps, i = next(i)) {
      if (cells_[i].id == id) return i;
    }
    return kNowhere;
  }

  void place(Cell cell) {
    std::size_t i = home(cell.id);
    for (std::size_t steps = 0; cells_[i].used; ++steps, i = next(i)) {
      if (detour(i) >= steps) continue;
      std::swap(cells_[i], cell);  // the one nearer to its home moves on
      steps = (i - home(cell.id)) & mask();
    }
    cells_[i] = cell;
  }

  void resize(std::size_t size) {
    std::vector<Cell> old(size);
    old.swap(cells_);
    shift_ = 64 - std::countr_zero(cells_.size());
    for (const Cell& cell : old) {
      if (cell.used) place(cell);
    }
  }

  std::vector<Cell> cells_;  // size is a power of two, or zero
  std::size_t size_ = 0;
  int shift_ = 0;  // keeps as many high bits of the product as the table needs
};

}  // namespace engineroom::scheduler
