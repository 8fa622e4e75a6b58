// store/sqlite_payloads.h — the large buffers of the records in a SQLite database.
//
// Those of 32 KiB and more have rows of their own, in table `payloads`: SQLite writes a row anew
// whenever a column of it changes. Those of 256 KiB and more are files (payload_files.h), and such
// a row has the file's name. All of them together have a limit; beyond, the oldest of finished
// records go, and the records say so.
//
// What is deleted, by whichever statement, is noted by a trigger in table `gone`, in the same
// transaction; its files go after that.
//
// Threads: those of its database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "store/payload_files.h"
#include "store/sqlite_statement.h"

namespace engineroom::store {

class SqlitePayloads {
 public:
  static constexpr std::size_t kLarge = std::size_t{32} << 10;
  static constexpr std::size_t kFile = std::size_t{256} << 10;

  // Which buffers of a record; together, the bits of column `large` of its row.
  enum Part : std::int64_t { kNone = 0, kRequest = 1, kResult = 2 };

  // Statements that bring the table to what it was in this version of the schema, from the one
  // before; null: nothing.
  static const char* schema(int version);

  // REQUIRES: the tables are there, and `database` outlives this.
  SqlitePayloads(sqlite3* database, std::string folder, std::uint64_t limit);
  // Before the first change; not needed for reading alone.
  Status prepare();

  static bool are_large(const Frames& frames);
  // Within a transaction. REQUIRES: are_large(frames)
  Status insert(std::string_view msg_id, Part part, const Frames& frames);
  // After it.
  Status on_commit();
  void on_rollback();

  // What to select for this part of a row of `tasks`, whose own column is `name`; and what was.
  // kNotFound: it has gone since.
  static std::string column(const std::string& name, Part part);
  Result<Frames> read(const sqlite::Statement& row, int at) const;

 private:
  Status erase_gone();
  Status drop_oldest();
  Status drop_some(std::uint64_t excess);

  sqlite3* database_;
  PayloadFiles files_;
  std::uint64_t limit_;
  std::uint64_t bytes_ = 0;  // of all of them; about, if another process writes, too
  // Of this transaction.
  std::uint64_t added_ = 0;
  std::vector<std::string> written_;
  std::optional<sqlite::Statement> erase_;
  std::optional<sqlite::Statement> insert_;
};

}  // namespace engineroom::store
