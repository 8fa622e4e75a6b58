// base/slot_pool.h — objects in numbered slots that never move, in memory that shrinks again.
//
// The obvious table is a vector and a list of free places in it. It never shrinks: a burst of a
// million tasks, long finished, costs the process a hundred megabytes for good. Here slots lie in
// chunks, the lowest chunk with room is filled first, so that after a burst the upper ones run
// empty, and an empty chunk is freed; but for one, so that a table that swings around the edge of a
// chunk does not allocate all the time.
//
// add and remove are O(1) amortised, but for one bit per chunk that is looked at 64 at a time. A
// slot that was removed may be asked for contains(), nothing else.
//
// Threads: one owner thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace engineroom {

template <typename T>
class SlotPool {
 public:
  static constexpr std::size_t kChunk = 1024;

  std::size_t size() const { return size_; }
  // How many there is memory for.
  std::size_t capacity() const { return chunk_count_ * kChunk; }

  // The slot of a new T{}: the lowest free one of the chunks there are.
  std::uint32_t add() {
    const std::size_t at = chunk_with_room();
    Chunk& chunk = *chunks_[at];
    if (at == empty_) empty_ = kNone;
    const std::size_t slot = chunk.take();
    if (chunk.used == kChunk) set_room(at, false);
    ++size_;
    return static_cast<std::uint32_t>(at * kChunk + slot);
  }

  // REQUIRES: contains(slot)
  void remove(std::uint32_t slot) {
    assert(contains(slot));
    const std::size_t at = slot / kChunk;
    chunks_[at]->give_back(slot % kChunk);
    set_room(at, true);
    --size_;
    if (chunks_[at]->used == 0) keep_one_empty(at);
  }

  bool contains(std::uint32_t slot) const {
    const std::size_t at = slot / kChunk;
    return at < chunks_.size() && chunks_[at] && !chunks_[at]->is_free(slot % kChunk);
  }

  // REQUIRES: contains(slot)
  T& operator[](std::uint32_t slot) {
    assert(contains(slot));
    return chunks_[slot / kChunk]->items[slot % kChunk];
  }
  const T& operator[](std::uint32_t slot) const {
    assert(contains(slot));
    return chunks_[slot / kChunk]->items[slot % kChunk];
  }

  // In order of their numbers; linear.
  template <typename Visit>
  void for_each_slot(Visit visit) const {
    for (std::size_t slot = 0; slot < chunks_.size() * kChunk; ++slot) {
      if (contains(static_cast<std::uint32_t>(slot))) visit(static_cast<std::uint32_t>(slot));
    }
  }

 private:
  static constexpr std::size_t kWord = 64;
  static constexpr std::size_t kNone = SIZE_MAX;

  struct Chunk {
    Chunk() { free.fill(~std::uint64_t{0}); }

    bool is_free(std::size_t slot) const { return (free[slot / kWord] >> slot % kWord & 1) != 0; }
    // REQUIRES: not full
    std::size_t take() {
      std::size_t word = 0;
      while (free[word] == 0) ++word;
      const auto bit = static_cast<std::size_t>(std::countr_zero(free[word]));
      free[word] &= free[word] - 1;
      ++used;
      return word * kWord + bit;
    }
    void give_back(std::size_t slot) {
      items[slot] = T{};
      free[slot / kWord] |= std::uint64_t{1} << slot % kWord;
      --used;
    }

    std::array<T, kChunk> items{};
    std::array<std::uint64_t, kChunk / kWord> free{};  // a bit per slot
    std::size_t used = 0;
  };

  std::size_t chunk_with_room() {
    while (lowest_ < room_.size() && room_[lowest_] == 0) ++lowest_;
    if (lowest_ == room_.size()) return add_chunk();
    return lowest_ * kWord + static_cast<std::size_t>(std::countr_zero(room_[lowest_]));
  }

  std::size_t add_chunk() {
    const auto gap = std::find(chunks_.begin(), chunks_.end(), nullptr);
    const auto at = static_cast<std::size_t>(gap - chunks_.begin());
    if (gap == chunks_.end()) chunks_.emplace_back();
    room_.resize((chunks_.size() + kWord - 1) / kWord);
    chunks_[at] = std::make_unique<Chunk>();
    ++chunk_count_;
    set_room(at, true);
    return at;
  }

  void set_room(std::size_t at, bool has_room) {
    const std::uint64_t bit = std::uint64_t{1} << at % kWord;
    room_[at / kWord] = has_room ? room_[at / kWord] | bit : room_[at / kWord] & ~bit;
    if (has_room) lowest_ = std::min(lowest_, at / kWord);
  }

  // Of two empty chunks the upper one goes.
  void keep_one_empty(std::size_t at) {
    const std::size_t other = empty_;
    empty_ = std::min(at, other);
    if (other == kNone) return;
    const std::size_t gone = std::max(at, other);
    chunks_[gone].reset();
    --chunk_count_;
    set_room(gone, false);
  }

  std::vector<std::unique_ptr<Chunk>> chunks_;  // null: freed
  std::vector<std::uint64_t> room_;             // a bit per chunk: it is there and not full
  std::size_t lowest_ = 0;                      // no word of room_ below this has a bit
  std::size_t empty_ = kNone;                   // the one empty chunk that is kept
  std::size_t chunk_count_ = 0;
  std::size_t size_ = 0;
};

}  // namespace engineroom
