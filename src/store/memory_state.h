// store/memory_state.h — what a MemoryStore holds.
//
// Its functions lie where they belong: memory_store.cpp (requests and results come in),
// memory_removal.cpp (records go), memory_queries.cpp (records are read).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "store/engine_tally.h"
#include "store/memory_entries.h"
#include "store/memory_store.h"
#include "store/slot_index.h"

namespace engineroom::store {

struct MemoryStore::State {
  explicit State(const MemoryStoreConfig& configuration) : config(configuration) {}

  Slot find(std::string_view msg_id) const {
    return index.find(id_hash(msg_id),
                      [&](Slot slot) { return entries[slot].text.msg_id() == msg_id; });
  }

  void remove(Slot slot);
  void count_pending(const Entry& entry, int change);
  void move_to(Entry& entry, std::string_view engine_uuid);
  void seal(Slot slot);
  void trim();
  template <typename IsEnough>
  void cull_until(IsEnough is_enough);
  Status add_result(std::string_view msg_id, const Reply& reply,
                    std::optional<PackedRecord>* taken);
  PackedRecord take(Entry& entry) const;
  Course course(const Entry& entry) const;
  Record record(const Entry& entry) const;
  // In order of submission.
  std::vector<Slot> in_order() const;
  void sort_by_time(std::vector<Slot>& slots) const;
  void begin(Position& position) const;
  // The next `count` records that are still there, until `visit` returns false.
  void visit_some(Position& position, std::size_t count,
                  const std::function<bool(const Entry&)>& visit) const;
  template <typename Matches>
  void purge_if(Matches matches);

  MemoryStoreConfig config;
  Entries entries;
  SlotIndex index;
  EntryList all{&Entry::by_age};
  EntryList finished{&Entry::by_end};
  // The oldest finished record that is not sealed; kNone: all are.
  Slot first_unsealed = kNone;
  // No record before it is pending and not taken; kNone: no record at all is.
  Slot first_untaken = kNone;
  std::uint64_t last_number = 0;
  EngineTally engines;
  std::uint64_t unassigned = 0;
  StoreStats stats;
};

// kNotFound
Status unknown_message(std::string_view msg_id);

}  // namespace engineroom::store
