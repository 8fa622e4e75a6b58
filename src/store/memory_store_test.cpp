#include "store/memory_store.h"

#include <gtest/gtest.h>

namespace engineroom::store {
namespace {

using namespace std::chrono_literals;
const WallTime kNow = WallTime(1'000'000s);

Request request(std::string_view msg_id, QueueKind queue = QueueKind::kTask) {
  Request request;
  request.msg_id = msg_id;
  request.client_uuid = "client";
  request.queue = queue;
  request.header = R"({"msg_id":"x"})";
  request.metadata = "{}";
  request.content = "{}";
  request.submitted = kNow;
  return request;
}

Reply reply(std::string_view engine) {
  Reply reply;
  reply.engine_uuid = engine;
  reply.header = R"({"msg_type":"apply_reply"})";
  reply.metadata = R"({"status":"ok"})";
  reply.content = R"({"status":"ok"})";
  reply.received = kNow + 1s;
  return reply;
}

void run(MemoryStore& store, const std::string& msg_id, std::string_view engine = "engine") {
  ASSERT_TRUE(store.add_request(request(msg_id)).ok());
  ASSERT_TRUE(store.mark_sent(msg_id, engine).ok());
  ASSERT_TRUE(store.add_result(msg_id, reply(engine)).ok());
}

TEST(MemoryStore, KeepsWhatWasSentAndWhatCameBack) {
  MemoryStore store;
  const Frames buffers{Bytes::copy_of("small"), Bytes(std::string(10'000, 'x'))};
  Request sent = request("a");
  sent.buffers = buffers;
  sent.label = "label";
  ASSERT_TRUE(store.add_request(sent).ok());
  EXPECT_TRUE(store.is_pending("a"));
  ASSERT_TRUE(store.mark_sent("a", "engine").ok());
  ASSERT_TRUE(store.add_output("a", Output::kStdout, "hello ").ok());
  ASSERT_TRUE(store.add_output("a", Output::kStdout, "world").ok());
  ASSERT_TRUE(store.add_result("a", reply("engine")).ok());

  const Record record = store.find("a").take();
  EXPECT_EQ(record.engine_uuid, "engine");
  EXPECT_EQ(record.header, R"({"msg_id":"x"})");
  EXPECT_EQ(record.result_content, R"({"status":"ok"})");
  EXPECT_EQ(record.stdout_text, "hello world");
  EXPECT_EQ(record.label, "label");
  ASSERT_EQ(record.buffers.size(), 2u);
  EXPECT_EQ(record.buffers[0], "small");
  // A large frame is kept by reference.
  EXPECT_EQ(record.buffers[1].data(), buffers[1].data());
  EXPECT_TRUE(record.is_finished());
  store.sanity_check();
}

TEST(MemoryStore, CountsTasksPerEngineAndMovesThemOnRetry) {
  MemoryStore store;
  ASSERT_TRUE(store.add_request(request("a")).ok());
  EXPECT_EQ(store.unassigned_count(), 1u);
  ASSERT_TRUE(store.mark_sent("a", "one").ok());
  EXPECT_EQ(store.unassigned_count(), 0u);
  EXPECT_EQ(store.counts("one").tasks, 1u);
  ASSERT_TRUE(store.mark_sent("a", "two").ok());
  EXPECT_EQ(store.counts("one").tasks, 0u);
  EXPECT_EQ(store.counts("two").tasks, 1u);
  ASSERT_TRUE(store.add_result("a", reply("two")).ok());
  EXPECT_EQ(store.counts("two"), (EngineCounts{0, 0, 1}));
  ASSERT_TRUE(store.add_request(request("b", QueueKind::kMux)).ok());
  ASSERT_TRUE(store.mark_sent("b", "two").ok());
  EXPECT_EQ(store.counts("two"), (EngineCounts{1, 0, 1}));
  EXPECT_EQ(store.tasks_of("two").queue, std::vector<std::string>{"b"});
  store.sanity_check();
}

TEST(MemoryStore, ForgetsTheOldestFinishedTenthWhenThereAreTooMany) {
  MemoryStore store({.max_records = 100});
  ASSERT_TRUE(store.add_request(request("pending")).ok());
  for (int i = 0; i < 101; ++i) run(store, std::to_string(i));
  EXPECT_EQ(store.stats().finished, 90u);
  EXPECT_EQ(store.stats().culled, 11u);
  EXPECT_FALSE(store.contains("10"));
  EXPECT_TRUE(store.contains("11"));
  EXPECT_TRUE(store.is_pending("pending"));
  EXPECT_EQ(store.find("10").status().code(), ErrorCode::kNotFound);
  store.sanity_check();
}

TEST(MemoryStore, DropsBuffersBeforeRecordsWhenThereAreTooManyBytes) {
  MemoryStore store({.max_bytes = 1u << 20});
  const Frames big{Bytes(std::string(300'000, 'x'))};
  for (int i = 0; i < 8; ++i) {
    Request sent = request(std::to_string(i));
    sent.buffers = big;
    ASSERT_TRUE(store.add_request(sent).ok());
    ASSERT_TRUE(store.add_result(std::to_string(i), reply("engine")).ok());
  }
  EXPECT_EQ(store.stats().finished, 8u);
  EXPECT_LE(store.stats().finished_bytes, 1u << 20);
  EXPECT_TRUE(store.find("0").value().payload_dropped);
  EXPECT_FALSE(store.find("7").value().payload_dropped);
  store.sanity_check();
}

TEST(MemoryStore, RefusesToPurgeWhatIsPending) {
  MemoryStore store;
  run(store, "done");
  ASSERT_TRUE(store.add_request(request("pending")).ok());
  const std::vector<std::string> both{"done", "pending"};
  EXPECT_EQ(store.purge(both).code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(store.contains("done"));
  EXPECT_TRUE(store.purge({both.begin(), 1}).ok());
  EXPECT_EQ(store.history(), std::vector<std::string>{"pending"});
  store.sanity_check();
}

TEST(MemoryStore, KeepsTheFirstOfTwoResults) {
  MemoryStore store;
  run(store, "a", "one");
  EXPECT_EQ(store.add_result("a", reply("two")).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(store.find("a").value().engine_uuid, "one");
  EXPECT_EQ(store.add_result("never", reply("two")).code(), ErrorCode::kNotFound);
}

TEST(MemoryStore, ForgetsAnEngineOnceNoRecordNamesIt) {
  MemoryStore store;
  run(store, "a", "one");
  store.forget_engine("one");
  EXPECT_EQ(store.counts("one").completed, 1u);
  store.purge_engine("one");
  EXPECT_EQ(store.counts("one").completed, 0u);
  EXPECT_TRUE(store.history().empty());
  store.sanity_check();
}

TEST(MemoryStore, CutsEndlessStreams) {
  MemoryStore store({.max_stream_bytes = 10});
  ASSERT_TRUE(store.add_request(request("a")).ok());
  ASSERT_TRUE(store.add_output("a", Output::kStderr, "12345678").ok());
  ASSERT_TRUE(store.add_output("a", Output::kStderr, "12345678").ok());
  EXPECT_EQ(store.find("a").value().stderr_text, "1234567812");
}

}  // namespace
}  // namespace engineroom::store
