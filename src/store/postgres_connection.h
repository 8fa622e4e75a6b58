// store/postgres_connection.h — a connection to the PostgreSQL server that holds our table, made
// again when it broke.
//
// Records are in table "tasks" of a schema of their own, one per cluster; the table's comment says
// whose it is and which columns it has. The one who writes holds an advisory lock on it as long as
// it is connected: two controllers that ended each other's tasks would be worse than one that does
// not start.
//
// The only file, with postgres_database.cpp, that knows libpqxx: its exceptions end here.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <pqxx/pqxx>

#include "base/status.h"
#include "store/postgres_database.h"

namespace engineroom::store {

class PostgresConnection {
 public:
  // A server that was not there is not asked again for so long: whoever waits for it is the
  // controller's loop.
  static constexpr std::chrono::seconds kRetryEvery{1};

  PostgresConnection(PostgresOptions options, Access access)
      : options_(std::move(options)), access_(access) {}

  // Connects if need be, with the table there and every statement prepared.
  Status open();
  // Calls `work(pqxx::connection&)`, turning what it throws into a Status. kUnavailable: the server
  // is not there, or is about to go, or has no room.
  template <typename Work>
  Status run(Work work) {
    if (Status status = open(); !status.ok()) return status;
    try {
      work(*connection_);
      return {};
    } catch (const std::exception& error) {
      return failure(error);
    }
  }
  bool is_open() const { return connection_ != nullptr; }
  // For statements that are to be prepared on every new connection.
  void set_prepare(void (*prepare)(pqxx::connection&)) { prepare_ = prepare; }

  // "PostgreSQL, database records at /run/postgresql, schema engineroom"
  const std::string& name() const { return name_; }

 private:
  Status connect();
  void set_up_session();
  void make_table();
  void check_table();
  void take_lock();
  Status failure(const std::exception& error);

  PostgresOptions options_;
  Access access_;
  void (*prepare_)(pqxx::connection&) = nullptr;
  std::unique_ptr<pqxx::connection> connection_;
  std::chrono::steady_clock::time_point not_before_;  // no next try before
  std::string name_ = "PostgreSQL";
};

// What the server says ends its lines as for a terminal.
std::string one_line(std::string text);

// What may be different the next time: the connection, a deadlock, the disk, a shutdown …
bool may_pass(const pqxx::sql_error& error);

// What libpq is given for `url`, a URL or words "host=… dbname=…" or nothing: with our time limits
// and character set. kInvalidArgument, without repeating what may hold a password.
Result<std::string> connection_words(const std::string& url);

}  // namespace engineroom::store
