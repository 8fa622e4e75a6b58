// What only a server can do: refuse, go away, come back, lose an answer.
#include "store/postgres_database.h"

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <thread>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <pqxx/pqxx>

#include "base/unique_fd.h"
#include "store/database_store.h"
#include "store/postgres_connection.h"
#include "store/query.h"
#include "store/test_postgres_server.h"

namespace engineroom::store {
namespace {

using namespace std::string_literals;

TestPostgresServer& server() { return TestPostgresServer::shared(); }

PostgresOptions schema(const std::string& name) { return {server().url(), name}; }

std::unique_ptr<PostgresDatabase> open(const PostgresOptions& options,
                                       Access access = Access::kReadWrite) {
  auto database = PostgresDatabase::open(options, access);
  EXPECT_TRUE(database.ok()) << (database.ok() ? "" : database.status().message());
  return database.take();
}

Record record(const std::string& id) {
  Record record;
  record.msg_id = id;
  record.header = "{}";
  record.submitted = WallTime(std::chrono::seconds(1));
  return record;
}

ChangeBatch insertion(const std::string& id) {
  ChangeBatch batch;
  batch.insert(record(id));
  return batch;
}

void execute(const std::string& sql) {
  pqxx::connection connection(server().url());
  pqxx::work work(connection);
  work.exec(sql);
  work.commit();
}

// Stands before the server; once armed, it lets one COMMIT through and cuts the line before the
// answer.
class AnswerEater {
 public:
  AnswerEater() {
    std::string folder = testing::TempDir() + "engineroom-XXXXXX";
    folder_ = mkdtemp(folder.data());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = address_in(folder_);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 5), 0);
    thread_ = std::thread([this] {
      while (true) {
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) return;
        serve(client);
        ::close(client);
      }
    });
  }
  ~AnswerEater() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    std::filesystem::remove_all(folder_);
  }
  AnswerEater(const AnswerEater&) = delete;
  AnswerEater& operator=(const AnswerEater&) = delete;

  std::string url() const { return "postgresql://engineroom@/records?host=" + folder_; }
  void arm() { is_armed_ = true; }

 private:
  static sockaddr_un address_in(const std::string& folder) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    fmt::format_to_n(address.sun_path, sizeof address.sun_path - 1, "{}/.s.PGSQL.5432", folder);
    return address;
  }

  // One connection, until either side ends it.
  void serve(int client) {
    const UniqueFd server_side(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = address_in(server().folder());
    if (::connect(server_side.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0) {
      return;
    }
    bool eats = false;
    std::array<pollfd, 2> ends = {{{client, POLLIN, 0}, {server_side.get(), POLLIN, 0}}};
    while (::poll(ends.data(), ends.size(), 10'000) > 0) {
      for (std::size_t from = 0; from < 2; ++from) {
        if (ends[from].revents == 0) continue;
        std::array<char, 65536> bytes{};
        const ssize_t size = ::read(ends[from].fd, bytes.data(), bytes.size());
        if (size <= 0) return;
        const std::string_view text(bytes.data(), static_cast<std::size_t>(size));
        if (from == 1 && eats) return;
        if (from == 0 && text.find("COMMIT") != text.npos) eats = is_armed_.exchange(false);
        EXPECT_EQ(::write(ends[1 - from].fd, text.data(), text.size()), size);
      }
    }
  }

  std::string folder_;
  int listener_ = -1;
  std::atomic<bool> is_armed_ = false;
  std::thread thread_;
};

std::vector<std::string> ids_in(Database& database) {
  std::vector<std::string> ids;
  for (Listed& each : database.list(Query(), {}).take()) ids.push_back(std::move(each.msg_id));
  return ids;
}

TEST(PostgresDatabaseTest, ACommitWhoseAnswerIsLostIsNotDoneTwice) {
  AnswerEater eater;
  const auto database = open({eater.url(), "in doubt"});
  ASSERT_TRUE(database->write(insertion("a"), false).ok());
  ChangeBatch batch;
  Change& change = batch.change("a");
  change.adds_output = true;
  change.course().stdout_text = "once";
  eater.arm();
  EXPECT_EQ(database->write(batch, false).code(), ErrorCode::kUnavailable);
  // It took place all the same.
  EXPECT_EQ(open({server().url(), "in doubt"}, Access::kReadOnly)->find("a").take().stdout_text,
            "once");
  EXPECT_TRUE(database->write(batch, true).ok());
  EXPECT_EQ(database->find("a").take().stdout_text, "once");
  // Another batch is written, whatever became of that one.
  eater.arm();
  EXPECT_FALSE(database->write(batch, false).ok());
  EXPECT_TRUE(database->write(batch, false).ok());
  EXPECT_EQ(database->find("a").take().stdout_text, "onceonceonce");
}

TEST(PostgresDatabaseTest, BytesThatAreNoTextAreKept) {
  const auto database = open(schema("bytes"));
  Record strange = record("i\xff\0d"s);
  strange.label = "\"{}\\,NULL'; DROP TABLE tasks; --";
  strange.client_uuid = "\xed\xa0\x80";
  strange.content = "{\"a\": \"\0\"}"s;
  strange.stdout_text = "a\0b\xfe\xf4\x8f\xbf\xbf"s;
  strange.buffers = {Bytes("\0\xff\\"s), Bytes("")};
  ChangeBatch batch;
  batch.insert(strange);
  Change& output = batch.change("other");
  output.adds_output = true;
  ASSERT_TRUE(database->write(batch, false).ok());
  ChangeBatch more;
  Change& addition = more.change(strange.msg_id);
  addition.adds_output = true;
  addition.course().stdout_text = "\0c"s;
  ASSERT_TRUE(database->write(more, false).ok());
  const auto found = database->find(strange.msg_id);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().msg_id, strange.msg_id);
  EXPECT_EQ(found.value().label, strange.label);
  EXPECT_EQ(found.value().client_uuid, strange.client_uuid);
  EXPECT_EQ(found.value().content, strange.content);
  EXPECT_EQ(found.value().stdout_text, strange.stdout_text + "\0c"s);
  EXPECT_EQ(found.value().buffers, strange.buffers);
  EXPECT_EQ(ids_in(*database), std::vector<std::string>{strange.msg_id});
  EXPECT_TRUE(database->find(strange.msg_id).ok());
  int count = 0;
  const Query query = Query::parse(R"({"label":"\"{}\\,NULL'; DROP TABLE tasks; --"})").take();
  EXPECT_TRUE(database->select(query, {}, [&](const Record&) { return ++count > 0; }).ok());
  EXPECT_EQ(count, 1);
}

