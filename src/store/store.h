// store/store.h — the record of every request and result that clients can ask for later.
//
// An interface because there are several: memory (the default), SQLite, PostgreSQL. The controller
// calls add_request, mark_sent and add_result once per task on its hot path, so an implementation
// makes these cheap (memory_store: below a microsecond together) and does slow work elsewhere.
//
// A record is *pending* until add_result, then *finished*. Pending records are never dropped;
// finished ones are, oldest first, when the store is full: asking for one then gives kNotFound,
// exactly as for an id that never was.
//
// Threads: one owner thread. Text passed in is copied or referenced during the call only; buffers
// (Bytes) may be kept by reference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "store/record.h"

namespace engineroom::store {

class Query;

// What queue_request asks of one engine.
struct EngineCounts {
  std::uint64_t queue = 0;      // pending direct and broadcast requests
  std::uint64_t tasks = 0;      // pending load-balanced tasks sent to it
  std::uint64_t completed = 0;  // finished there since it joined, remembered or not
  friend bool operator==(const EngineCounts&, const EngineCounts&) = default;
};

// The same as ids; `completed` holds only what is still remembered. In order of submission.
struct EngineTasks {
  std::vector<std::string> queue;
  std::vector<std::string> tasks;
  std::vector<std::string> completed;
};

struct StoreStats {
  std::size_t pending = 0;
  std::size_t finished = 0;
  std::size_t pending_bytes = 0;   // text, buffers and output of pending records
  std::size_t finished_bytes = 0;  // the same of finished ones: what the limit is on
  std::uint64_t culled = 0;        // finished records forgotten since the start
};

// A record's id, and what history is in the order of.
struct Listed {
  std::string msg_id;
  WallTime submitted{};
};

// How far a question has come that is answered in steps: a store's own affair, but for `at_end`.
struct Position {
  // A record in memory: where it is, and its number, which says whether it is there still.
  struct Place {
    std::uint32_t slot = 0;
    std::uint32_t number = 0;
  };

  bool has_begun = false;
  bool at_end = false;
  // A database goes by times of submission: what was looked at, and what there was at the
  // beginning.
  std::optional<WallTime> after;
  std::optional<WallTime> until;
  // Memory lists its records at the beginning; those before `next` were looked at.
  std::vector<Place> places;
  std::size_t next = 0;
};

// Of records, a few milliseconds' work; of records with large buffers, those until so many bytes
// have been read; of ids alone, which are read faster.
inline constexpr std::size_t kRecordsPerStep = 500;
inline constexpr std::size_t kBytesPerStep = std::size_t{8} << 20;
inline constexpr std::size_t kListedPerStep = 2'000;

class Store {
 public:
  using Visit = std::function<bool(const Record&)>;

  virtual ~Store() = default;

  // kInvalidArgument if a pending record has this id; a finished one is replaced.
  virtual Status add_request(const Request& request) = 0;
  // The request went to this engine: again after a retry, when it moves to the new engine's counts.
  // An empty uuid: it is back in the controller's queue. kNotFound, kInvalidArgument if finished.
  virtual Status mark_sent(std::string_view msg_id, std::string_view engine_uuid) = 0;
  virtual Status mark_started(std::string_view msg_id, WallTime started) = 0;
  // kNotFound for an unknown id; kInvalidArgument if it has a result (the first one stays).
  virtual Status add_result(std::string_view msg_id, const Reply& reply) = 0;
  // May come after the result. Streams are cut at a limit per record; kNotFound for an unknown id.
  virtual Status add_output(std::string_view msg_id, Output kind, std::string_view value) = 0;
  virtual Status mark_resubmitted(std::string_view msg_id, std::string_view new_msg_id) = 0;

  virtual bool contains(std::string_view msg_id) const = 0;
  virtual bool is_pending(std::string_view msg_id) const = 0;
  virtual Result<Record> find(std::string_view msg_id) const = 0;

  // Questions about many records are answered in steps, so that they hold nobody up; a step goes on
  // behind `position`, to which it then sets. They are about the records there are when the first
  // step is made: what comes later need not be found. Of these each is seen as it is in its step,
  // and one that is removed before is not. In order of submission.
  //
  // Of the next ones those that match, until `visit` returns false, which ends the whole.
  virtual Status select_some(const Query& query, Position& position, const Visit& visit) const = 0;
  // Ids and times of the next ones.
  virtual Result<std::vector<Listed>> list_some(Position& position) const = 0;
  // Those of these that there are, in no order.
  virtual Result<std::vector<Listed>> list(std::span<const std::string> msg_ids) const = 0;
  // The same of whole records, in order of submission, until `visit` returns false.
  // REQUIRES: kRecordsPerStep ids at most
  virtual Status find_each(std::span<const std::string> msg_ids, const Visit& visit) const = 0;

  // Returns once everything that was told is where it is to be kept. A query begins with that, so
  // that what it finds is there after a crash, too.
  virtual void flush() const {}

  // All steps in one go, for tests and tools.
  Status select(const Query& query, const Visit& visit) const;
  std::vector<std::string> history() const;

  // Finished records are removed. kInvalidArgument, and nothing is removed, if one of the ids is
  // pending; ids that are unknown are ignored, as in ipyparallel.
  virtual Status purge(std::span<const std::string> msg_ids) = 0;
  virtual void purge_engine(std::string_view engine_uuid) = 0;
  virtual void purge_all() = 0;

  virtual EngineCounts counts(std::string_view engine_uuid) const = 0;
  // Linear in the number of records.
  virtual EngineTasks tasks_of(std::string_view engine_uuid) const = 0;
  // Pending load-balanced tasks not sent to any engine.
  virtual std::uint64_t unassigned_count() const = 0;
  virtual std::vector<std::string> unassigned() const = 0;
  // The engine is gone for good: its counts are forgotten as soon as no record names it.
  virtual void forget_engine(std::string_view engine_uuid) = 0;

  virtual StoreStats stats() const = 0;

  // Work that waits for its time: to be called after changes, and at next_deadline() or later.
  virtual void on_time(Time /*now*/) {}
  virtual std::optional<Time> next_deadline() const { return std::nullopt; }
};

}  // namespace engineroom::store
