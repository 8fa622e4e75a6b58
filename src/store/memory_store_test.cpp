#include "store/memory_store.h"

#include <deque>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "store/query.h"

namespace engineroom::store {
namespace {

WallTime at(int seconds) { return WallTime(std::chrono::seconds(seconds)); }

// A store driven with short calls; checked after each that changes something.
class MemoryStoreTest : public testing::Test {
 protected:
  explicit MemoryStoreTest(MemoryStoreConfig config = {}) : store_(config) {}

  void request(const std::string& id, QueueKind queue = QueueKind::kTask,
               const Frames& buffers = {}) {
    const std::string header = "{\"msg_id\": \"" + id + "\"}";
    Request request{.msg_id = id, .client_uuid = "client", .queue = queue, .header = header};
    request.metadata = "{}";
    request.content = "{}";
    request.buffers = buffers;
    request.submitted = at(++seconds_);
    EXPECT_TRUE(store_.add_request(request).ok());
    store_.sanity_check();
  }

  void result(const std::string& id, const std::string& engine = "", const Frames& buffers = {}) {
    Reply reply{.engine_uuid = engine, .header = "{\"r\": 1}", .metadata = "{}"};
    reply.content = R"({"status": "ok"})";
    reply.buffers = buffers;
    reply.received = at(++seconds_);
    EXPECT_TRUE(store_.add_result(id, reply).ok());
    store_.sanity_check();
  }

  void finished(const std::string& id, const std::string& engine = "e",
                const Frames& buffers = {}) {
    request(id);
    result(id, engine, buffers);
  }

  Record get(const std::string& id) {
    Result<Record> found = store_.find(id);
    EXPECT_TRUE(found.ok()) << id;
    return found.ok() ? found.take() : Record{};
  }

  ErrorCode error(const std::string& id) {
    const Result<Record> found = store_.find(id);
    return found.ok() ? ErrorCode::kOk : found.status().code();
  }

