#include <gtest/gtest.h>

#include "controller/fake_journal.h"
#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

class RestoreTest : public ControllerTest {
 protected:
  RestoreTest() {
    journal_.emplace(sink_, "name");
    start();
  }

  void start() {
    controller.reset();
    outbox.sent.clear();
    store = std::make_unique<store::MemoryStore>();
    controller = std::make_unique<Controller>(config(), outbox, *store, &*journal_);
    if (journal_->start() > 1) controller->restore(now);
    controller->on_time(now);
    outbox.sent.erase(std::remove_if(outbox.sent.begin(), outbox.sent.end(),
                                     [](const auto& item) { return item.first == Channel::kPing; }),
                      outbox.sent.end());
  }

  // The controller is killed, and another one started.
  void kill_and_start() {
    controller.reset();
    earlier_.bytes = sink_.bytes;
    auto read = Journal::read(earlier_.bytes, earlier_);
    ASSERT_TRUE(read.ok());
    journal_.emplace(read.take());
    sink_.bytes.clear();
    ASSERT_TRUE(journal_->rewrite(sink_).ok());
    start();
  }

  void join_ours(const std::string& uuid) { join(uuid, R"(,"engineroom":"1")"); }

  void submit(const std::string& msg_id, const std::string& metadata = "{}") {
    receive(Channel::kTaskClient, {.identities = {Bytes::of_static("client")},
                                   .type = "apply_request",
                                   .metadata = metadata,
                                   .msg_id = msg_id});
  }

  void broadcast(const std::string& targets, bool is_coalescing) {
    receive(Channel::kBroadcastClient,
            {.identities = {Bytes::of_static("client")},
             .type = "apply_request",
             .metadata = R"({"targets":)" + targets + R"(,"is_broadcast":true,"is_coalescing":)" +
                         (is_coalescing ? "true}" : "false}"),
             .buffers = {Bytes::of_static("f")},
             .msg_id = "b"});
  }

  // From now on the client is one that says what it has received.
  void connect_client() {
    receive(Channel::kQuery, {.identities = {Bytes::of_static("client")},
                              .type = "connection_request",
                              .content = R"({"resumes":true})"});
    EXPECT_NE(take(Channel::kQuery).content("journal"), "");
  }

  // The engine registers again, and says what it holds.
  void come_back(const std::string& uuid, const std::string& held) {
    receive(Channel::kRegistration,
            {.identities = {Bytes(uuid)},
             .type = "registration_request",
             .content = "{\"uuid\":\"" + uuid + R"(","engineroom":"1","journal":"name"})"});
    EXPECT_EQ(take(Channel::kRegistration).content("returned"), "true");
    receive(Channel::kRegistration,
            {.identities = {Bytes(uuid)},
             .type = "return_notice",
             .content = "{\"uuid\":\"" + uuid + R"(","held":)" + held + "}"});
  }

  Seen resume(const std::string& msg_ids) {
    receive(Channel::kQuery, {.identities = {Bytes::of_static("client")},
                              .type = "resume_request",
                              .content = R"({"msg_ids":)" + msg_ids + "}"});
    return take_first(Channel::kQuery);
  }

  // An engine leaves out the frame that says which controller a request is from.
  void answer_task(Seen request, const std::string& uuid, const std::string& status = "ok") {
    request.message.identities.erase(request.message.identities.begin() + 1);
    answer(Channel::kTaskEngine, request, uuid, status);
  }
  void answer_part(Seen request, const std::string& uuid, const std::string& started) {
    request.message.identities.erase(request.message.identities.begin() + 1);
    answer(Channel::kBroadcastEngine, request, uuid, "ok", {Bytes("result of " + uuid)},
           R"(,"idle":true,"started":")" + started + "\"");
  }

  void drop_housekeeping() {
    std::erase_if(outbox.sent, [](const auto& item) {
      return item.first == Channel::kPing || item.first == Channel::kControlEngine;
    });
  }
  void TearDown() override {
    drop_housekeeping();
    expect_nothing_left();
  }

 private:
  FakeJournalSink sink_;
  FakeJournalSink earlier_;
  std::optional<Journal> journal_;
};

