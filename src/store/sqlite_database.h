// store/sqlite_database.h — records in a SQLite file.
//
// The file is in write-ahead mode: a transaction is on disk, or at least with the system, as one
// append, so killing the process at any moment loses nothing that was committed and damages
// nothing. (Losing the machine's power may lose the last seconds, never the file.) A reader has a
// connection of its own and is not held up by the writer.
//
// Threads: one at a time per object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "store/database.h"

namespace engineroom::store {

class SqliteDatabase : public Database {
 public:
  static constexpr std::uint64_t kMaxSavedBytes = std::uint64_t{4} << 30;

  // Opens or makes the file, readable by its owner only. kIo, or kInvalidArgument if it is another
  // program's, with the remedy. Large buffers are in a folder beside it, `path`-payloads; what they
  // take together is limited.
  static Result<std::unique_ptr<SqliteDatabase>> open(
      const std::string& path, Access access = Access::kReadWrite,
      std::uint64_t max_saved_bytes = kMaxSavedBytes);
  ~SqliteDatabase() override;

  Status write(const ChangeBatch& batch, bool again) override;
  Status erase_engine(std::string_view engine_uuid) override;
  Status erase_finished() override;
  Status erase_oldest(std::uint64_t keep) override;
  Result<Record> find(std::string_view msg_id) override;
  Status select(const Query& query, const Span& span,
                const std::function<bool(const Record&)>& visit) override;
  Result<std::optional<WallTime>> later(std::optional<WallTime> after, std::size_t count) override;
  Result<std::optional<WallTime>> latest() override;
  Result<std::vector<Listed>> list(const Query& query, const Span& span) override;
  Result<std::uint64_t> count() override;
  std::string name() const override;

 private:
  struct State;
  explicit SqliteDatabase(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace engineroom::store
