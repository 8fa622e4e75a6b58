// store/postgres_database.h — records on a PostgreSQL server.
//
// A batch is three statements at most, whatever its size: rows go as arrays, one per column. When
// the server is away, a write is kUnavailable and the next call connects again; whether a commit
// that broke off took place is asked of the server, so that no output is written twice.
//
// Threads: one at a time per object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "store/database.h"

namespace engineroom::store {

struct PostgresOptions {
  // As libpq has it: "postgresql://user@host/database", or words, or empty for what PGHOST,
  // PGDATABASE, PGSERVICE … say.
  std::string url;
  std::string schema = "engineroom";
};

class PostgresDatabase : public Database {
 public:
  // Connects; who may write makes the schema and the table if they are not there, and is the only
  // one who may. kInvalidArgument, or kUnavailable, with the remedy.
  static Result<std::unique_ptr<PostgresDatabase>> open(PostgresOptions options, Access access);
  ~PostgresDatabase() override;

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
  explicit PostgresDatabase(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace engineroom::store