TEST_F(RestoreTest, WhatAnEngineHoldsIsNotSentAgain) {
  join_ours("e");
  submit("a");
  const Seen request = take(Channel::kTaskEngine);
  EXPECT_EQ(request.message.identities.at(1).str(), "@1");
  kill_and_start();
  EXPECT_EQ(resume(R"(["a","never came"])").content("unknown"), R"(["never came"])");
  come_back("e", R"(["a"])");
  expect_nothing_left();
  answer_task(request, "e");
  EXPECT_EQ(take(Channel::kTaskClient).parent.msg_id, "a");
}

TEST_F(RestoreTest, WhatNeverArrivedIsSentAgain) {
  join_ours("e");
  submit("a");
  take(Channel::kTaskEngine);
  kill_and_start();
  expect_nothing_left();
  come_back("e", "[]");
  const Seen request = take(Channel::kTaskEngine);
  EXPECT_EQ(request.header.msg_id, "a");
  EXPECT_EQ(request.message.identities.at(1).str(), "@2");
  EXPECT_EQ(request.metadata("attempt"), "2");
  answer_task(request, "e");
  take(Channel::kTaskClient);
}

TEST_F(RestoreTest, WhatWaitedGoesToANewEngineInItsOrder) {
  submit("a");
  submit("b");
  kill_and_start();
  join_ours("e");
  const Seen first = take(Channel::kTaskEngine);
  EXPECT_EQ(first.header.msg_id, "a");
  answer_task(first, "e");
  EXPECT_EQ(take(Channel::kTaskClient).parent.msg_id, "a");
  answer_task(take(Channel::kTaskEngine), "e");
  take(Channel::kTaskClient);
}

TEST_F(RestoreTest, AReplyThatMayBeLostIsSentWhenAskedFor) {
  connect_client();
  join_ours("e");
  submit("a");
  answer_task(take(Channel::kTaskEngine), "e");
  take(Channel::kTaskClient);
  kill_and_start();
  const Seen reply = resume(R"(["a"])");
  EXPECT_EQ(reply.content("unknown"), "[]");
  EXPECT_EQ(take(Channel::kTaskClient).parent.msg_id, "a");
  receive(Channel::kQuery, {.identities = {Bytes::of_static("client")},
                            .type = "received_notice",
                            .content = R"({"msg_ids":["a"]})"});
  EXPECT_EQ(resume(R"(["a"])").content("ended"), R"(["a"])");
}

TEST_F(RestoreTest, AnEngineThatDoesNotComeBackIsLost) {
  join_ours("e");
  submit("once");
  submit("again", R"({"retries":1})");
  take(Channel::kTaskEngine);
  kill_and_start();
  advance(std::chrono::seconds(31));
  drop_housekeeping();
  const Seen died = take(Channel::kTaskClient);
  EXPECT_EQ(died.parent.msg_id, "once");
  EXPECT_EQ(died.content("ename"), "\"EngineError\"");
  EXPECT_EQ(take(Channel::kNotification).header.msg_type, "unregistration_notification");
  join_ours("f");
  answer_task(take(Channel::kTaskEngine), "f");
  EXPECT_EQ(take(Channel::kTaskClient).parent.msg_id, "again");
}

