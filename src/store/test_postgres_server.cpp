#include "store/test_postgres_server.h"

#include <array>
#include <cstdlib>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace engineroom::store {

TestPostgresServer& TestPostgresServer::shared() {
  static TestPostgresServer server;
  return server;
}

TestPostgresServer::TestPostgresServer() {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  // Ours are not for children that a test forks: the server would outlive us with them.
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) std::abort();
  pid_ = fork();
  if (pid_ == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    execlp("python3", "python3", POSTGRES_SERVER, nullptr);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  orders_ = fdopen(in[1], "w");
  answers_ = fdopen(out[0], "r");
  url_ = read_line();
  EXPECT_TRUE(url_.starts_with("postgresql:")) << "no PostgreSQL server could be started";
}

TestPostgresServer::~TestPostgresServer() {
  std::fclose(orders_);
  std::fclose(answers_);
  waitpid(pid_, nullptr, 0);
}

void TestPostgresServer::order(const char* word) {
  std::fprintf(orders_, "%s\n", word);
  std::fflush(orders_);
  EXPECT_EQ(read_line(), "ok") << word;
}

std::string TestPostgresServer::read_line() {
  std::array<char, 500> line{};
  if (std::fgets(line.data(), line.size(), answers_) == nullptr) return "";
  std::string text = line.data();
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace engineroom::store
