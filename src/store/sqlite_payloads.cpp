#include "store/sqlite_payloads.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace engineroom::store {
namespace {

using sqlite::execute;
using sqlite::Statement;

constexpr const char* kRows = R"(
ALTER TABLE tasks ADD COLUMN large INTEGER NOT NULL DEFAULT 0;
CREATE TABLE payloads (
  msg_id TEXT NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (msg_id, part));
CREATE TRIGGER payloads_go AFTER DELETE ON tasks WHEN old.large
  BEGIN DELETE FROM payloads WHERE msg_id = old.msg_id; END;
)";

// To sum up the sizes without reading what is before them in the rows, there is an index.
constexpr const char* kFiles = R"(
ALTER TABLE payloads ADD COLUMN file TEXT;
ALTER TABLE payloads ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE payloads SET bytes = length(data);
CREATE INDEX payloads_by_size ON payloads (bytes);
CREATE INDEX payloads_by_file ON payloads (file) WHERE file IS NOT NULL;
CREATE TABLE gone (file TEXT, bytes INTEGER NOT NULL);
CREATE TRIGGER payloads_gone AFTER DELETE ON payloads
  BEGIN INSERT INTO gone VALUES (old.file, old.bytes); END;
)";

}  // namespace

const char* SqlitePayloads::schema(int version) {
  return version == 2 ? kRows : version == 3 ? kFiles : nullptr;
}

SqlitePayloads::SqlitePayloads(sqlite3* database, std::string folder, std::uint64_t limit)
    : database_(database), files_(std::move(folder)), limit_(limit) {}

Status SqlitePayloads::prepare() {
  erase_.emplace(database_, "DELETE FROM payloads WHERE msg_id = ?1 AND part = ?2");
  insert_.emplace(database_, "INSERT INTO payloads VALUES (?1, ?2, coalesce(?3, x''), ?4, ?5)");
  for (const auto* statement : {&erase_, &insert_}) {
    if (!(*statement)->status().ok()) return (*statement)->status();
  }
  const Result<std::int64_t> bytes =
      sqlite::number(database_, "SELECT coalesce(sum(bytes), 0) FROM payloads");
  if (!bytes.ok()) return bytes.status();
  const Result<std::int64_t> gone =
      sqlite::number(database_, "SELECT coalesce(sum(bytes), 0) FROM gone");
  if (!gone.ok()) return gone.status();
  bytes_ = static_cast<std::uint64_t>(bytes.value() + gone.value());
  Statement known(database_, "SELECT 1 FROM payloads WHERE file = ?1");
  files_.erase_strays(
      [&known](std::string_view name) {
        known.bind(1, name);
        const bool found = known.step();
        known.reset();
        return found || !known.status().ok();
      },
      std::chrono::system_clock::now());
  return on_commit();
}

bool SqlitePayloads::are_large(const Frames& frames) { return packed_size(frames) >= kLarge; }

Status SqlitePayloads::insert(std::string_view msg_id, Part part, const Frames& frames) {
  const std::size_t size = packed_size(frames);
  std::string data;
  std::string file;
  if (size < kFile) {
    data = pack_frames(frames);
  } else {
    auto name = files_.write(frames);
    if (!name.ok()) return name.status();
    file = name.take();
    written_.push_back(file);
  }
  // Not INSERT OR REPLACE, which runs no trigger.
  erase_->bind(1, msg_id);
  erase_->bind(2, part);
  if (Status status = erase_->run(); !status.ok()) return status;
  insert_->bind(1, msg_id);
  insert_->bind(2, part);
  insert_->bind_blob(3, data);
  insert_->bind_or_null(4, file);
  insert_->bind(5, static_cast<std::int64_t>(size));
  added_ += size;
  return insert_->run();
}

void SqlitePayloads::on_rollback() {
  for (const std::string& name : written_) files_.erase(name);
  written_.clear();
  files_.forget_last();
  added_ = 0;
}

Status SqlitePayloads::on_commit() {
  written_.clear();
  files_.forget_last();
  bytes_ += std::exchange(added_, 0);
  if (Status status = erase_gone(); !status.ok()) return status;
  return bytes_ > limit_ ? drop_oldest() : Status();
}

// The files first: if it ends in between, they are named still.
Status SqlitePayloads::erase_gone() {
  Statement gone(database_, "SELECT rowid, file, bytes FROM gone ORDER BY rowid");
  std::int64_t last = 0;
  while (gone.step()) {
    last = gone.number(0);
    if (const std::string_view file = gone.text(1); !file.empty()) files_.erase(file);
    bytes_ -= std::min(bytes_, static_cast<std::uint64_t>(gone.number(2)));
  }
  if (!gone.status().ok() || last == 0) return gone.status();
  gone.reset();
  Statement forget(database_, "DELETE FROM gone WHERE rowid <= ?1");
  forget.bind(1, last);
  return forget.run();
}

// Down to a little less than the limit, so that it is not done each time.
Status SqlitePayloads::drop_oldest() {
  const std::uint64_t excess = bytes_ - limit_ + limit_ / 64;
  if (Status status = execute(database_, "BEGIN IMMEDIATE"); !status.ok()) return status;
  Status status = drop_some(excess);
  if (status.ok()) status = execute(database_, "COMMIT");
  if (status.ok()) return erase_gone();
  if (sqlite3_get_autocommit(database_) == 0) (void)execute(database_, "ROLLBACK");
  return status;
}

Status SqlitePayloads::drop_some(std::uint64_t excess) {
  Statement oldest(database_,
                   "SELECT msg_id, part, bytes FROM payloads WHERE EXISTS (SELECT 1 FROM tasks "
                   "WHERE tasks.msg_id = payloads.msg_id AND received IS NOT NULL) "
                   "ORDER BY rowid LIMIT 64");
  Statement mark(database_,
                 "UPDATE tasks SET payload_dropped = 1, large = large & ~?2 WHERE msg_id = ?1");
  while (excess > 0) {
    std::vector<std::pair<std::string, std::int64_t>> dropped;
    while (excess > 0 && oldest.step()) {
      dropped.emplace_back(oldest.text(0), oldest.number(1));
      excess -= std::min(excess, static_cast<std::uint64_t>(oldest.number(2)));
    }
    if (!oldest.status().ok() || dropped.empty()) return oldest.status();
    oldest.reset();
    for (const auto& [msg_id, part] : dropped) {
      for (Statement* statement : {&mark, &*erase_}) {
        statement->bind(1, msg_id);
        statement->bind(2, part);
        if (Status status = statement->run(); !status.ok()) return status;
      }
    }
  }
  return {};
}

std::string SqlitePayloads::column(const std::string& name, Part part) {
  const std::string bit = std::to_string(part);
  return "CASE WHEN large & " + bit +
         " THEN (SELECT coalesce(file, data) FROM payloads WHERE payloads.msg_id = tasks.msg_id "
         "AND part = " +
         bit + ") ELSE " + name + " END";
}

Result<Frames> SqlitePayloads::read(const Statement& row, int at) const {
  return row.is_text(at) ? files_.read(row.text(at)) : unpack_frames(row.text(at));
}

}  // namespace engineroom::store
