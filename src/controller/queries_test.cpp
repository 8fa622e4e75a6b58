#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

class QueriesTest : public ControllerTest {
 protected:
  Seen query(const std::string& type, const std::string& content = "{}") {
    receive(Channel::kQuery, {.identities = {Bytes::of_static("c")},
                              .type = type,
                              .content = content,
                              .msg_id = "q" + std::to_string(++queries_)});
    Seen reply = take(Channel::kQuery);
    EXPECT_EQ(reply.to(), "c");
    EXPECT_EQ(reply.parent.msg_id, "q" + std::to_string(queries_));
    return reply;
  }

  // A finished and a running direct request on e1.
  void run_two() {
    for (const char* id : {"r1", "r2"}) {
      receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                    .type = "execute_request",
                                    .msg_id = id});
    }
    const Seen request = take(Channel::kMuxEngine);
    take(Channel::kMuxEngine);
    publish("stdout", "stream", R"({"name":"stdout","text":"hello\n"})");
    publish("execute_input", "execute_input", R"j({"code":"print('hello')","execution_count":1})j");
    publish("execute_result", "execute_result", R"({"data":{"text/plain":"3"}})");
    answer(Channel::kMuxEngine, request, "e1", "ok", {Bytes::of_static("result")});
    take(Channel::kMuxClient);
  }
  void publish(const std::string& topic, const std::string& type, const std::string& content) {
    const std::string parent =
        wire::make_header("r1", "execute_request", "session", "user", "2026-11-21T05:57:34.884217Z")
            .str();
    receive(Channel::kIopubEngine, {.identities = {Bytes("engine.0." + topic)},
                                    .type = type,
                                    .content = content,
                                    .parent = parent});
    take(Channel::kIopubClient);
  }

  int queries_ = 0;
};

