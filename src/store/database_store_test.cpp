// DatabaseStore over a real SQLite file and a real PostgreSQL server: what was told is there for
// the next process.
#include "store/database_store.h"

#include <filesystem>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "store/postgres_database.h"
#include "store/query.h"
#include "store/selection.h"
#include "store/sqlite_database.h"
#include "store/test_postgres_server.h"

namespace engineroom::store {
namespace {

WallTime at(int seconds) { return WallTime(std::chrono::seconds(seconds)); }

std::string numbered(std::size_t i) { return fmt::format("t{}", i); }

// Where one test's records are.
class Place {
 public:
  virtual ~Place() = default;
  virtual std::unique_ptr<Database> open(Access access) = 0;
};

template <typename Opened>
std::unique_ptr<Database> opened(Result<Opened> database) {
  EXPECT_TRUE(database.ok()) << (database.ok() ? "" : database.status().message());
  return database.take();
}

class SqlitePlace : public Place {
 public:
  SqlitePlace() {
    std::string folder = testing::TempDir() + "engineroom-XXXXXX";
    path_ = std::string(mkdtemp(folder.data())) + "/tasks.db";
  }
  ~SqlitePlace() override {
    std::filesystem::remove_all(std::filesystem::path(path_).parent_path());
  }
  std::unique_ptr<Database> open(Access access) override {
    return opened(SqliteDatabase::open(path_, access));
  }
  const std::string& path() const { return path_; }
  // Buffers in files.
  std::size_t files() const {
    const std::string folder = path_ + "-payloads";
    if (!std::filesystem::exists(folder)) return 0;
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
  }

 private:
  std::string path_;
};

class PostgresPlace : public Place {
 public:
  PostgresPlace() {
    static int count = 0;
    options_ = {TestPostgresServer::shared().url(), fmt::format("test {}", ++count)};
  }
  std::unique_ptr<Database> open(Access access) override {
    return opened(PostgresDatabase::open(options_, access));
  }

 private:
  PostgresOptions options_;
};

enum class Backend { kSqlite, kPostgres };

class DatabaseStoreTest : public testing::TestWithParam<Backend> {
 protected:
  DatabaseStoreTest() {
    if (GetParam() == Backend::kSqlite) {
      place_ = std::make_unique<SqlitePlace>();
    } else {
      place_ = std::make_unique<PostgresPlace>();
    }
    reopen();
  }

  void reopen(DatabaseStoreConfig config = {}) {
    store_.reset();
    auto writer = open(Access::kReadWrite);
    store_ = std::make_unique<DatabaseStore>(std::move(writer), open(Access::kReadOnly), config);
  }
  std::unique_ptr<Database> open(Access access) { return place_->open(access); }

  void request(const std::string& id, const Frames& buffers = {}) {
    const std::string header = "{\"msg_id\": \"" + id + "\"}";
    Request request{.msg_id = id, .client_uuid = "client", .label = "l", .header = header};
    request.metadata = R"({"retries":1})";
    request.content = "{}";
    request.buffers = buffers;
    request.submitted = at(++seconds_);
    EXPECT_TRUE(store_->add_request(request).ok());
  }
  void result(const std::string& id, const std::string& engine, const Frames& buffers = {}) {
    Reply reply{.engine_uuid = engine, .header = "{\"r\":1}", .metadata = "{}"};
    reply.content = R"({"status":"ok"})";
    reply.buffers = buffers;
    reply.started = at(seconds_);
    reply.received = at(++seconds_);
    EXPECT_TRUE(store_->add_result(id, reply).ok());
  }
  Record get(const std::string& id) {
    Result<Record> found = store_->find(id);
    EXPECT_TRUE(found.ok()) << id;
    return found.ok() ? found.take() : Record{};
  }
  std::vector<std::string> matching(const std::string& query) {
    std::vector<std::string> ids;
    EXPECT_TRUE(store_
                    ->select(Query::parse(query).take(),
                             [&ids](const Record& record) {
                               ids.push_back(record.msg_id);
                               return true;
                             })
                    .ok());
    return ids;
  }

  const SqlitePlace& sqlite() const { return static_cast<const SqlitePlace&>(*place_); }

