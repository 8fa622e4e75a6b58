#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

const std::string kOurs = R"(,"engineroom":"0.1")";

// "made" ran on e1, and "user", which is given its result, is with e2.
class ResultRelayTest : public ControllerTest {
 protected:
  void SetUp() override {
    join("e1", kOurs, 5);
    submit("made", R"({"targets":["e1"]})");
    answer(Channel::kTaskEngine, take(Channel::kTaskEngine), "e1", "ok",
           {Bytes::of_static("first,"), Bytes::of_static("second")});
    take(Channel::kTaskClient);
    join("e2", kOurs);
    join("e3", kOurs);
    submit("user", R"({"targets":["e2"],"inputs":[{"id":"made","engine":""}]})");
    EXPECT_EQ(take(Channel::kTaskEngine).to(), "e2");
  }
  void submit(const std::string& msg_id, const std::string& metadata) {
    receive(Channel::kTaskClient, {.identities = {Bytes::of_static("c")},
                                   .type = "apply_request",
                                   .metadata = metadata,
                                   .msg_id = msg_id});
  }
  void ask(const std::string& engine, const std::string& task, const std::string& id,
           const std::string& more = R"(,"from":0,"bytes":8)") {
    receive(Channel::kRegistration,
            {.identities = {Bytes(engine)},
             .type = "result_request",
             .content = R"({"id":")" + id + R"(","task":")" + task + "\"" + more + "}"});
  }
  void say(const std::string& engine, const std::string& content, Frames buffers = {}) {
    receive(Channel::kRegistration, {.identities = {Bytes(engine)},
                                     .type = "result_reply",
                                     .content = content,
                                     .buffers = std::move(buffers)});
  }
  Seen take_reply(const std::string& engine, const std::string& status) {
    Seen reply = take(Channel::kRegistration);
    EXPECT_EQ(reply.to(), engine);
    EXPECT_EQ(reply.header.msg_type, "result_reply");
    EXPECT_EQ(reply.content("status"), "\"" + status + "\"");
    return reply;
  }
  // What an engine says whose process is gone.
  void take_departure() {
    EXPECT_EQ(take(Channel::kNotification).header.msg_type, "unregistration_notification");
  }
  static constexpr const char* kPiece =
      R"({"id":"made","asker":"e2","from":0,"status":"ok","sizes":[6,6]})";
};

TEST_F(ResultRelayTest, QuestionsAndAnswersArePassedOn) {
  ask("e2", "user", "made");
  const Seen question = take(Channel::kRegistration);
  EXPECT_EQ(question.to(), "e1");
  EXPECT_EQ(question.message.content, R"({"id":"made","from":0,"bytes":8,"asker":"e2"})");
  say("e1", kPiece, {Bytes::of_static("first,se")});
  const Seen reply = take_reply("e2", "ok");
  EXPECT_EQ(reply.content("sizes"), "[6,6]");
  EXPECT_EQ(reply.message.buffers, Frames{Bytes::of_static("first,se")});
  // Once.
  say("e1", kPiece);
  EXPECT_EQ(dropped(Drop::kStale), 1u);
}

TEST_F(ResultRelayTest, AnEngineGetsOnlyWhatItsTasksAreGiven) {
  ask("e3", "user", "made");
  take_reply("e3", "refused");
  ask("e2", "user", "user");
  take_reply("e2", "refused");
  ask("e2", "made", "made");
  take_reply("e2", "refused");
  ask("stranger", "user", "made");
  ask("e2", "user", "made", R"(,"from":-1,"bytes":8)");
  EXPECT_EQ(dropped(Drop::kMalformed), 2u);
  // Nor does anybody but its holder answer.
  ask("e2", "user", "made");
  take(Channel::kRegistration);
  say("e3", kPiece);
  EXPECT_EQ(dropped(Drop::kStale), 1u);
}

TEST_F(ResultRelayTest, WhatNoEngineHasComesFromTheRecords) {
  ask("e2", "user", "made", R"(,"from":0,"bytes":8,"recorded":true)");
  Seen reply = take_reply("e2", "ok");
  EXPECT_EQ(reply.content("sizes"), "[6,6]");
  EXPECT_EQ(reply.message.buffers, Frames{Bytes::of_static("first,se")});
  ask("e2", "user", "made", R"(,"from":8,"bytes":1000,"recorded":true)");
  reply = take_reply("e2", "ok");
  EXPECT_EQ(reply.content("sizes"), "");
  EXPECT_EQ(reply.message.buffers, Frames{Bytes::of_static("cond")});
  // The engine itself does not have it any more.
  ask("e2", "user", "made");
  take(Channel::kRegistration);
  say("e1", R"({"id":"made","asker":"e2","from":0,"status":"missing","why":"it is gone"})");
  take_reply("e2", "ok");
  // It dies before it answers.
  ask("e2", "user", "made");
  take(Channel::kRegistration);
  controller->on_connection_closed(5, now);
  take_reply("e2", "ok");
  take_departure();
  // It is gone.
  ask("e2", "user", "made");
  take_reply("e2", "ok");
}

TEST_F(ResultRelayTest, WithoutARecordItIsMissing) {
  store->purge_all();
  ask("e2", "user", "made");
  take(Channel::kRegistration);
  controller->on_connection_closed(5, now);
  const Seen reply = take_reply("e2", "missing");
  EXPECT_NE(reply.content("why").find("no record"), std::string::npos);
  take_departure();
}

}  // namespace
}  // namespace engineroom::controller