TEST_F(QueriesTest, AResultThatWasDroppedIsAnError) {
  store = std::make_unique<store::MemoryStore>(
      store::MemoryStoreConfig{.max_records = 10, .max_bytes = 20'000});
  controller = std::make_unique<Controller>(config(), outbox, *store);
  join("e1");
  for (const char* id : {"r1", "r2"}) {
    receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                  .type = "apply_request",
                                  .msg_id = id});
    answer(Channel::kMuxEngine, take(Channel::kMuxEngine), "e1", "ok",
           {Bytes(std::string(15'000, 'x'))});
    take(Channel::kMuxClient);
  }
  const Seen reply = query("result_request", R"({"msg_ids":["r1","r2"]})");
  const auto status = [&reply](const char* id) {
    JsonReader reader;
    const auto content = read_object(reader, reply.message.content.view());
    return content->object(id)->object("result_content")->json("status");
  };
  EXPECT_EQ(status("r1"), R"("error")");
  EXPECT_EQ(status("r2"), R"("ok")");
  EXPECT_EQ(reply.message.buffers.size(), 1U);
}

TEST_F(QueriesTest, ConnectionListsRegisteredEngines) {
  EXPECT_EQ(query("connection_request").message.content, R"({"status":"ok","engines":{}})");
  join("e1");
  join("e2");
  const Seen reply = query("connection_request");
  EXPECT_EQ(reply.header.msg_type, "connection_reply");
  EXPECT_EQ(reply.message.content, R"({"status":"ok","engines":{"0":"e1","1":"e2"}})");
}

TEST_F(QueriesTest, QueueStatusCountsOrLists) {
  join("e1");
  join("e2");
  run_two();
  const Seen reply = query("queue_request", R"({"targets":null,"verbose":false})");
  EXPECT_EQ(reply.header.msg_type, "queue_reply");
  EXPECT_EQ(reply.message.content, R"({"status":"ok","0":{"queue":1,"completed":1,"tasks":0},)"
                                   R"("1":{"queue":0,"completed":0,"tasks":0},"unassigned":0})");
  EXPECT_EQ(
      query("queue_request", R"({"targets":"e1","verbose":true})").message.content,
      R"({"status":"ok","0":{"queue":["r2"],"completed":["r1"],"tasks":[]},"unassigned":[]})");
  EXPECT_EQ(query("queue_request", R"({"targets":[1]})").content("1"),
            R"({"queue":0,"completed":0,"tasks":0})");
  const Seen unknown = query("queue_request", R"({"targets":[0,5]})");
  EXPECT_EQ(unknown.header.msg_type, "hub_error");
  EXPECT_EQ(unknown.content("ename"), "\"IndexError\"");
}

TEST_F(QueriesTest, ResultsComeWithTheirOutput) {
  join("e1");
  run_two();
  const Seen status = query("result_request", R"({"msg_ids":["r2","r1","r1"],"status_only":true})");
  EXPECT_EQ(status.message.content, R"({"status":"ok","pending":["r2"],"completed":["r1"]})");
  const Seen reply = query("result_request", R"({"msg_ids":["r1"],"status_only":false})");
  EXPECT_EQ(reply.header.msg_type, "result_reply");
  EXPECT_EQ(reply.message.buffers, Frames{Bytes::of_static("result")});
  JsonReader reader;
  const auto content = read_object(reader, reply.message.content.view());
  const auto record = content->object("r1");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->json("result_content"), R"({"status":"ok"})");
  EXPECT_EQ(record->object("header")->text("msg_id"), "r1");
  EXPECT_TRUE(record->text("received"));
  const auto io = record->object("io");
  EXPECT_EQ(io->text("stdout"), "hello\n");
  EXPECT_EQ(io->text("execute_input"), "print('hello')");
  EXPECT_EQ(io->json("execute_result"), R"({"data":{"text/plain":"3"}})");
  EXPECT_TRUE(io->element("error")->is_null());

  EXPECT_EQ(query("result_request", R"({"msg_ids":["r1","never"]})").content("ename"),
            "\"KeyError\"");
}

TEST_F(QueriesTest, HistoryAndPurge) {
  join("e1");
  run_two();
  EXPECT_EQ(query("history_request").content("history"), R"(["r1","r2"])");
  EXPECT_EQ(query("purge_request", R"({"msg_ids":["r2"],"engine_ids":[]})").content("ename"),
            "\"IndexError\"");
  EXPECT_EQ(query("purge_request", R"({"msg_ids":[],"engine_ids":[9]})").content("ename"),
            "\"IndexError\"");
  EXPECT_EQ(query("purge_request", R"({"msg_ids":["r1"],"engine_ids":[]})").content("status"),
            "\"ok\"");
  EXPECT_EQ(query("history_request").content("history"), R"(["r2"])");
  EXPECT_EQ(query("purge_request", R"({"msg_ids":"all"})").content("status"), "\"ok\"");
}

TEST_F(QueriesTest, DbRequestGivesTheKeysAskedForOfWhatMatches) {
  join("e1");
  run_two();
  EXPECT_EQ(query("db_request", R"({"query":{"msg_id":"r1"},"keys":["engine_uuid","queue"]})")
                .message.content,
            R"({"status":"ok","records":[{"msg_id":"r1","engine_uuid":"e1","queue":"mux"}],)"
            R"("buffer_lens":null,"result_buffer_lens":null})");
  const Seen both = query(
      "db_request",
      R"({"query":{"msg_id":{"$ne":""}},"keys":["received","buffers","result_buffers","stdout"]})");
  EXPECT_EQ(both.header.msg_type, "db_reply");
  EXPECT_EQ(both.content("buffer_lens"), "[0,0]");
  EXPECT_EQ(both.content("result_buffer_lens"), "[1,0]");
  EXPECT_EQ(both.message.buffers, Frames{Bytes::of_static("result")});
  const Seen pending = query("db_request", R"({"query":{"received":null}})");
  JsonReader reader;
  const auto content = read_object(reader, pending.message.content.view());
  const auto record = JsonObject(content->array("records")->at(0).get_object().value());
  EXPECT_EQ(record.text("msg_id"), "r2");
  EXPECT_EQ(record.object("header")->text("msg_type"), "execute_request");
  EXPECT_TRUE(record.element("label")->is_null());
  EXPECT_FALSE(record.element("buffers"));
}

TEST_F(QueriesTest, DbRequestNamesMistakes) {
  EXPECT_EQ(query("db_request", R"({"query":{"msg_id":{"$in":1}}})").content("evalue"),
            R"("query: 'msg_id': $in: wants a list, not 1")");
  EXPECT_EQ(query("db_request", R"({"query":{},"keys":["id"]})").content("evalue"),
            R"("keys: records have no field 'id'")");
}

TEST_F(QueriesTest, ResubmittedTasksKeepTargetsRetriesAndLabelAndAreRecorded) {
  join("e1");
  join("e2");
  receive(Channel::kTaskClient, {.identities = {Bytes::of_static("c")},
                                 .type = "apply_request",
                                 .metadata = R"({"targets":["e2"],"retries":1,"label":"mine"})",
                                 .buffers = {Bytes::of_static("argument")},
                                 .msg_id = "t1"});
  answer(Channel::kTaskEngine, take(Channel::kTaskEngine), "e2");
  take(Channel::kTaskClient);

  // The task is sent before the query is answered.
  receive(Channel::kQuery, {.identities = {Bytes::of_static("c")},
                            .type = "resubmit_request",
                            .content = R"({"msg_ids":["t1"]})"});
  const Seen again = take(Channel::kTaskEngine);
  const Seen reply = take(Channel::kQuery);
  EXPECT_EQ(reply.content("resubmitted"), "{\"t1\":\"" + again.header.msg_id + "\"}");
  EXPECT_EQ(again.to(), "e2");
  EXPECT_EQ(again.header.msg_type, "apply_request");
  EXPECT_EQ(again.header.session, "session");
  EXPECT_EQ(again.metadata("label"), "\"mine\"");
  EXPECT_EQ(again.message.buffers, Frames{Bytes::of_static("argument")});
  EXPECT_EQ(query("db_request", R"({"query":{"label":"mine"},"keys":["resubmitted"]})")
                .content("records"),
            R"([{"msg_id":"t1","resubmitted":")" + again.header.msg_id + R"("},{"msg_id":")" +
                again.header.msg_id + R"(","resubmitted":null}])");
  // A failure is retried as before, here in vain, and the reply is kept, not sent.
  answer(Channel::kTaskEngine, again, "e2", "error");
  const std::string status = query("result_request", R"({"msg_ids":[")" + again.header.msg_id +
                                                         R"("],"status_only":true})")
                                 .content("completed");
  EXPECT_EQ(status, "[\"" + again.header.msg_id + "\"]");
}

