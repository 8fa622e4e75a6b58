// store/sqlite_statement.h — SQLite's C interface, with its errors as Status and its handles owned.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <sqlite3.h>

#include "base/status.h"
#include "store/record.h"
#include "store/sql.h"

namespace engineroom::store::sqlite {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
using Handle = std::unique_ptr<sqlite3, CloseDatabase>;

inline Status failure(sqlite3* database, const std::string& what) {
  const int code = sqlite3_errcode(database);
  const std::string text = what + ": " + sqlite3_errmsg(database);
  if (sqlite3_extended_errcode(database) == SQLITE_CONSTRAINT_PRIMARYKEY) {
    return {ErrorCode::kInvalidArgument, text};
  }
  // Another process writes; the disk is full or gone; all else does not change by itself.
  const bool may_pass =
      code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL || code == SQLITE_IOERR;
  return {may_pass ? ErrorCode::kUnavailable : ErrorCode::kIo, text};
}

// A prepared statement, and its values by position from 1. (Ours are written ?1; those of to_sql()
// are $1, which SQLite numbers as they appear, and so in order.)
class Statement {
 public:
  Statement(sqlite3* database, const std::string& sql) : database_(database) {
    if (sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement_, nullptr) != SQLITE_OK) {
      status_ = failure(database, sql.substr(0, 60));
    }
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  const Status& status() const { return status_; }

  // What is bound must live until the next reset().
  void bind(int at, std::string_view text) {
    sqlite3_bind_text64(statement_, at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void bind_or_null(int at, std::string_view text) {
    if (!text.empty()) bind(at, text);
  }
  void bind_blob(int at, std::string_view blob) {
    if (blob.empty()) return;
    sqlite3_bind_blob64(statement_, at, blob.data(), blob.size(), SQLITE_STATIC);
  }
  void bind(int at, std::int64_t number) { sqlite3_bind_int64(statement_, at, number); }
  void bind(int at, const std::optional<WallTime>& when) {
    if (when) bind(at, to_micros(*when));
  }
  void bind(int at, const SqlValue& value) {
    std::visit([this, at](const auto& concrete) { bind(at, concrete); }, value);
  }
  void bind(int at, const std::string& text) { bind(at, std::string_view(text)); }

  // True: there is a row. False: it is done, or status() says what went wrong.
  bool step() {
    if (!status_.ok()) return false;
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) status_ = failure(database_, "step");
    return false;
  }
  // Runs it to its end, and makes it ready for other values.
  Status run() {
    while (step()) {
    }
    Status status = std::exchange(status_, {});
    reset();
    return status;
  }
  void reset() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  // Columns of the row, from 0.
  std::string_view text(int at) const {
    const void* data = sqlite3_column_blob(statement_, at);
    const int size = sqlite3_column_bytes(statement_, at);
    return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
  }
  bool is_text(int at) const { return sqlite3_column_type(statement_, at) == SQLITE_TEXT; }
  std::int64_t number(int at) const { return sqlite3_column_int64(statement_, at); }
  std::optional<WallTime> time(int at) const {
    if (sqlite3_column_type(statement_, at) == SQLITE_NULL) return std::nullopt;
    return from_micros(number(at));
  }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  Status status_;
};

// Runs statements that have no values and no rows.
inline Status execute(sqlite3* database, const char* sql) {
  char* message = nullptr;
  if (sqlite3_exec(database, sql, nullptr, nullptr, &message) == SQLITE_OK) return {};
  sqlite3_free(message);
  return failure(database, std::string(sql).substr(0, 60));
}

// The one number that `sql` asks for.
inline Result<std::int64_t> number(sqlite3* database, const char* sql) {
  Statement statement(database, sql);
  if (statement.step()) return statement.number(0);
  return failure(database, sql);
}

}  // namespace engineroom::store::sqlite