  std::unique_ptr<Place> place_;
  std::unique_ptr<DatabaseStore> store_;
  int seconds_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Databases, DatabaseStoreTest,
                         testing::Values(Backend::kSqlite, Backend::kPostgres),
                         [](const testing::TestParamInfo<Backend>& each) {
                           return each.param == Backend::kSqlite ? "SQLite" : "PostgreSQL";
                         });

using Ids = std::vector<std::string>;

TEST_P(DatabaseStoreTest, FinishedRecordsOutliveTheProcess) {
  request("a", {Bytes("one"), Bytes(""), Bytes(std::string(10'000, 'x'))});
  EXPECT_TRUE(store_->mark_sent("a", "e1").ok());
  EXPECT_TRUE(store_->add_output("a", Output::kStdout, "hello ").ok());
  EXPECT_TRUE(store_->add_output("a", Output::kStdout, "world").ok());
  result("a", "e1", {Bytes("two")});
  const Record before = get("a");
  reopen();
  const Record after = get("a");
  EXPECT_EQ(after.header, before.header);
  EXPECT_EQ(after.client_uuid, "client");
  EXPECT_EQ(after.engine_uuid, "e1");
  EXPECT_EQ(after.label, "l");
  EXPECT_EQ(after.metadata, R"({"retries":1})");
  EXPECT_EQ(after.buffers, before.buffers);
  EXPECT_EQ(after.result_buffers, Frames{Bytes("two")});
  EXPECT_EQ(after.result_content, R"({"status":"ok"})");
  EXPECT_EQ(after.stdout_text, "hello world");
  EXPECT_EQ(after.submitted, at(1));
  EXPECT_EQ(after.started, at(1));
  EXPECT_EQ(after.completed, std::nullopt);
  EXPECT_EQ(after.received, at(2));
  EXPECT_EQ(store_->history(), Ids{"a"});
  EXPECT_TRUE(store_->contains("a"));
}

// Each step is written before the next, so that none of them meets the others in a batch.
TEST_P(DatabaseStoreTest, ChangesToWhatIsWrittenAlreadyAreWrittenToo) {
  request("a");
  store_->flush();
  EXPECT_TRUE(store_->mark_sent("a", "e1").ok());
  store_->flush();
  EXPECT_TRUE(store_->mark_started("a", at(7)).ok());
  EXPECT_TRUE(store_->add_output("a", Output::kStderr, "x").ok());
  store_->flush();
  EXPECT_TRUE(store_->mark_sent("a", "").ok());
  store_->flush();
  reopen();
  EXPECT_EQ(get("a").engine_uuid, "");
  ASSERT_EQ(store_->unfinished().size(), 1u);
  // Memory does not know it now; what is told of it is written all the same.
  EXPECT_TRUE(store_->add_output("a", Output::kStderr, "y").ok());
  EXPECT_TRUE(store_->add_output("a", Output::kError, "{}").ok());
  EXPECT_TRUE(store_->mark_resubmitted("a", "b").ok());
  store_->flush();
  const Record record = get("a");
  EXPECT_EQ(record.started, at(7));
  EXPECT_EQ(record.stderr_text, "xy");
  EXPECT_EQ(record.error, "{}");
  EXPECT_EQ(record.resubmitted, "b");
}

TEST_P(DatabaseStoreTest, ResultsWrittenLaterKeepTheEngineAndTheRequest) {
  request("a", {Bytes("argument")});
  EXPECT_TRUE(store_->mark_sent("a", "e1").ok());
  store_->flush();
  result("a", "", {Bytes("value")});
  reopen();
  EXPECT_EQ(get("a").engine_uuid, "e1");
  EXPECT_EQ(get("a").buffers, Frames{Bytes("argument")});
  EXPECT_EQ(get("a").result_buffers, Frames{Bytes("value")});
  EXPECT_TRUE(store_->unfinished().empty());
}

TEST_P(DatabaseStoreTest, WhatIsPendingIsWrittenWhenItHasBeenSoForAMoment) {
  const auto reader = open(Access::kReadOnly);
  const auto is_written = [&](const char* id) {
    for (int i = 0; i < 3000; ++i) {
      if (reader->find(id).ok()) return true;
      usleep(10'000);
    }
    return false;
  };
  Time now(std::chrono::hours(1));
  store_->on_time(now);
  EXPECT_EQ(store_->next_deadline(), std::nullopt);
  request("a");
  EXPECT_TRUE(store_->mark_sent("a", "e1").ok());
  store_->on_time(now);
  ASSERT_EQ(store_->next_deadline(), now + DatabaseStore::kHold);
  request("b");
  result("b", "e1");
  EXPECT_TRUE(is_written("b"));
  EXPECT_FALSE(reader->find("a").ok());
  now += DatabaseStore::kHold;
  request("c");
  store_->on_time(now);
  EXPECT_TRUE(is_written("a"));
  EXPECT_EQ(reader->find("a").value().engine_uuid, "e1");
  EXPECT_FALSE(reader->find("c").ok());
  // From here on its changes are written.
  EXPECT_TRUE(store_->add_output("a", Output::kStdout, "x").ok());
  result("a", "e1");
  now += DatabaseStore::kHold;
  store_->on_time(now);
  EXPECT_TRUE(is_written("c"));
  EXPECT_EQ(reader->find("a").value().stdout_text, "x");
  store_->on_time(now + DatabaseStore::kHold);
  EXPECT_EQ(store_->next_deadline(), std::nullopt);
}

// Pending for so long that it waits in a batch when its result comes.
TEST_P(DatabaseStoreTest, AResultMeetsItsRequestInABatch) {
  request("a", {Bytes("argument")});
  Time now(std::chrono::hours(1));
  for (int i = 0; i < 2; ++i, now += DatabaseStore::kHold) store_->on_time(now);
  EXPECT_TRUE(store_->mark_sent("a", "e1").ok());
  EXPECT_TRUE(store_->add_output("a", Output::kStderr, "y").ok());
  result("a", "e1", {Bytes("value")});
  reopen();
  const Record record = get("a");
  EXPECT_EQ(record.engine_uuid, "e1");
  EXPECT_EQ(record.stderr_text, "y");
  EXPECT_EQ(record.buffers, Frames{Bytes("argument")});
  EXPECT_EQ(record.result_buffers, Frames{Bytes("value")});
  EXPECT_EQ(record.label, "l");
}

// Of as many as memory holds, some must be forgotten in between.
TEST_P(DatabaseStoreTest, PendingOnesAreWrittenBetweenFinishedOnes) {
  DatabaseStoreConfig config;
  config.memory.max_records = 10;
  reopen(config);
  Time now(std::chrono::hours(1));
  Ids pending;
  for (std::size_t i = 0; i < 1000; ++i) {
    request(numbered(i));
    if (i % 3 == 0) {
      pending.push_back(numbered(i));
    } else {
      result(numbered(i), "e");
    }
    if (i % 100 == 0) store_->on_time(now += DatabaseStore::kHold);
  }
  EXPECT_EQ(store_->history().size(), 1000u);
  EXPECT_EQ(matching(R"({"received":null})"), pending);
}

TEST_P(DatabaseStoreTest, QueriesSeeWhatIsNotWrittenYet) {
  for (const char* id : {"a", "b", "c"}) request(id);
  result("b", "e1");
  EXPECT_EQ(matching(R"({})"), (Ids{"a", "b", "c"}));
  EXPECT_EQ(matching(R"({"received":null})"), (Ids{"a", "c"}));
  EXPECT_EQ(matching(R"({"received":{"$ne":null}})"), Ids{"b"});
  EXPECT_EQ(matching(R"({"engine_uuid":{"$in":["e1",null]},"msg_id":{"$gt":"a"}})"),
            (Ids{"b", "c"}));
  EXPECT_EQ(matching(R"({"submitted":{"$gte":"1970-01-01T00:00:02Z"}})"), (Ids{"b", "c"}));
  EXPECT_EQ(matching(R"({"submitted":{"$in":["1970-01-01T00:00:02Z"]}})"), Ids{"b"});
  EXPECT_EQ(matching(R"({"msg_id":{"$glob":"[ac]"},"metadata.retries":1})"), (Ids{"a", "c"}));
  EXPECT_EQ(matching(R"({"msg_id":7})"), Ids{});
  EXPECT_EQ(matching(R"({"msg_id":{"$nin":["a"]},"label":"l"})"), (Ids{"b", "c"}));
}

// What is found after each step.
std::vector<Ids> in_steps(const Store& store, const char* text) {
  const Query query = Query::parse(text).take();
  Selection selection(query);
  std::vector<Ids> steps;
  Ids ids;
  while (!selection.is_done() && steps.size() < 1000) {
    EXPECT_TRUE(selection
                    .step(store,
                          [&ids](const Record& record) {
                            ids.push_back(record.msg_id);
                            return true;
                          })
                    .ok());
    steps.push_back(ids);
  }
  return steps;
}

std::vector<std::size_t> sizes(const std::vector<Ids>& steps) {
  std::vector<std::size_t> sizes;
  for (const Ids& ids : steps) sizes.push_back(ids.size());
  return sizes;
}

TEST_P(DatabaseStoreTest, AQueryInStepsFindsTheSame) {
  Ids all;
  Ids finished;
  for (std::size_t i = 0; i < 1200; ++i) {
    request(numbered(i));
    all.push_back(numbered(i));
    if (i % 4 != 0) continue;
    result(numbered(i), "e");
    finished.push_back(numbered(i));
  }
  const auto found = [&](const char* text, const Ids& expected) {
    const std::vector<Ids> steps = in_steps(*store_, text);
    EXPECT_EQ(steps.back(), expected) << text;
    return sizes(steps);
  };
  EXPECT_EQ(found("{}", all), (std::vector<std::size_t>{500, 1000, 1200}));
  // A step is about the same number of records, however few of them match.
  EXPECT_EQ(found(R"({"received":{"$ne":null}})", finished),
            (std::vector<std::size_t>{125, 250, 300}));
  EXPECT_EQ(found(R"({"submitted":{"$lt":"1970-01-01T00:00:03Z"}})", {"t0"}).back(), 1u);
  EXPECT_EQ(found(R"({"msg_id":{"$in":["t1100","t7"]}})", {"t7", "t1100"}),
            std::vector<std::size_t>{2});
  EXPECT_EQ(found(R"({"msg_id":{"$in":[]}})", {}), std::vector<std::size_t>{0});
  EXPECT_EQ(store_->history(), all);
}

TEST_P(DatabaseStoreTest, AnEmptyStoreIsReadInOneStep) {
  EXPECT_EQ(sizes(in_steps(*store_, "{}")), std::vector<std::size_t>{0});
  EXPECT_EQ(store_->history(), Ids{});
}

// Some of them are in memory, some not any more, some never were there.
TEST_P(DatabaseStoreTest, ManyIdsAreReadInStepsInOrderOfSubmission) {
  DatabaseStoreConfig config;
  config.memory.max_records = 300;
  reopen(config);
  JsonWriter asked;
  asked.begin_object().key("msg_id").begin_object().key("$in").begin_array();
  Ids all;
  for (std::size_t i = 0; i < 1300; ++i) {
    asked.value(numbered(i)).value("never" + numbered(i));
    request(numbered(i));
    if (i % 10 != 0) result(numbered(i), "e");
    all.push_back(numbered(i));
  }
  asked.end_array().end_object().end_object();
  const std::vector<Ids> steps = in_steps(*store_, asked.str().c_str());
  EXPECT_EQ(steps.back(), all);
  // Their times in two steps, then they.
  EXPECT_EQ(sizes(steps), (std::vector<std::size_t>{0, 0, 500, 1000, 1300}));
}

TEST_P(DatabaseStoreTest, WhatAQueryFoundIsWritten) {
  request("a");
  result("a", "e");
  EXPECT_EQ(matching(R"({"msg_id":"a"})"), Ids{"a"});
  EXPECT_TRUE(open(Access::kReadOnly)->find("a").ok());
}

TEST_P(DatabaseStoreTest, AQueryIsAboutWhatThereWasWhenItBegan) {
  for (std::size_t i = 0; i < 1200; ++i) {
    request(numbered(i));
    result(numbered(i), "e");
  }
  const Query query;
  Selection selection(query);
  Ids ids;
  int steps = 0;
  for (; !selection.is_done() && steps < 10; ++steps) {
    EXPECT_TRUE(selection
                    .step(*store_,
                          [&ids](const Record& record) {
                            ids.push_back(record.msg_id);
                            return true;
                          })
                    .ok());
    // As many as a step reads; and some of the old ones go.
    for (std::size_t i = 0; i < 600; ++i) request(fmt::format("new{}of{}", i, steps));
    EXPECT_TRUE(store_->purge(Ids{numbered(3), numbered(1100)}).ok());
    store_->flush();
  }
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(ids.size(), 1199u);
  EXPECT_EQ(ids.front(), "t0");
  EXPECT_EQ(ids.back(), "t1199");
}

TEST_P(DatabaseStoreTest, AStepReadsSoManyBytes) {
  const Bytes large(std::string(kBytesPerStep / 4, 'x'));
  for (std::size_t i = 0; i < 10; ++i) {
    request(numbered(i), {large});
    result(numbered(i), "e");
  }
  for (const char* query : {"{}", R"({"msg_id":{"$in":["t0","t1","t2","t3","t4","t5","t6","t7",)"
                                  R"("t8","t9"]}})"}) {
    EXPECT_EQ(sizes(in_steps(*store_, query)), (std::vector<std::size_t>{4, 8, 10})) << query;
  }
  // What does not match is read all the same.
  EXPECT_EQ(sizes(in_steps(*store_, R"({"metadata.retries":2})")),
            (std::vector<std::size_t>{0, 0, 0}));
}

TEST_P(DatabaseStoreTest, PurgesReachTheDatabaseInTheirPlace) {
  for (const char* id : {"a", "b", "c", "d"}) request(id);
  for (const char* id : {"a", "b", "c"}) result(id, id == std::string("c") ? "e2" : "e1");
  EXPECT_EQ(store_->purge(Ids{"d"}).code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(store_->purge(Ids{"a", "never"}).ok());
  EXPECT_EQ(store_->history(), (Ids{"b", "c", "d"}));
  store_->purge_engine("e2");
  EXPECT_EQ(store_->history(), (Ids{"b", "d"}));
  // What finishes after a purge was asked for is not purged.
  store_->purge_all();
  result("d", "e1");
  EXPECT_EQ(store_->history(), Ids{"d"});
}

TEST_P(DatabaseStoreTest, WhatMemoryForgetsTheDatabaseStillHas) {
  DatabaseStoreConfig config;
  config.memory.max_records = 10;
  reopen(config);
  for (std::size_t i = 0; i < 100; ++i) {
    request(numbered(i), {Bytes("b")});
    result(numbered(i), "e");
  }
  EXPECT_EQ(get("t0").buffers, Frames{Bytes("b")});
  EXPECT_EQ(store_->history().size(), 100u);
}

TEST_P(DatabaseStoreTest, TheOldestGoWhenThereAreTooMany) {
  DatabaseStoreConfig config;
  config.max_records = 100;
  reopen(config);
  request("pending");
  for (std::size_t i = 0; i < 300; ++i) {
    request(numbered(i));
    result(numbered(i), "e");
  }
  const Ids left = store_->history();
  EXPECT_LE(left.size(), 102u);
  EXPECT_EQ(left.front(), "pending");
  EXPECT_EQ(left.back(), "t299");
}

TEST_P(DatabaseStoreTest, LargeBuffersStayInMemory) {
  DatabaseStoreConfig config;
  config.max_payload_bytes = 1000;
  reopen(config);
  request("a", {Bytes(std::string(1001, 'x'))});
  result("a", "e", {Bytes("small")});
  EXPECT_EQ(get("a").buffers.size(), 1u);
  reopen();
  EXPECT_TRUE(get("a").payload_dropped);
  EXPECT_TRUE(get("a").buffers.empty());
}

// The last value that SQLite itself gives.
std::string ask(const SqlitePlace& place, const char* sql) {
  sqlite3* raw = nullptr;
  EXPECT_EQ(sqlite3_open(place.path().c_str(), &raw), SQLITE_OK);
  std::string answer;
  const auto note = [](void* out, int, char** values, char**) {
    *static_cast<std::string*>(out) = values[0];
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(raw, sql, note, &answer, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
  sqlite3_close(raw);
  return answer;
}

TEST_P(DatabaseStoreTest, AProcessKilledInTheMiddleLeavesAWholeDatabase) {
  store_.reset();
  const pid_t child = fork();
  if (child == 0) {
    reopen();
    for (std::size_t i = 0;; ++i) {
      request(numbered(i), {Bytes(std::string(500, 'x'))});
      result(numbered(i), "e");
    }
  }
  // Until the child has written some, at the latest after 30 s.
  const auto reader = open(Access::kReadOnly);
  for (int i = 0; i < 3000; ++i) {
    if (const auto count = reader->count(); count.ok() && count.value() > 300) break;
    usleep(10'000);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  reopen();
  const Ids ids = store_->history();
  EXPECT_GT(ids.size(), 100u);
  // In order, none left out.
  for (std::size_t i = 0; i < ids.size(); ++i) ASSERT_EQ(ids[i], numbered(i));
  if (GetParam() == Backend::kSqlite) {
    EXPECT_EQ(ask(sqlite(), "PRAGMA integrity_check"), "ok");
  }
}

TEST_P(DatabaseStoreTest, LargeBuffersComeBackAndGoWithTheirRecords) {
  const Bytes large(std::string(100'000, 'q'));
  const Bytes larger(std::string(500'000, 'r'));
  request("a", {large});
  result("a", "e", {larger, large});
  request("b", {large});
  EXPECT_EQ(get("a").buffers, Frames{large});
  EXPECT_EQ(get("a").result_buffers, (Frames{larger, large}));
  EXPECT_EQ(get("b").buffers, Frames{large});
  EXPECT_TRUE(get("b").result_buffers.empty());
  // Once written, too; and a result that comes later.
  store_->flush();
  result("b", "e", {larger});
  reopen();
  EXPECT_EQ(get("a").result_buffers, (Frames{larger, large}));
  EXPECT_EQ(get("b").buffers, Frames{large});
  EXPECT_EQ(get("b").result_buffers, Frames{larger});
  if (GetParam() == Backend::kSqlite) {
    EXPECT_EQ(sqlite().files(), 2U);
  }
  // A request in the place of another one has nothing of it.
  request("a");
  reopen();
  EXPECT_TRUE(get("a").buffers.empty());
  EXPECT_TRUE(get("a").result_buffers.empty());
  store_->purge_all();
  reopen();
  if (GetParam() == Backend::kSqlite) {
    EXPECT_EQ(ask(sqlite(), "SELECT count(*) FROM payloads"), "0");
    EXPECT_EQ(sqlite().files(), 0U);
  }
}

TEST_P(DatabaseStoreTest, BuffersThatNobodyAsksForAreNotRead) {
  request("a", {Bytes(std::string(500'000, 'q'))});
  result("a", "e", {Bytes(std::string("r"))});
  Query query;
  const auto find = [&] {
    std::vector<Record> found;
    const auto add = [&found](const Record& record) {
      found.push_back(record);
      return true;
    };
    EXPECT_TRUE(store_->select(query, add).ok());
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? Record() : found[0];
  };
  EXPECT_EQ(find().buffers.size(), 1U);
  query.leave_out_buffers();
  const Record record = find();
  EXPECT_EQ(record.msg_id, "a");
  EXPECT_EQ(record.result_content, R"({"status":"ok"})");
  EXPECT_TRUE(record.buffers.empty());
  EXPECT_TRUE(record.result_buffers.empty());
  EXPECT_FALSE(record.payload_dropped);
}

// As the first and the second version of the file were.
TEST(SqliteDatabaseTest, OlderFilesAreBroughtUpToDate) {
  SqlitePlace first;
  first.open(Access::kReadWrite);
  ask(first, R"(DROP TABLE gone; DROP TRIGGER payloads_go; DROP TABLE payloads;
    ALTER TABLE tasks DROP COLUMN large; PRAGMA user_version = 1;
    INSERT INTO tasks (msg_id, submitted) VALUES ('old', 1))");
  Result<Record> record = first.open(Access::kReadWrite)->find("old");
  ASSERT_TRUE(record.ok()) << record.status().message();
  EXPECT_EQ(record.value().msg_id, "old");

  SqlitePlace second;
  second.open(Access::kReadWrite);
  ask(second, R"(DROP TABLE gone; DROP TRIGGER payloads_gone; DROP INDEX payloads_by_size;
    DROP INDEX payloads_by_file; ALTER TABLE payloads DROP COLUMN file;
    ALTER TABLE payloads DROP COLUMN bytes; PRAGMA user_version = 2;
    INSERT INTO tasks (msg_id, submitted, large) VALUES ('old', 1, 2);
    INSERT INTO payloads VALUES ('old', 2, x'0100000000000000010000000000000078'))");
  record = second.open(Access::kReadWrite)->find("old");
  ASSERT_TRUE(record.ok()) << record.status().message();
  EXPECT_EQ(record.value().result_buffers, Frames{Bytes(std::string("x"))});
  EXPECT_EQ(ask(second, "SELECT bytes FROM payloads"), "17");
}

// ---- how much large buffers take together ----

class PayloadLimitTest : public testing::Test {
 protected:
  // Records of finished tasks with 300,000 bytes each.
  void write(Database& database, std::size_t first, std::size_t last, bool are_finished = true) {
    ChangeBatch batch;
    for (std::size_t i = first; i <= last; ++i) {
      Record record;
      record.msg_id = numbered(i);
      record.submitted = at(static_cast<int>(i));
      record.buffers = {Bytes(std::string(300'000, 'x'))};
      if (are_finished) record.received = at(static_cast<int>(i) + 1);
      batch.insert(std::move(record));
    }
    const Status status = database.write(batch, false);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  std::unique_ptr<Database> open() {
    return opened(SqliteDatabase::open(place_.path(), Access::kReadWrite, 1'000'000));
  }
  static bool is_dropped(Database& database, std::size_t i) {
    const Record record = database.find(numbered(i)).take();
    EXPECT_EQ(record.payload_dropped, record.buffers.empty());
    return record.payload_dropped;
  }

  SqlitePlace place_;
};

TEST_F(PayloadLimitTest, TheOldestGo) {
  auto database = open();
  write(*database, 1, 3);
  EXPECT_EQ(place_.files(), 3U);
  write(*database, 4, 4);
  EXPECT_EQ(place_.files(), 3U);
  EXPECT_TRUE(is_dropped(*database, 1));
  EXPECT_FALSE(is_dropped(*database, 2));
  // What an earlier process wrote counts.
  database.reset();
  database = open();
  write(*database, 5, 6);
  EXPECT_EQ(place_.files(), 3U);
  EXPECT_TRUE(is_dropped(*database, 3));
  EXPECT_FALSE(is_dropped(*database, 4));
  // What was purged does not.
  ASSERT_TRUE(database->erase_finished().ok());
  EXPECT_EQ(place_.files(), 0U);
  write(*database, 7, 9);
  EXPECT_FALSE(is_dropped(*database, 7));
}

TEST_F(PayloadLimitTest, PendingRecordsKeepTheirs) {
  auto database = open();
  write(*database, 1, 4, false);
  write(*database, 5, 5);
  EXPECT_FALSE(is_dropped(*database, 1));
  EXPECT_TRUE(is_dropped(*database, 5));
}

TEST_F(PayloadLimitTest, WhatIsNotCommittedLeavesNoFiles) {
  auto database = open();
  write(*database, 1, 1);
  ask(place_, "ALTER TABLE payloads RENAME TO elsewhere");
  ChangeBatch batch;
  Record record;
  record.msg_id = "a";
  record.result_buffers = {Bytes(std::string(300'000, 'x'))};
  batch.insert(std::move(record));
  EXPECT_FALSE(database->write(batch, false).ok());
  EXPECT_EQ(place_.files(), 1U);
}

TEST_F(PayloadLimitTest, AFileThatIsMissingIsADroppedPayload) {
  auto database = open();
  write(*database, 1, 1);
  std::filesystem::remove_all(place_.path() + "-payloads");
  EXPECT_TRUE(is_dropped(*database, 1));
}

TEST(SqliteDatabaseTest, TheFileIsItsOwnersAndOtherFilesAreRefused) {
  SqlitePlace place;
  place.open(Access::kReadWrite);
  struct stat info{};
  ASSERT_EQ(::stat(place.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const std::string other = place.path() + "-other";
  FILE* file = fopen(other.c_str(), "w");
  fputs("this is some text, and longer than the header of a database would be: ............", file);
  fputs(std::string(1000, '.').c_str(), file);
  fclose(file);
  const auto opened = SqliteDatabase::open(other);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(opened.status().message().find("move it away"), std::string::npos);
}

}  // namespace
}  // namespace engineroom::store