TEST(PostgresDatabaseTest, WhatTheServerRefusesDoesNotTakeTheOthersAlong) {
  const auto database = open(schema("refusal"));
  // Too long for an index.
  std::string id;
  for (int i = 0; i < 3000; ++i) id += fmt::format("{:x}", i * 7919);
  ChangeBatch batch = insertion("a");
  batch.insert(record(id));
  batch.insert(record("b"));
  EXPECT_TRUE(database->write(batch, false).ok());
  EXPECT_EQ(ids_in(*database), (std::vector<std::string>{"a", "b"}));
}

TEST(PostgresDatabaseTest, OneControllerPerSchema) {
  auto first = open(schema("its own"));
  const auto second = PostgresDatabase::open(schema("its own"), Access::kReadWrite);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find("another controller"), std::string::npos)
      << second.status().message();
  const auto other = open(schema("another"));
  ASSERT_TRUE(first->write(insertion("a"), false).ok());
  EXPECT_EQ(other->count().take(), 0u);
  EXPECT_EQ(open(schema("its own"), Access::kReadOnly)->count().take(), 1u);
  first.reset();
  EXPECT_EQ(open(schema("its own"))->count().take(), 1u);
}

TEST(PostgresDatabaseTest, OthersTablesAreLeftAlone) {
  execute("CREATE SCHEMA taken; CREATE TABLE taken.tasks (msg_id text)");
  const auto opened = PostgresDatabase::open(schema("taken"), Access::kReadWrite);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(opened.status().message().find("another program"), std::string::npos);
}

TEST(PostgresDatabaseTest, ASchemaMadeForUsIsUsed) {
  execute("CREATE SCHEMA \"it's \"\"ours\"\"\"");
  EXPECT_EQ(open(schema("it's \"ours\""))->count().take(), 0u);
}

TEST(PostgresDatabaseTest, AReaderCannotWrite) {
  open(schema("read only"));
  const auto reader = open(schema("read only"), Access::kReadOnly);
  EXPECT_FALSE(reader->write(insertion("a"), false).ok());
}

TEST(PostgresDatabaseTest, AddressesAreChecked) {
  const auto code = [](const std::string& url) {
    const auto opened = PostgresDatabase::open({url, "x"}, Access::kReadWrite);
    return opened.ok() ? ErrorCode::kOk : opened.status().code();
  };
  EXPECT_EQ(code("no address"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code("postgresql:///x?nonsense=1"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code("host=/nowhere"), ErrorCode::kUnavailable);
  EXPECT_EQ(PostgresDatabase::open({server().url(), std::string(64, 's')}, Access::kReadWrite)
                .status()
                .code(),
            ErrorCode::kInvalidArgument);
  const std::string words =
      connection_words("host='a b' password='it\\'s' connect_timeout=9").take();
  EXPECT_NE(words.find("host='a b'"), std::string::npos);
  EXPECT_NE(words.find("password='it\\'s'"), std::string::npos);
  EXPECT_NE(words.find("connect_timeout='9'"), std::string::npos);
  EXPECT_EQ(words.find("connect_timeout='5'"), std::string::npos);
}

TEST(PostgresDatabaseTest, RecordsSurviveARestartOfTheServer) {
  const PostgresOptions options = schema("restart");
  auto writer = open(options);
  DatabaseStore store(std::move(writer), open(options, Access::kReadOnly));
  const auto submit = [&store](const std::string& id) {
    Request request{.msg_id = id, .header = "{}"};
    EXPECT_TRUE(store.add_request(request).ok());
  };
  submit("before");
  store.flush();
  server().stop();
  submit("meanwhile");
  // It is known, though not from the database, and nobody waits for it.
  EXPECT_TRUE(store.contains("meanwhile"));
  EXPECT_FALSE(store.contains("never"));
  server().start();
  std::vector<std::string> ids;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (ids.size() < 2 && std::chrono::steady_clock::now() < deadline) {
    ids = store.history();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"before", "meanwhile"}));
}

// A server that was restarted while nothing was asked is no error at all.
TEST(PostgresDatabaseTest, AConnectionThatBrokeWhileIdleIsMadeAgain) {
  const auto reader = [] {
    open(schema("idle"));
    return open(schema("idle"), Access::kReadOnly);
  }();
  EXPECT_EQ(reader->count().take(), 0u);
  server().stop();
  server().start();
  EXPECT_EQ(reader->count().take(), 0u);
}

}  // namespace
}  // namespace engineroom::store