  MemoryStore store_;
  int seconds_ = 0;
};

TEST_F(MemoryStoreTest, a_request_is_pending_until_its_result) {
  request("a");
  EXPECT_TRUE(store_.is_pending("a"));
  EXPECT_FALSE(get("a").is_finished());
  result("a", "e");
  EXPECT_FALSE(store_.is_pending("a"));
  EXPECT_TRUE(store_.contains("a"));
  const Record record = get("a");
  EXPECT_TRUE(record.is_finished());
  EXPECT_EQ(record.engine_uuid, "e");
  EXPECT_EQ(record.result_content, R"({"status": "ok"})");
  EXPECT_EQ(record.submitted, at(1));
  EXPECT_EQ(record.received, at(2));
  EXPECT_EQ(record.started, std::nullopt);
}

TEST_F(MemoryStoreTest, unknown_ids_are_not_found) {
  EXPECT_EQ(error("x"), ErrorCode::kNotFound);
  EXPECT_EQ(store_.add_result("x", {}).code(), ErrorCode::kNotFound);
  EXPECT_EQ(store_.mark_sent("x", "e").code(), ErrorCode::kNotFound);
  EXPECT_EQ(store_.mark_started("x", {}).code(), ErrorCode::kNotFound);
  EXPECT_EQ(store_.add_output("x", Output::kStdout, "").code(), ErrorCode::kNotFound);
  EXPECT_EQ(store_.mark_resubmitted("x", "y").code(), ErrorCode::kNotFound);
}

TEST_F(MemoryStoreTest, a_pending_id_cannot_be_used_again_but_a_finished_one_can) {
  request("a");
  EXPECT_EQ(store_.add_request({.msg_id = "a"}).code(), ErrorCode::kInvalidArgument);
  result("a", "e");
  EXPECT_EQ(store_.add_result("a", {}).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(store_.mark_sent("a", "f").code(), ErrorCode::kInvalidArgument);
  request("a");
  EXPECT_TRUE(store_.is_pending("a"));
  EXPECT_EQ(store_.history(), std::vector<std::string>{"a"});
}

TEST_F(MemoryStoreTest, output_is_collected_before_and_after_the_result) {
  request("a");
  EXPECT_TRUE(store_.add_output("a", Output::kStdout, "one ").ok());
  EXPECT_TRUE(store_.add_output("a", Output::kExecuteInput, "{\"code\": 1}").ok());
  result("a");
  EXPECT_TRUE(store_.add_output("a", Output::kStdout, "two").ok());
  EXPECT_TRUE(store_.add_output("a", Output::kStderr, "oh").ok());
  EXPECT_TRUE(store_.add_output("a", Output::kExecuteResult, "{\"data\": 1}").ok());
  EXPECT_TRUE(store_.add_output("a", Output::kExecuteResult, "{\"data\": 2}").ok());
  EXPECT_TRUE(store_.add_output("a", Output::kError, "{\"ename\": 3}").ok());
  store_.sanity_check();
  const Record record = get("a");
  EXPECT_EQ(record.stdout_text, "one two");
  EXPECT_EQ(record.stderr_text, "oh");
  EXPECT_EQ(record.execute_input, "{\"code\": 1}");
  EXPECT_EQ(record.execute_result, "{\"data\": 2}");
  EXPECT_EQ(record.error, "{\"ename\": 3}");
}

TEST_F(MemoryStoreTest, history_is_in_order_of_submission) {
  for (const char* id : {"c", "a", "b"}) request(id);
  result("b");
  EXPECT_EQ(store_.history(), (std::vector<std::string>{"c", "a", "b"}));
  seconds_ = -10;  // the clock was set back
  request("d");
  EXPECT_EQ(store_.history(), (std::vector<std::string>{"d", "c", "a", "b"}));
}

TEST_F(MemoryStoreTest, a_query_can_be_stopped) {
  for (const char* id : {"a", "b", "c"}) request(id);
  std::string seen;
  const Status status = store_.select(Query(), [&](const Record& record) {
    seen += record.msg_id;
    return record.msg_id != "b";
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(seen, "ab");
}

TEST_F(MemoryStoreTest, a_resubmitted_request_names_the_newer_one) {
  finished("a");
  EXPECT_TRUE(store_.mark_resubmitted("a", "b").ok());
  EXPECT_EQ(get("a").resubmitted, "b");
}

TEST_F(MemoryStoreTest, counts_what_each_engine_has) {
  request("a");
  request("b");
  request("m", QueueKind::kMux);
  EXPECT_EQ(store_.unassigned_count(), 2u);
  EXPECT_EQ(store_.unassigned(), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(store_.mark_sent("a", "e").ok());
  EXPECT_TRUE(store_.mark_sent("m", "e").ok());
  store_.sanity_check();
  EXPECT_EQ(store_.unassigned_count(), 1u);
  EXPECT_EQ(store_.counts("e"), (EngineCounts{.queue = 1, .tasks = 1, .completed = 0}));
  EXPECT_TRUE(store_.mark_sent("a", "f").ok()) << "a retry";
  EXPECT_EQ(store_.counts("e"), (EngineCounts{.queue = 1, .tasks = 0, .completed = 0}));
  result("a");
  result("m", "e");
  EXPECT_EQ(store_.counts("f"), (EngineCounts{.queue = 0, .tasks = 0, .completed = 1}));
  EXPECT_EQ(store_.tasks_of("e").completed, std::vector<std::string>{"m"});
  EXPECT_EQ(get("a").engine_uuid, "f") << "the reply named none";
  EXPECT_EQ(store_.counts("nobody"), EngineCounts{});
}

TEST_F(MemoryStoreTest, a_task_can_go_back_to_the_queue) {
  request("a");
  EXPECT_TRUE(store_.mark_sent("a", "e").ok());
  EXPECT_TRUE(store_.mark_sent("a", "").ok());
  EXPECT_EQ(store_.unassigned_count(), 1u);
  EXPECT_EQ(store_.counts("e"), EngineCounts{});
}

TEST_F(MemoryStoreTest, forgotten_engines_leave_when_their_records_do) {
  finished("a", "e");
  store_.forget_engine("e");
  EXPECT_EQ(get("a").engine_uuid, "e");
  EXPECT_EQ(store_.counts("e").completed, 1u);
  store_.purge_all();
  EXPECT_EQ(store_.counts("e"), EngineCounts{});
}

TEST_F(MemoryStoreTest, purging_removes_finished_records_only) {
  finished("a", "e");
  finished("b", "f");
  request("c");
  const std::vector<std::string> with_pending{"a", "c"};
  EXPECT_EQ(store_.purge(with_pending).code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(store_.contains("a"));
  const std::vector<std::string> ids{"a", "unknown", "a"};
  EXPECT_TRUE(store_.purge(ids).ok());
  EXPECT_EQ(error("a"), ErrorCode::kNotFound);
  store_.purge_engine("nobody");
  store_.purge_engine("f");
  EXPECT_EQ(store_.history(), std::vector<std::string>{"c"});
  store_.purge_all();
  EXPECT_TRUE(store_.contains("c"));
  store_.sanity_check();
}

class SmallStoreTest : public MemoryStoreTest {
 protected:
  SmallStoreTest()
      : MemoryStoreTest({.max_records = 10, .max_bytes = 10'000, .max_stream_bytes = 100}) {}
};

TEST_F(SmallStoreTest, the_oldest_finished_record_makes_room) {
  request("pending");
  for (int i = 0; i < 11; ++i) finished(std::to_string(i));
  EXPECT_EQ(error("0"), ErrorCode::kNotFound);
  EXPECT_EQ(error("1"), ErrorCode::kOk);
  EXPECT_TRUE(store_.contains("pending"));
  EXPECT_EQ(store_.stats().finished, 10u);
  EXPECT_EQ(store_.stats().culled, 1u);
}

TEST(MemoryStore, a_full_store_forgets_in_steps_that_hardly_show) {
  MemoryStore store({.max_records = 1280});
  for (int i = 0; i < 5000; ++i) {
    const std::string id = std::to_string(i);
    ASSERT_TRUE(store.add_request({.msg_id = id}).ok());
    ASSERT_TRUE(store.add_result(id, {}).ok());
    const std::size_t finished = store.stats().finished;
    ASSERT_TRUE(i < 1280 || (finished >= 1260 && finished <= 1280)) << finished << " after " << i;
  }
  store.sanity_check();
}

TEST(MemoryStore, what_a_burst_of_requests_took_is_given_back) {
  MemoryStore store({.max_records = 1000});
  const auto id = [](int i) { return std::to_string(i); };
  for (int i = 0; i < 50'000; ++i) ASSERT_TRUE(store.add_request({.msg_id = id(i)}).ok());
  EXPECT_GE(store.capacity(), 50'000u);
  for (int i = 0; i < 50'000; ++i) ASSERT_TRUE(store.add_result(id(i), {}).ok());
  // The records kept lie where the last requests did; whatever comes next goes to the bottom.
  EXPECT_LE(store.capacity(), 4'096u);
  store.sanity_check();
}

TEST_F(SmallStoreTest, old_records_lose_their_buffers_first) {
  for (int i = 0; i < 4; ++i) {
    finished(std::to_string(i), "e", {Bytes(std::string(3000, 'x'))});
  }
  EXPECT_TRUE(get("0").payload_dropped);
  EXPECT_TRUE(get("0").result_buffers.empty());
  EXPECT_EQ(get("0").result_content, R"({"status": "ok"})");
  EXPECT_FALSE(get("3").payload_dropped);
  EXPECT_EQ(get("3").result_buffers.size(), 1u);
}

TEST_F(SmallStoreTest, large_buffers_count_too_and_are_let_go) {
  auto owner = std::make_shared<std::string>(9'500, 'x');
  const Frames buffers{Bytes(owner, owner->data(), owner->size())};
  finished("a", "e", buffers);
  EXPECT_FALSE(get("a").payload_dropped);
  finished("b", "e", {Bytes(std::string(1'000, 'y'))});
  EXPECT_TRUE(get("a").payload_dropped);
  EXPECT_EQ(owner.use_count(), 2) << "this test's two";
}

TEST_F(SmallStoreTest, what_alone_exceeds_the_limit_is_dropped_at_once) {
  finished("a", "e", {Bytes(std::string(20'000, 'x'))});
  EXPECT_TRUE(get("a").payload_dropped);
  EXPECT_EQ(error("a"), ErrorCode::kOk);
}

TEST_F(SmallStoreTest, output_counts_and_comes_too_late_for_a_record_that_lost_its_buffers) {
  finished("a", "e", {Bytes(std::string(20'000, 'x'))});
  EXPECT_TRUE(store_.add_output("a", Output::kStdout, "late").ok());
  EXPECT_EQ(get("a").stdout_text, "");
  finished("b");
  EXPECT_TRUE(store_.add_output("b", Output::kExecuteResult, std::string(20'000, 'x')).ok());
  store_.sanity_check();
  EXPECT_TRUE(get("b").payload_dropped);
}

TEST_F(SmallStoreTest, streams_are_cut) {
  request("a");
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(store_.add_output("a", Output::kStdout, "1234567").ok());
  EXPECT_EQ(get("a").stdout_text.size(), 100u);
}

TEST_F(SmallStoreTest, pending_records_are_never_dropped) {
  for (int i = 0; i < 100; ++i) {
    request(std::to_string(i), QueueKind::kTask, {Bytes(std::string(5'000, 'x'))});
  }
  EXPECT_EQ(store_.stats().pending, 100u);
  EXPECT_EQ(get("0").buffers.size(), 1u);
}

TEST_F(SmallStoreTest, survives_random_use) {
  std::mt19937 random(1);
  std::deque<std::string> pending;
  for (int i = 0; i < 20'000; ++i) {
    const std::string id = std::to_string(i);
    request(id, static_cast<QueueKind>(random() % 3), {Bytes(std::string(random() % 6'000, 'x'))});
    pending.push_back(id);
    if (random() % 3 == 0) {
      EXPECT_TRUE(store_.mark_sent(id, "engine" + std::to_string(random() % 4)).ok());
    }
    if (random() % 10 == 0) (void)store_.add_output(id, Output::kStdout, "some text");
    while (pending.size() > random() % 30) {
      const std::size_t which = random() % pending.size();
      result(pending[which], "engine" + std::to_string(random() % 4));
      pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(which));
    }
    if (random() % 100 == 0) store_.purge_engine("engine1");
  }
  for (const std::string& id : pending) EXPECT_TRUE(store_.is_pending(id));
}

}  // namespace
}  // namespace engineroom::store