TEST_F(QueriesTest, ResubmittedDirectRequestsGoToTheirEngineAgain) {
  join("e1");
  join("e2");
  run_two();
  receive(Channel::kQuery, {.identities = {Bytes::of_static("c")},
                            .type = "resubmit_request",
                            .content = R"({"msg_ids":["r1"]})"});
  EXPECT_EQ(take(Channel::kTaskEngine).to(), "e1");
  take(Channel::kQuery);
}

TEST_F(QueriesTest, ResubmittingWhatIsUnknownResubmitsNothing) {
  join("e1");
  run_two();
  const Seen reply = query("resubmit_request", R"({"msg_ids":["r1","x","y"]})");
  EXPECT_EQ(reply.header.msg_type, "resubmit_reply");
  EXPECT_EQ(reply.content("ename"), "\"KeyError\"");
  EXPECT_EQ(reply.content("evalue"), "\"No such msg(s): ['x', 'y']\"");
}

TEST_F(QueriesTest, WhatIsNotSupportedSaysSo) {
  for (const char* type : {"become_dask_request", "load_request"}) {
    const Seen reply = query(type);
    EXPECT_EQ(reply.header.msg_type, "hub_error");
    EXPECT_EQ(reply.content("ename"), "\"NotImplementedError\"");
  }
  const Seen dask = query("become_dask_request");
  EXPECT_NE(dask.content("evalue").find("become_dask() of engineroom's Client"), std::string::npos);
  EXPECT_EQ(query("what_request").content("ename"), "\"ValueError\"");
  EXPECT_EQ(query("queue_request", "[]").content("ename"), "\"ValueError\"");
}

TEST_F(QueriesTest, ThereIsNoDaskSchedulerToStop) {
  const Seen reply = query("stop_distributed_request");
  EXPECT_EQ(reply.header.msg_type, "stop_distributed_reply");
  EXPECT_EQ(reply.content("status"), "\"ok\"");
}

TEST_F(QueriesTest, ShutdownTellsEverybodyAndStops) {
  join("e1");
  EXPECT_FALSE(controller->wants_to_stop());
  EXPECT_EQ(query("shutdown_request").header.msg_type, "shutdown_reply");
  EXPECT_EQ(take(Channel::kNotification).header.msg_type, "shutdown_notification");
  EXPECT_EQ(take(Channel::kControlEngine).header.msg_type, "shutdown_request");
  EXPECT_TRUE(controller->wants_to_stop());
}

TEST_F(QueriesTest, StatusOnIopubIsPassedOnUnreadIfClientsCanVerifyIt) {
  ControllerConfig one_key = config();
  one_key.client_key = one_key.engine_key;
  restart(one_key);
  controller->on_message(Channel::kIopubEngine,
                         {Bytes::of_static("engine.0.status"), Bytes::of_static("junk")}, -1, now);
  ASSERT_EQ(outbox.sent.size(), 1u);
  EXPECT_EQ(outbox.sent.front().second.size(), 2u);
  outbox.sent.clear();
  EXPECT_EQ(dropped(Drop::kMalformed), 0u);
}

TEST_F(QueriesTest, StatusOnIopubIsSignedAnewIfTheyCannot) {
  controller->on_message(Channel::kIopubEngine,
                         {Bytes::of_static("engine.0.status"), Bytes::of_static("junk")}, -1, now);
  EXPECT_EQ(dropped(Drop::kMalformed), 1u);
  receive(Channel::kIopubEngine,
          {.identities = {Bytes::of_static("engine.0.status")}, .type = "status"});
  EXPECT_EQ(take(Channel::kIopubClient).header.msg_type, "status");
  receive(Channel::kIopubEngine, {.identities = {}, .type = "status"});
  EXPECT_EQ(take(Channel::kIopubClient).header.msg_type, "status");
}

TEST_F(QueriesTest, StatsAreJson) {
  join("e1");
  JsonReader reader;
  const std::string text = controller->stats_json();
  const auto stats = read_object(reader, text);
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->integer("engines"), 1);
  EXPECT_EQ(stats->object("received")->integer("registration"), 1);
}

}  // namespace
}  // namespace engineroom::controller
