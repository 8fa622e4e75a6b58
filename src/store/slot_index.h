// store/slot_index.h — finds a record's slot by its message id, without keeping the id.
//
// The id is in the record already (record_text.h), so the index holds only {hash, slot}, eight
// bytes, and asks the caller whether the record in a slot is the one sought. Linear probing with
// cells kept in the order of their home (Robin Hood hashing): erasing moves the entries behind
// back, so no tombstones pile up while records come and go. Growing doubles; an index that is
// mostly empty halves, so that a burst of requests leaves nothing behind. O(1) amortised.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace engineroom::store {

// Of a message id, as an index is asked for it.
inline std::uint32_t id_hash(std::string_view msg_id) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(msg_id));
}

class SlotIndex {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  std::size_t size() const { return size_; }
  // The cells it has memory for.
  std::size_t capacity() const { return cells_.size(); }

  // `is_it(slot)`: is this the record? Asked only where the hash agrees.
  template <typename IsIt>
  std::uint32_t find(std::uint32_t hash, IsIt is_it) const {
    if (size_ == 0) return kNone;
    std::size_t i = home(hash);
    for (std::size_t steps = 0; is_used(i) && detour(i) >= steps; ++steps, i = next(i)) {
      if (cells_[i].hash == hash && is_it(cells_[i].slot)) return cells_[i].slot;
    }
    return kNone;
  }

  void insert(std::uint32_t hash, std::uint32_t slot) {
    if ((size_ + 1) * 3 > cells_.size() * 2) resize(cells_.empty() ? 16 : cells_.size() * 2);
    place({hash, slot});
    ++size_;
  }

  // REQUIRES: inserted under this hash.
  void erase(std::uint32_t hash, std::uint32_t slot) {
    std::size_t hole = home(hash);
    while (cells_[hole].slot != slot) {
      assert(is_used(hole));
      hole = next(hole);
    }
    for (std::size_t i = next(hole); is_used(i) && detour(i) > 0; i = next(i)) {
      cells_[hole] = cells_[i];
      hole = i;
    }
    cells_[hole].slot = kNone;
    --size_;
    if (cells_.size() > kNeverShrunk && size_ * 4 < cells_.size()) resize(cells_.size() / 2);
  }

 private:
  static constexpr std::size_t kNeverShrunk = 1024;

  struct Cell {
    std::uint32_t hash = 0;
    std::uint32_t slot = kNone;
  };

  bool is_used(std::size_t i) const { return cells_[i].slot != kNone; }
  std::size_t mask() const { return cells_.size() - 1; }
  std::size_t home(std::uint32_t hash) const { return hash & mask(); }
  std::size_t next(std::size_t i) const { return (i + 1) & mask(); }
  std::size_t detour(std::size_t i) const { return (i - home(cells_[i].hash)) & mask(); }

  void place(Cell cell) {
    std::size_t i = home(cell.hash);
    for (std::size_t steps = 0; is_used(i); ++steps, i = next(i)) {
      if (detour(i) >= steps) continue;
      std::swap(cells_[i], cell);
      steps = (i - home(cell.hash)) & mask();
    }
    cells_[i] = cell;
  }

  void resize(std::size_t size) {
    std::vector<Cell> old(size);
    old.swap(cells_);
    for (const Cell& cell : old) {
      if (cell.slot != kNone) place(cell);
    }
  }

  std::vector<Cell> cells_;  // size is a power of two, or zero
  std::size_t size_ = 0;
};

}  // namespace engineroom::store
