// engine/spill.h — large results that the shelf has no room for, and that somebody may still need:
// they go to disk, and are read from there.
//
// The bookkeeping, without I/O: which results are on their way to the disk (and are still in
// memory until they are there), which are there, and which go when there are too many bytes; least
// recently used ones first. kept_results.h writes, and tells.
//
// Threads: the I/O thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/result_shelf.h"

namespace engineroom::engine {

class Extent;
// Where a result is on disk. Its place there is free again when nobody holds this any more.
struct Spilled {
  std::shared_ptr<const Extent> extent;
  std::vector<std::size_t> sizes;  // of the frames, which lie one after the other
};

class Spill {
 public:
  struct Write {
    std::uint64_t number;
    KeptPtr kept;
  };

  // `max_bytes` on disk and on the way there; `max_writing` on the way: what the disk does not keep
  // up with is dropped, as memory is what this is to save.
  Spill(std::uint64_t max_bytes, std::uint64_t max_writing)
      : max_bytes_(max_bytes), max_writing_(max_writing) {}

  // What is to be written now; on_written() then. Nullopt: it is not kept.
  std::optional<Write> add(const std::string& msg_id, KeptPtr kept);
  // Empty: that failed.
  void on_written(std::uint64_t number, Spilled spilled);

  // In memory still, or on disk; null if it is not here.
  struct Found {
    KeptPtr kept;
    const Spilled* spilled = nullptr;
    explicit operator bool() const { return kept != nullptr || spilled != nullptr; }
  };
  Found find(std::string_view msg_id);
  void drop(std::string_view msg_id);
  // The ids of those that went although nobody dropped them, since the last call.
  std::vector<std::string> take_lost() { return std::exchange(lost_, {}); }

  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string msg_id;
    std::uint64_t number;
    std::uint64_t bytes;
    KeptPtr kept;  // until it is written
    Spilled spilled;
  };
  using Place = std::list<Entry>::iterator;

  void remove(Place place);
  void lose(Place place);

  const std::uint64_t max_bytes_;
  const std::uint64_t max_writing_;
  std::list<Entry> entries_;                           // least recently used first
  std::unordered_map<std::string_view, Place> by_id_;  // keys are views of entries
  std::unordered_map<std::uint64_t, Place> writing_;
  std::vector<std::string> lost_;
  std::uint64_t next_number_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t writing_bytes_ = 0;
};

}  // namespace engineroom::engine
