// engine/result_shelf.h — what became of the tasks that ran here, for tasks that are given their
// results: those in memory.
//
// A task may be an argument of a later one (`view.apply(f, ar)`), and nobody knows beforehand
// which. So results stay here for a while: bounded in number and bytes, least recently used ones go
// first (large ones to disk, see spill.h). The frames are owned or in shared memory, never
// Python's: whoever reads them needs no interpreter, and what a user does to an array afterwards
// does not show.
//
// Threads: the I/O thread only.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "wire/host_buffers.h"

namespace engineroom::engine {

// How one task ended.
struct Kept {
  bool ok = true;
  Bytes content = {};   // of the reply, if it failed
  Frames buffers = {};  // of the reply: the result
  std::size_t bytes() const;
};
using KeptPtr = std::shared_ptr<const Kept>;

// What has become of the search for a result.
struct Answer {
  std::string msg_id;
  KeptPtr kept;     // null: it is not to be had,
  std::string why;  // because of this
  // It is not to be had here; this engine is to be asked (large buffers only).
  std::optional<wire::HostBuffer::Holder> elsewhere = {};
};

class ResultShelf {
 public:
  static constexpr std::size_t kMaxResults = 16'384;

  ResultShelf(std::size_t max_results, std::size_t max_bytes)
      : max_results_(max_results), max_bytes_(max_bytes) {}

  struct Evicted {
    std::string msg_id;
    KeptPtr kept;
  };
  // Replaces what is there under this id. What has to go for it, oldest first; itself, if it is too
  // large for the whole shelf.
  std::vector<Evicted> put(const std::string& msg_id, KeptPtr kept);
  // Null if it is not here, or not any more.
  KeptPtr find(std::string_view msg_id);
  void drop(std::string_view msg_id);
  void clear();

  std::size_t size() const { return by_id_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  using Entry = Evicted;
  using Place = std::list<Entry>::iterator;

  void remove(Place place);

  const std::size_t max_results_;
  const std::size_t max_bytes_;
  std::list<Entry> entries_;                           // least recently used first
  std::unordered_map<std::string_view, Place> by_id_;  // keys are views of entries
  std::size_t bytes_ = 0;
};

}  // namespace engineroom::engine
