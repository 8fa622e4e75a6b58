// store/database_store.h — records in a database, behind a store in memory.
//
// What is pending, and the latest that is finished, is in memory (MemoryStore), which answers what
// the controller asks per task. What ends also goes to the database, a moment later and many at a
// time (WriteBehind); what is pending does once it has been so for kHold, as most tasks end before
// and are then written once instead of three times. Queries about the past wait for all that to be
// written and read there, on a connection of their own.
//
// Buffers of more than `max_payload_bytes` in one record are kept in memory only: they are in
// nobody's interest on disk, and slow to put there.
//
// Records that an earlier controller left pending are `unfinished()`: the controller goes on with
// them or ends them.
//
// Threads: one owner thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "store/database.h"
#include "store/memory_store.h"
#include "store/store.h"
#include "store/write_behind.h"

namespace engineroom::store {

struct DatabaseStoreConfig {
  MemoryStoreConfig memory;
  std::size_t max_payload_bytes = 16u << 20;  // of one record, requests and results each
  std::uint64_t max_records = 1'000'000;      // in the database; beyond, the oldest go
};

class DatabaseStore : public Store {
 public:
  // For so long, to twice that, nothing of a pending record is written.
  static constexpr Duration kHold = std::chrono::milliseconds(500);

  // Two connections to the same database.
  DatabaseStore(std::unique_ptr<Database> writer, std::unique_ptr<Database> reader,
                DatabaseStoreConfig config = {});
  // Writes what is left.
  ~DatabaseStore() override;

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
  void flush() const override;

  Status purge(std::span<const std::string> msg_ids) override;
  void purge_engine(std::string_view engine_uuid) override;
  void purge_all() override;

  EngineCounts counts(std::string_view engine_uuid) const override;
  EngineTasks tasks_of(std::string_view engine_uuid) const override;
  std::uint64_t unassigned_count() const override;
  std::vector<std::string> unassigned() const override;
  void forget_engine(std::string_view engine_uuid) override;

  StoreStats stats() const override;

  void on_time(Time now) override;
  std::optional<Time> next_deadline() const override { return save_at_; }

  // Records without a result that this store was not told of: an earlier process's.
  std::vector<Record> unfinished() const;
  // Gives one of them a result.
  void end_earlier(std::string_view msg_id, const Reply& reply);

 private:
  // Of the records: after everything is written.
  Database& read() const;
  // A question that has not begun does: it is about what there is now.
  Status begin(Position& position) const;
  // Where its next step goes to, about `count` records further. REQUIRES: not at the end
  Result<Span> next_span(const Position& position, std::size_t count) const;
  // Whether a value fails to come from the database is nobody's error but the log's.
  template <typename Value>
  Value value_or_log(Result<Value> result) const;
  // Into the log: once a second at most, however often clients ask.
  void complain(const Status& status) const;
  void count_one_more() const;
  void save(PackedRecord record) const;
  // Calls `edit(change, batch)`, unless the record is held back: then memory has the change.
  template <typename Edit>
  void edit(std::string_view msg_id, Edit edit);
  // True: all that is numbered `until` or less is on its way. False: there was no room.
  bool save_pending(std::uint64_t until);
  void save_result(std::string_view msg_id, const Reply& reply);

  DatabaseStoreConfig config_;
  // Mutable, as is the count: what is held back goes to the database when somebody reads there.
  mutable MemoryStore memory_;
  std::unique_ptr<Database> reader_;
  mutable WriteBehind writer_;
  mutable std::chrono::steady_clock::time_point complained_;
  mutable std::uint64_t count_ = 0;  // about how many the database holds
  // Pending records up to this number are saved then.
  std::optional<Time> save_at_;
  std::uint64_t save_until_ = 0;
};

}  // namespace engineroom::store