TEST_F(RestoreTest, DependenciesHold) {
  join_ours("e");
  submit("a");
  answer_task(take(Channel::kTaskEngine), "e");
  take(Channel::kTaskClient);
  submit("b");
  const Seen b = take(Channel::kTaskEngine);
  submit("c", R"({"after":["a","b"]})");
  kill_and_start();
  submit("d", R"({"follow":["a"]})");
  submit("x", R"({"after":["never"]})");
  EXPECT_EQ(take(Channel::kTaskClient).content("ename"), "\"InvalidDependency\"");
  come_back("e", R"(["b"])");
  expect_nothing_left();
  answer_task(b, "e");
  EXPECT_EQ(take(Channel::kTaskClient).parent.msg_id, "b");
  std::vector<std::string> later;
  for (int i = 0; i < 2; ++i) {
    const Seen request = take_first(Channel::kTaskEngine);
    later.push_back(request.header.msg_id);
    answer_task(request, "e");
    take_first(Channel::kTaskClient);
  }
  std::sort(later.begin(), later.end());
  EXPECT_EQ(later, (std::vector<std::string>{"c", "d"}));
}

TEST_F(RestoreTest, ResultsAreWithEnginesThatAreNotBackYet) {
  join("e", R"(,"engineroom":"1","peer":{"url":"ipc://@e"})");
  submit("a");
  answer_task(take(Channel::kTaskEngine), "e");
  take(Channel::kTaskClient);
  submit("long");
  take(Channel::kTaskEngine);
  kill_and_start();
  join_ours("f");
  submit("b", R"({"inputs":[{"id":"a","engine":"e"}]})");
  const Seen request = take(Channel::kTaskEngine);
  EXPECT_EQ(request.metadata("holders"),
            R"({"at":[0],"engines":[{"uuid":"e","peer":{"url":"ipc://@e"}}]})");
}

TEST_F(RestoreTest, ATaskGivenBackToNobodyIsNotAborted) {
  join_ours("e");
  submit("a");
  const Seen request = take(Channel::kTaskEngine);
  kill_and_start();
  come_back("e", R"(["a"])");
  // The earlier controller had asked for it back.
  answer_task(request, "e", "aborted");
  answer_task(take(Channel::kTaskEngine), "e");
  EXPECT_EQ(take(Channel::kTaskClient).metadata("status"), "\"ok\"");
}

TEST_F(RestoreTest, DirectRequestsGoOnToo) {
  join_ours("e");
  for (const char* msg_id : {"a", "b"}) {
    receive(Channel::kMuxClient, {.identities = {Bytes::of_static("client"), Bytes::of_static("e")},
                                  .type = "apply_request",
                                  .msg_id = msg_id});
  }
  Seen a = take(Channel::kMuxEngine);
  take(Channel::kMuxEngine);
  kill_and_start();
  come_back("e", R"(["a"])");
  Seen b = take(Channel::kMuxEngine);
  EXPECT_EQ(b.header.msg_id, "b");
  for (Seen* request : {&a, &b}) {
    request->message.identities.erase(request->message.identities.begin() + 1);
    answer(Channel::kMuxEngine, *request, "e");
    EXPECT_EQ(take(Channel::kMuxClient).parent.msg_id, request->header.msg_id);
  }
}

TEST_F(RestoreTest, EachPartOfABroadcastIsAnsweredOnce) {
  connect_client();
  for (const char* uuid : {"e", "f", "g"}) join_ours(uuid);
  broadcast(R"([["e",0],["f",1],["g",2]])", false);
  const Seen to_e = take(Channel::kBroadcastEngine);
  const Seen to_f = take(Channel::kBroadcastEngine);
  take(Channel::kBroadcastEngine);
  answer_part(to_e, "e", "");
  take(Channel::kBroadcastClient);
  kill_and_start();

  broadcast(R"([["e",0],["f",1],["g",2]])", false);  // the client is too early
  EXPECT_EQ(resume(R"(["b_e","b_f","b_g"])").content("unknown"), "[]");
  EXPECT_EQ(take(Channel::kBroadcastClient).parent.msg_id, "b_e");
  come_back("e", R"(["b_e"])");
  come_back("f", R"(["b_f"])");
  expect_nothing_left();
  // What has not arrived is sent again, with its arguments.
  come_back("g", "[]");
  const Seen to_g = take(Channel::kBroadcastEngine);
  EXPECT_EQ(to_g.header.msg_id, "b_g");
  EXPECT_EQ(to_g.message.buffers, Frames{Bytes::of_static("f")});
  answer_part(to_e, "e", "");
  EXPECT_EQ(dropped(Drop::kStale), 1u);
  for (const auto& [request, uuid] : {std::pair(to_f, "f"), std::pair(to_g, "g")}) {
    EXPECT_TRUE(store->is_pending(request.header.msg_id));
    answer_part(request, uuid, "");
    EXPECT_EQ(take(Channel::kBroadcastClient).parent.msg_id, request.header.msg_id);
    EXPECT_FALSE(store->is_pending(request.header.msg_id));
  }
}

TEST_F(RestoreTest, ACoalescedReplyHasWhatWasAnsweredBefore) {
  connect_client();
  join_ours("e");
  join_ours("f");
  broadcast(R"([["e",0],["f",1]])", true);
  answer_part(take(Channel::kBroadcastEngine), "e", "2026-11-21T05:57:34.1Z");
  const Seen to_f = take(Channel::kBroadcastEngine);
  kill_and_start();
  kill_and_start();
  come_back("e", "[]");
  EXPECT_EQ(resume(R"(["b"])").content("unknown"), "[]");
  come_back("f", R"(["b_f"])");
  answer_part(to_f, "f", "2026-11-21T05:57:34.2Z");
  const Seen reply = take(Channel::kBroadcastClient);
  EXPECT_EQ(reply.parent.msg_id, "b");
  EXPECT_EQ(reply.metadata("started"), "\"2026-11-21T05:57:34.1Z\"");
  EXPECT_EQ(reply.metadata("quiet_engines"), "2");
  EXPECT_EQ(reply.message.buffers,
            (Frames{Bytes::of_static("result of e"), Bytes::of_static("result of f")}));
  kill_and_start();
  EXPECT_EQ(resume(R"(["b"])").content("unknown"), "[]");
  EXPECT_EQ(take(Channel::kBroadcastClient).parent.msg_id, "b");
}

TEST_F(RestoreTest, ABroadcastEndsWhenAnEngineDoesNotComeBack) {
  join_ours("e");
  join_ours("f");
  broadcast(R"([["e",0],["f",1]])", true);
  take(Channel::kBroadcastEngine);
  take(Channel::kBroadcastEngine);
  kill_and_start();
  come_back("e", "[]");
  answer_part(take(Channel::kBroadcastEngine), "e", "");
  advance(std::chrono::seconds(31));
  drop_housekeeping();
  EXPECT_EQ(take(Channel::kBroadcastClient).content("ename"), "\"EngineError\"");
  EXPECT_EQ(take(Channel::kNotification).header.msg_type, "unregistration_notification");
}

TEST_F(RestoreTest, MessagesOfABatchLeaveTogether) {
  join_ours("e");
  join_ours("f");
  controller->begin_batch();
  submit("a");
  submit("b");
  expect_nothing_left();
  controller->end_batch(now);
  const Seen a = take(Channel::kTaskEngine);
  const Seen b = take(Channel::kTaskEngine);
  EXPECT_EQ(a.header.msg_id, "a");
  EXPECT_EQ(b.header.msg_id, "b");
  controller->begin_batch();
  answer_task(a, a.to());
  answer_task(b, b.to());
  controller->end_batch(now);
  EXPECT_EQ(take(Channel::kTaskClient).parent.msg_id, "a");
  EXPECT_EQ(take(Channel::kTaskClient).parent.msg_id, "b");
}

TEST_F(RestoreTest, StockEnginesDoNotComeBack) {
  join("stock");
  submit("a");
  take(Channel::kTaskEngine);
  kill_and_start();
  EXPECT_EQ(take(Channel::kTaskClient).content("ename"), "\"EngineError\"");
  EXPECT_EQ(take(Channel::kNotification).header.msg_type, "unregistration_notification");
}

}  // namespace
}  // namespace engineroom::controller
