// store/memory_store.h — the default store: records in memory, bounded by number and by bytes.
//
// A finished task that did nothing is about 1 KB of JSON, so the memory of a record is the memory
// of its text: each record keeps all of its small parts in one block (record_text.h) beside a fixed
// entry of some hundred bytes. Frames of kSmallFrame and more are kept by reference, never copied.
//
// When the finished records exceed `max_records`, the oldest 64th of them goes; when they exceed
// `max_bytes`, the oldest lose their buffers and output until a 64th is free, and only if that is
// not enough whole records. Everything is O(1) amortised, except purge_engine, purge_all and the
// first step of a query, which are linear. Blocks are freed in about the order they were allocated
// in, so that the heap stays flat (bench/store_bench.cpp).
//
// Threads: one owner thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "store/change.h"
#include "store/store.h"

namespace engineroom::store {

struct MemoryStoreConfig {
  std::size_t max_records = 16'384;                // finished records remembered
  std::size_t max_bytes = 64u << 20;               // of finished records: text, buffers, output
  std::size_t max_stream_bytes = kMaxStreamBytes;  // stdout and stderr, each, of one record
};

class MemoryStore : public Store {
 public:
  explicit MemoryStore(MemoryStoreConfig config = {});
  ~MemoryStore() override;

  Status add_request(const Request& request) override;
  Status mark_sent(std::string_view msg_id, std::string_view engine_uuid) override;
  Status mark_started(std::string_view msg_id, WallTime started) override;
  Status add_result(std::string_view msg_id, const Reply& reply) override;
  Status add_output(std::string_view msg_id, Output kind, std::string_view value) override;
  Status mark_resubmitted(std::string_view msg_id, std::string_view new_msg_id) override;

  bool contains(std::string_view msg_id) const override;
  bool is_pending(std::string_view msg_id) const override;
  Result<Record> find(std::string_view msg_id) const override;
  Status select_some(const Query& query, Position& position, const Visit& visit) const override;
  Result<std::vector<Listed>> list_some(Position& position) const override;
  Result<std::vector<Listed>> list(std::span<const std::string> msg_ids) const override;
  Status find_each(std::span<const std::string> msg_ids, const Visit& visit) const override;

  Status purge(std::span<const std::string> msg_ids) override;
  void purge_engine(std::string_view engine_uuid) override;
  void purge_all() override;

  EngineCounts counts(std::string_view engine_uuid) const override;
  EngineTasks tasks_of(std::string_view engine_uuid) const override;
  std::uint64_t unassigned_count() const override;
  std::vector<std::string> unassigned() const override;
  void forget_engine(std::string_view engine_uuid) override;

  StoreStats stats() const override;

  // A store behind this one *takes* each record once: when it ends, or when it has been pending for
  // long. Until then it need not hear of changes.
  bool is_untaken(std::string_view msg_id) const;
  // `add_result()`, which takes it if nobody has.
  Status add_result(std::string_view msg_id, const Reply& reply,
                    std::optional<PackedRecord>& taken);
  // Records are numbered from 1 as they are added.
  std::uint64_t last_number() const;
  bool has_untaken() const;
  // The oldest that is pending and numbered `until` or less; none: there is none.
  std::optional<PackedRecord> take_oldest(std::uint64_t until);
  // How many records there is an entry for, used or not.
  std::size_t capacity() const;

  // Asserts every cross-reference; for tests.
  void sanity_check() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace engineroom::store
