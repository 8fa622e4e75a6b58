// store/test_postgres_server.h — a PostgreSQL server for tests, in a temporary folder, which ends
// with this process: tests/postgres_server.py, as a child.
#pragma once

#include <cstdio>
#include <string>

#include <sys/types.h>

namespace engineroom::store {

class TestPostgresServer {
 public:
  // Started when first asked for.
  static TestPostgresServer& shared();
  ~TestPostgresServer();
  TestPostgresServer(const TestPostgresServer&) = delete;
  TestPostgresServer& operator=(const TestPostgresServer&) = delete;

  const std::string& url() const { return url_; }
  // The folder of its socket.
  std::string folder() const { return url_.substr(url_.find("host=") + 5); }
  // As if its machine failed.
  void stop() { order("stop"); }
  void start() { order("start"); }

 private:
  TestPostgresServer();
  void order(const char* word);
  std::string read_line();

  pid_t pid_ = -1;
  std::FILE* orders_ = nullptr;
  std::FILE* answers_ = nullptr;
  std::string url_;
};

}  // namespace engineroom::store
