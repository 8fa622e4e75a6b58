// store/memory_entries.h — what MemoryStore keeps of one record, and lists through all of them.
//
// A record's texts are one block of memory (record_text.h); what few records have is an allocation
// of its own. Entries lie in numbered slots (slot_pool.h) and are linked by slot, not by pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/slot_pool.h"
#include "store/engine_tally.h"
#include "store/record.h"
#include "store/record_text.h"
#include "store/slot_index.h"

namespace engineroom::store {

using Slot = std::uint32_t;
inline constexpr Slot kNone = SlotIndex::kNone;
// What few records have.
struct Extra {
  Frames large;  // buffers kept by reference, in the order of the record's text
  std::string stdout_text;
  std::string stderr_text;
  std::string execute_input;
  std::string execute_result;
  std::string error;
  std::string resubmitted;

  std::size_t payload_bytes() const {
    std::size_t bytes = stdout_text.size() + stderr_text.size() + execute_input.size() +
                        execute_result.size() + error.size();
    for (const Bytes& buffer : large) bytes += buffer.size();
    return bytes;
  }
};

// A time that may be missing, in eight bytes.
class MaybeTime {
 public:
  void set(std::optional<WallTime> when) { when_ = when.value_or(kMissing); }
  std::optional<WallTime> get() const {
    if (when_ == kMissing) return std::nullopt;
    return when_;
  }

 private:
  static constexpr WallTime kMissing = WallTime::min();
  WallTime when_ = kMissing;
};

struct Links {
  Slot previous = kNone;
  Slot next = kNone;
};

struct Entry {
  RecordText text;
  std::unique_ptr<Extra> extra;
  WallTime submitted{};
  MaybeTime started;
  MaybeTime completed;
  MaybeTime received;
  Links by_age;  // all records, as they were added
  Links by_end;  // finished ones, as they finished
  EngineNumber engine = kNoEngine;
  std::uint32_t hash = 0;
  QueueKind queue = QueueKind::kTask;
  std::uint32_t number = 0;  // the last bits
  bool finished : 1 = false;
  bool taken : 1 = false;            // by the store behind
  bool sealed : 1 = false;           // its payload was dropped, and no more is taken
  bool payload_dropped : 1 = false;  // there was some

  Extra& extras() {
    if (!extra) extra = std::make_unique<Extra>();
    return *extra;
  }
  std::size_t payload_bytes() const { return extra ? extra->payload_bytes() : 0; }
  std::size_t bytes() const { return text.size() + payload_bytes(); }
};

using Entries = SlotPool<Entry>;

// A list through the entries; `links` says which of their two.
class EntryList {
 public:
  explicit EntryList(Links Entry::* links) : links_(links) {}

  Slot front() const { return front_; }
  std::size_t size() const { return size_; }
  Slot after(const Entries& entries, Slot slot) const { return (entries[slot].*links_).next; }

  void push_back(Entries& entries, Slot slot) {
    entries[slot].*links_ = {.previous = back_, .next = kNone};
    (back_ == kNone ? front_ : (entries[back_].*links_).next) = slot;
    back_ = slot;
    ++size_;
  }

  void remove(Entries& entries, Slot slot) {
    const Links links = entries[slot].*links_;
    (links.previous == kNone ? front_ : (entries[links.previous].*links_).next) = links.next;
    (links.next == kNone ? back_ : (entries[links.next].*links_).previous) = links.previous;
    entries[slot].*links_ = {};
    --size_;
  }

 private:
  Links Entry::* links_;
  Slot front_ = kNone;
  Slot back_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace engineroom::store
