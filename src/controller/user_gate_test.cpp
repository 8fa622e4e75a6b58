#include "controller/user_gate.h"

#include <array>
#include <deque>
#include <memory>

#include "controller/fake_journal.h"
#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

constexpr std::size_t kAlice = 0;
constexpr std::size_t kBob = 1;

class FakeUsers : public UserOutbox {
 public:
  SendResult send_to(std::size_t user, Channel channel, const Frames& frames) override {
    sent[user].emplace_back(channel, frames);
    return SendResult::kSent;
  }
  std::array<std::deque<std::pair<Channel, Frames>>, 2> sent;
};

// The owner's clients and engines are ControllerTest's; beside them, alice and bob. Their clients
// have the same name: nothing may depend on it.
class UserGateTest : public ControllerTest {
 protected:
  UserGateTest() { restart_with(config()); }

  void restart_with(ControllerConfig config) {
    outbox.sent.clear();
    store = std::make_unique<store::MemoryStore>();
    gate = std::make_unique<UserGate>(
        std::vector<UserGate::User>{{"alice", "key of alice"}, {"bob", "key of bob"}}, kClientKey,
        outbox, users);
    controller = std::make_unique<Controller>(std::move(config), *gate, *store);
    advance(Duration::zero());
    outbox.sent.clear();  // the first ping
  }

  EngineId join_engine(const std::string& uuid) {
    const EngineId id = join(uuid, R"(,"engineroom":"1")");
    for (const std::size_t user : {kAlice, kBob}) {
      EXPECT_EQ(take_of(user, Channel::kNotification).content("uuid"), "\"" + uuid + "\"");
    }
    return id;
  }

  void from(std::size_t user, Channel channel, Out out) {
    pass(user, channel, sign(std::move(out), signers_[user]));
  }
  void pass(std::size_t user, Channel channel, Frames frames) {
    auto admitted = gate->admit(user, channel, std::move(frames));
    if (admitted) controller->on_message(channel, std::move(*admitted), -1, now);
    controller->sanity_check();
  }

  Seen take_of(std::size_t user, Channel channel) {
    auto& sent = users.sent[user];
    if (sent.empty()) {
      ADD_FAILURE() << "nothing was sent to user " << user << " on " << to_string(channel);
      return {};
    }
    auto [where, frames] = std::move(sent.front());
    sent.pop_front();
    EXPECT_EQ(to_string(where), to_string(channel));
    return look_at(where, std::move(frames), signers_[user]);
  }

  Seen ask(std::size_t user, const std::string& type, const std::string& content = "{}") {
    from(user, Channel::kQuery,
         {.identities = {Bytes::of_static("c")}, .type = type, .content = content});
    Seen reply = take_of(user, Channel::kQuery);
    EXPECT_EQ(reply.to(), "c");
    return reply;
  }

  // A load-balanced task of this name; what the engine gets.
  Seen submit(std::size_t user, const std::string& msg_id, const std::string& metadata = "{}") {
    from(user, Channel::kTaskClient,
         {.identities = {Bytes::of_static("c")},
          .type = "apply_request",
          .metadata = metadata,
          .msg_id = msg_id});
    return take(Channel::kTaskEngine);
  }
  // One that is done.
  void run(std::size_t user, const std::string& msg_id, const std::string& result) {
    answer(Channel::kTaskEngine, submit(user, msg_id), "e1", "ok", {Bytes::copy_of(result)});
    take_of(user, Channel::kTaskClient);
  }

  void TearDown() override {
    ControllerTest::TearDown();
    for (const std::size_t user : {kAlice, kBob}) {
      for (const auto& [channel, frames] : users.sent[user]) {
        ADD_FAILURE() << "also sent to user " << user << " on " << to_string(channel);
      }
    }
  }

  FakeUsers users;
  std::unique_ptr<UserGate> gate;

 private:
  std::array<wire::Signer, 2> signers_{wire::Signer("key of alice"), wire::Signer("key of bob")};
};

TEST_F(UserGateTest, AReplyGoesToWhoAskedUnderTheNameTheyGave) {
  join_engine("e1");
  const Seen request = submit(kAlice, "m", R"({"retries":2})");
  EXPECT_EQ(request.header.msg_id, "alice/m");
  EXPECT_EQ(request.header.username, "alice");
  EXPECT_EQ(request.metadata("retries"), "2");
  answer(Channel::kTaskEngine, request, "e1", "ok", {Bytes::of_static("hers")});
  const Seen reply = take_of(kAlice, Channel::kTaskClient);
  EXPECT_EQ(reply.to(), "c");
  EXPECT_EQ(reply.parent.msg_id, "m");
  EXPECT_EQ(reply.message.buffers, Frames{Bytes::of_static("hers")});
}

TEST_F(UserGateTest, AnotherKeyIsNotHers) {
  join_engine("e1");
  wire::Signer bobs("key of bob");
  wire::Signer owners(kClientKey);
  wire::Signer engines(kEngineKey);
  for (wire::Signer* wrong : {&bobs, &owners, &engines}) {
    pass(kAlice, Channel::kTaskClient,
         sign({.identities = {Bytes::of_static("c")}, .type = "apply_request"}, *wrong));
  }
  EXPECT_EQ(gate->dropped_count(), 3);
  // Nor is hers the owner's, or an engine's.
  wire::Signer hers("key of alice");
  controller->on_message(
      Channel::kTaskClient,
      sign({.identities = {Bytes::of_static("c")}, .type = "apply_request"}, hers), -1, now);
  controller->on_message(Channel::kRegistration,
                         sign({.identities = {Bytes::of_static("e2")},
                               .type = "registration_request",
                               .content = R"({"uuid":"e2"})"},
                              hers),
                         -1, now);
  EXPECT_EQ(dropped(Drop::kBadSignature), 2);
}

TEST_F(UserGateTest, AMessageSentAgainIsDropped) {
  join_engine("e1");
  wire::Signer hers("key of alice");
  const Frames frames =
      sign({.identities = {Bytes::of_static("c")}, .type = "connection_request"}, hers);
  pass(kAlice, Channel::kQuery, frames);
  EXPECT_EQ(take_of(kAlice, Channel::kQuery).content("engines"), R"({"0":"e1"})");
  pass(kAlice, Channel::kQuery, frames);
  EXPECT_EQ(gate->dropped_count(), 1);
}

TEST_F(UserGateTest, TheSameIdsOfTwoUsersAreTwoTasks) {
  join_engine("e1");
  join_engine("e2");
  const Seen of_alice = submit(kAlice, "m");
  const Seen of_bob = submit(kBob, "m");
  EXPECT_EQ(of_bob.header.msg_id, "bob/m");
  answer(Channel::kTaskEngine, of_bob, of_bob.to(), "ok", {Bytes::of_static("his")});
  EXPECT_EQ(take_of(kBob, Channel::kTaskClient).message.buffers, Frames{Bytes::of_static("his")});
  answer(Channel::kTaskEngine, of_alice, of_alice.to(), "ok", {Bytes::of_static("hers")});
  EXPECT_EQ(take_of(kAlice, Channel::kTaskClient).message.buffers,
            Frames{Bytes::of_static("hers")});
}

TEST_F(UserGateTest, AnothersResultsAreUnknown) {
  join_engine("e1");
  run(kAlice, "m", "hers");
  const std::string never =
      ask(kBob, "result_request", R"({"msg_ids":["never"]})").content("evalue");
  EXPECT_EQ(never, R"("'No such message: never'")");
  // By any name that he could think of.
  for (const std::string id : {"m", "alice/m", "bob/../alice/m", "../alice/m", ""}) {
    const Seen reply =
        ask(kBob, "result_request", R"({"msg_ids":[")" + id + R"("],"status_only":false})");
    EXPECT_EQ(reply.content("evalue"), "\"'No such message: " + id + "'\"");
    EXPECT_TRUE(reply.message.buffers.empty());
  }
  const Seen reply = ask(kAlice, "result_request", R"({"msg_ids":["m"],"status_only":false})");
  EXPECT_EQ(reply.content("completed"), R"(["m"])");
  EXPECT_EQ(reply.message.buffers, Frames{Bytes::of_static("hers")});
  JsonReader reader;
  const auto content = read_object(reader, reply.message.content.view());
  EXPECT_EQ(content->object("m")->object("header")->text("msg_id"), "m");
}

TEST_F(UserGateTest, RecordsAreEachOnesOwn) {
  join_engine("e1");
  run(kAlice, "a1", "hers");
  run(kBob, "b1", "his");
  EXPECT_EQ(ask(kAlice, "history_request").content("history"), R"(["a1"])");
  EXPECT_EQ(ask(kBob, "history_request").content("history"), R"(["b1"])");
  const auto records = [this](const std::string& query) {
    return ask(kBob, "db_request", R"({"query":)" + query + R"(,"keys":["msg_id"]})")
        .content("records");
  };
  const std::string his = R"([{"msg_id":"b1"}])";
  EXPECT_EQ(records("{}"), his);
  EXPECT_EQ(records(R"({"msg_id":"b1"})"), his);
  EXPECT_EQ(records(R"({"msg_id":{"$in":["a1","b1"]}})"), his);
  EXPECT_EQ(records(R"({"msg_id":{"$glob":"*"}})"), his);
  EXPECT_EQ(records(R"({"msg_id":{"$gte":"b","$lt":"c"}})"), his);
  EXPECT_EQ(records(R"({"header.msg_id":"b1"})"), his);
  for (const std::string query :
       {R"({"msg_id":"a1"})", R"({"msg_id":"alice/a1"})", R"({"msg_id":{"$glob":"alice*"}})",
        R"({"msg_id":{"$in":["a1","alice/a1"]}})", R"({"header.msg_id":"a1"})",
        R"({"header.msg_id":"alice/a1"})", R"({"header.username":"alice"})"}) {
    EXPECT_EQ(records(query), "[]") << query;
  }
  // "not his" is not "everybody else's", either.
  EXPECT_EQ(records(R"({"msg_id":{"$ne":"b1"}})"), "[]");
  EXPECT_EQ(records(R"({"msg_id":{"$nin":["b1"]}})"), "[]");
  const Seen all = ask(kBob, "db_request", R"({"query":{},"keys":["header","result_buffers"]})");
  EXPECT_EQ(all.message.buffers, Frames{Bytes::of_static("his")});
  EXPECT_NE(all.message.content.view().find(R"("msg_id":"b1","msg_type")"), std::string::npos);
}

TEST_F(UserGateTest, TheOwnerSeesAll) {
  join_engine("e1");
  run(kAlice, "a1", "hers");
  run(kBob, "b1", "his");
  receive(Channel::kQuery, {.identities = {Bytes::of_static("o")}, .type = "history_request"});
  EXPECT_EQ(take(Channel::kQuery).content("history"), R"(["alice/a1","bob/b1"])");
  receive(Channel::kQuery, {.identities = {Bytes::of_static("o")},
                            .type = "result_request",
                            .content = R"({"msg_ids":["alice/a1"]})"});
  EXPECT_EQ(take(Channel::kQuery).message.buffers, Frames{Bytes::of_static("hers")});
}

TEST_F(UserGateTest, PurgingTakesOnesOwn) {
  join_engine("e1");
  run(kAlice, "a1", "hers");
  run(kAlice, "a2", "hers");
  run(kBob, "b1", "his");
  for (const char* content : {R"({"msg_ids":["a1","alice/a1"]})",
                              R"({"msg_ids":[],"engine_ids":[0]})", R"({"msg_ids":"all"})"}) {
    EXPECT_EQ(ask(kBob, "purge_request", content).content("status"), "\"ok\"");
  }
  EXPECT_EQ(ask(kBob, "history_request").content("history"), "[]");
  EXPECT_EQ(ask(kAlice, "history_request").content("history"), R"(["a1","a2"])");
  EXPECT_EQ(ask(kAlice, "purge_request", R"({"msg_ids":["a1"]})").content("status"), "\"ok\"");
  EXPECT_EQ(ask(kAlice, "history_request").content("history"), R"(["a2"])");
  EXPECT_EQ(ask(kAlice, "purge_request", R"({"msg_ids":"all"})").content("status"), "\"ok\"");
  EXPECT_EQ(ask(kAlice, "history_request").content("history"), "[]");
}

TEST_F(UserGateTest, ResubmittedTasksStayTheirs) {
  join_engine("e1");
  run(kAlice, "a1", "hers");
  EXPECT_EQ(ask(kBob, "resubmit_request", R"({"msg_ids":["a1"]})").content("ename"),
            "\"KeyError\"");
  const Seen reply = ask(kAlice, "resubmit_request", R"({"msg_ids":["a1"]})");
  EXPECT_EQ(reply.content("status"), "\"ok\"");
  const Seen again = take(Channel::kTaskEngine);
  EXPECT_TRUE(again.header.msg_id.starts_with("alice/"));
  answer(Channel::kTaskEngine, again, "e1", "ok", {Bytes::of_static("again")});
  JsonReader reader;
  const auto content = read_object(reader, reply.message.content.view());
  const std::string new_id(content->object("resubmitted")->text("a1").value_or(""));
  EXPECT_EQ("alice/" + new_id, again.header.msg_id);
  const std::string ids = R"({"msg_ids":[")" + new_id + R"("]})";
  EXPECT_EQ(ask(kAlice, "result_request", ids).message.buffers, Frames{Bytes::of_static("again")});
  EXPECT_EQ(ask(kBob, "result_request", ids).content("ename"), "\"KeyError\"");
}

TEST_F(UserGateTest, QueueStatusIsOfOnesOwn) {
  join_engine("e1");
  run(kAlice, "a1", "hers");
  submit(kAlice, "a2");
  EXPECT_EQ(ask(kAlice, "queue_request", R"({"verbose":true})").message.content,
            R"({"status":"ok","0":{"queue":[],"completed":["a1"],"tasks":["a2"]},)"
            R"("unassigned":[]})");
  EXPECT_EQ(ask(kAlice, "queue_request").message.content,
            R"({"status":"ok","0":{"queue":0,"completed":1,"tasks":1},"unassigned":0})");
  EXPECT_EQ(ask(kBob, "queue_request", R"({"verbose":true})").message.content,
            R"({"status":"ok","0":{"queue":[],"completed":[],"tasks":[]},"unassigned":[]})");
  EXPECT_EQ(ask(kBob, "queue_request").message.content,
            R"({"status":"ok","0":{"queue":0,"completed":0,"tasks":0},"unassigned":0})");
}

TEST_F(UserGateTest, OutputGoesToItsUserAndTheOwner) {
  join_engine("e1");
  const Seen request = submit(kAlice, "m");
  receive(Channel::kIopubEngine, {.identities = {Bytes::of_static("engine.0.stdout")},
                                  .type = "stream",
                                  .content = R"({"name":"stdout","text":"secret"})",
                                  .parent = request.message.header.str()});
  const Seen hers = take_of(kAlice, Channel::kIopubClient);
  EXPECT_EQ(hers.parent.msg_id, "m");
  EXPECT_EQ(hers.content("text"), "\"secret\"");
  EXPECT_EQ(take(Channel::kIopubClient).parent.msg_id, "alice/m");
  // Without a request it is nobody's.
  receive(Channel::kIopubEngine, {.identities = {Bytes::of_static("engine.0.stdout")},
                                  .type = "stream",
                                  .content = R"({"name":"stdout","text":"?"})"});
  take(Channel::kIopubClient);
  // The owner's.
  receive(Channel::kIopubEngine,
          {.identities = {Bytes::of_static("engine.0.stdout")},
           .type = "stream",
           .content = R"({"name":"stdout","text":"?"})",
           .parent = wire::make_header("m", "apply_request", "s", "alice", "").str()});
  take(Channel::kIopubClient);
}

TEST_F(UserGateTest, AnothersTasksAreNoInputsAndNoDependencies) {
  join_engine("e1");
  run(kAlice, "m", "hers");
  for (const std::string id : {"m", "alice/m"}) {
    for (const std::string& metadata :
         {R"({"inputs":[{"id":")" + id + R"(","engine":""}]})", R"({"after":[")" + id + R"("]})",
          R"({"follow":")" + id + R"("})",
          R"({"after":{"dependencies":[")" + id + R"("],"all":true}})"}) {
      from(kBob, Channel::kTaskClient,
           {.identities = {Bytes::of_static("c")}, .type = "apply_request", .metadata = metadata});
      EXPECT_EQ(take_of(kBob, Channel::kTaskClient).content("ename"), "\"InvalidDependency\"")
          << metadata;
    }
  }
  // What he says an engine has, it will not find under his name.
  const Seen request = submit(kBob, "n", R"({"inputs":[{"id":"alice/m","engine":"e1"}]})");
  EXPECT_EQ(request.metadata("inputs"), R"([{"id":"bob/alice/m","engine":"e1"}])");
  answer(Channel::kTaskEngine, request, "e1");
  take_of(kBob, Channel::kTaskClient);
  // Hers are hers.
  const Seen follows = submit(
      kAlice, "next", R"({"after":{"dependencies":["m"]},"inputs":[{"id":"m","engine":""}]})");
  EXPECT_EQ(follows.metadata("inputs"), R"([{"id":"alice/m","engine":""}])");
}

TEST_F(UserGateTest, AbortsNameOnesOwnTasks) {
  join_engine("e1");
  from(kBob, Channel::kControlClient,
       {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
        .type = "abort_request",
        .content = R"({"msg_ids":["m","alice/m"],"interrupt":true})"});
  const Seen sent = take(Channel::kControlEngine);
  EXPECT_EQ(sent.content("msg_ids"), R"(["bob/m","bob/alice/m"])");
  EXPECT_EQ(sent.content("interrupt"), "true");
  answer(Channel::kControlEngine, sent, "e1");
  const Seen reply = take_of(kBob, Channel::kControlClient);
  EXPECT_EQ(reply.header.msg_type, "abort_reply");
  EXPECT_FALSE(reply.parent.msg_id.starts_with("bob/"));
  // A text stands for a list; nothing stands for everything.
  from(kBob, Channel::kControlClient,
       {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
        .type = "release_request",
        .content = R"({"msg_ids":"m"})"});
  EXPECT_EQ(take(Channel::kControlEngine).content("msg_ids"), R"(["bob/m"])");
  for (const char* content : {"{}", R"({"msg_ids":null})", R"({"msg_ids":[]})", "[]"}) {
    from(kBob, Channel::kControlClient,
         {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
          .type = "abort_request",
          .content = content});
    EXPECT_EQ(take_of(kBob, Channel::kControlClient).content("ename"), "\"PermissionError\"");
  }
}

TEST_F(UserGateTest, AnAbortOfAnothersTaskDoesNotTakeItBack) {
  join_engine("e1");
  const Seen running = submit(kAlice, "m");
  for (const char* id : {"m", "alice/m"}) {
    from(kBob, Channel::kControlClient,
         {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
          .type = "abort_request",
          .content = std::string(R"({"msg_ids":[")") + id + R"("]})"});
    EXPECT_TRUE(take(Channel::kControlEngine).content("msg_ids").starts_with(R"(["bob/)"));
  }
  answer(Channel::kTaskEngine, running, "e1");
  EXPECT_EQ(take_of(kAlice, Channel::kTaskClient).content("status"), "\"ok\"");
}

TEST_F(UserGateTest, WhatTouchesOthersIsTheOwners) {
  join_engine("e1");
  for (const char* type : {"shutdown_request", "clear_request", "signal_request",
                           "interrupt_request", "received_notice", "something_new"}) {
    from(kBob, Channel::kControlClient,
         {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")}, .type = type});
    EXPECT_EQ(take_of(kBob, Channel::kControlClient).content("ename"), "\"PermissionError\"");
  }
  for (const char* type :
       {"shutdown_request", "abort_request", "history_request", "comm_info_request"}) {
    from(kBob, Channel::kMuxClient,
         {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")}, .type = type});
    EXPECT_EQ(take_of(kBob, Channel::kMuxClient).content("ename"), "\"PermissionError\"");
    from(kBob, Channel::kTaskClient, {.identities = {Bytes::of_static("c")}, .type = type});
    EXPECT_EQ(take_of(kBob, Channel::kTaskClient).content("ename"), "\"PermissionError\"");
  }
  for (const char* type : {"shutdown_request", "stats_request", "registration_request",
                           "unregistration_request", "something_new"}) {
    const Seen reply = ask(kBob, type);
    EXPECT_EQ(reply.header.msg_type, "hub_error");
    EXPECT_EQ(reply.content("ename"), "\"PermissionError\"");
  }
  EXPECT_FALSE(controller->wants_to_stop());
}

TEST_F(UserGateTest, DirectRequestsAndBroadcastsComeBackToo) {
  join_engine("e1");
  from(kAlice, Channel::kMuxClient,
       {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
        .type = "execute_request",
        .msg_id = "m"});
  answer(Channel::kMuxEngine, take(Channel::kMuxEngine), "e1");
  EXPECT_EQ(take_of(kAlice, Channel::kMuxClient).parent.msg_id, "m");

  for (const char* coalescing : {"false", "true"}) {
    from(kAlice, Channel::kBroadcastClient,
         {.identities = {Bytes::of_static("c")},
          .type = "apply_request",
          .metadata = std::string(R"({"targets":[["e1",0]],"is_coalescing":)") + coalescing + "}",
          .msg_id = std::string("b") + coalescing});
    const Seen part = take(Channel::kBroadcastEngine);
    answer(Channel::kBroadcastEngine, part, "e1", "ok", {},
           R"(,"original_msg_id":)" + part.metadata("original_msg_id"));
    const Seen reply = take_of(kAlice, Channel::kBroadcastClient);
    EXPECT_EQ(reply.metadata("original_msg_id"), "\"b" + std::string(coalescing) + "\"");
    EXPECT_TRUE(reply.parent.msg_id.starts_with("b" + std::string(coalescing)));
  }
}

TEST_F(UserGateTest, AnEngineCannotHandAReplyToAnother) {
  join_engine("e1");
  const Seen request = submit(kAlice, "m");
  Seen forged = request;
  forged.message.identities.back() = Bytes(marked_identity("bob", "c"));
  answer(Channel::kTaskEngine, forged, "e1");
  EXPECT_EQ(take_of(kAlice, Channel::kTaskClient).parent.msg_id, "m");
  // On the control channel the way back is the engine's to say: but not with her request.
  from(kAlice, Channel::kControlClient,
       {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
        .type = "abort_request",
        .content = R"({"msg_ids":["m"]})"});
  Seen abort = take(Channel::kControlEngine);
  abort.message.identities.back() = Bytes(marked_identity("bob", "c"));
  answer(Channel::kControlEngine, abort, "e1");
  EXPECT_EQ(gate->dropped_count(), 1);
}

TEST_F(UserGateTest, AUsersClientsShareOneLimit) {
  ControllerConfig limited = config();
  limited.client_limits.max_requests = 2;
  restart_with(limited);
  for (const char* client : {"c1", "c2", "c3"}) {
    from(kAlice, Channel::kTaskClient,
         {.identities = {Bytes::of_static(client)}, .type = "apply_request"});
  }
  const Seen refusal = take_of(kAlice, Channel::kTaskClient);
  EXPECT_EQ(refusal.to(), "c3");
  EXPECT_EQ(refusal.content("ename"), "\"TaskRejectError\"");
  from(kBob, Channel::kTaskClient,
       {.identities = {Bytes::of_static("c1")}, .type = "apply_request"});
}

TEST_F(UserGateTest, AnothersReplyIsNeitherResumedNorAcknowledged) {
  FakeJournalSink file;
  Journal journal(file, "name");
  controller = std::make_unique<Controller>(config(), *gate, *store, &journal);
  advance(Duration::zero());
  outbox.sent.clear();
  join_engine("e1");
  for (const std::size_t user : {kAlice, kBob}) {
    EXPECT_EQ(ask(user, "connection_request", R"({"resumes":true})").content("status"), "\"ok\"");
  }
  run(kAlice, "m", "hers");
  const std::string ids = R"({"msg_ids":["m","alice/m"]})";
  from(kBob, Channel::kQuery,
       {.identities = {Bytes::of_static("c")}, .type = "received_notice", .content = ids});
  EXPECT_EQ(ask(kBob, "resume_request", ids).content("unknown"), R"(["m","alice/m"])");
  from(kAlice, Channel::kQuery,
       {.identities = {Bytes::of_static("c")},
        .type = "resume_request",
        .content = R"({"msg_ids":["m"]})"});
  EXPECT_EQ(take_of(kAlice, Channel::kTaskClient).message.buffers,
            Frames{Bytes::of_static("hers")});
  EXPECT_EQ(take_of(kAlice, Channel::kQuery).content("unknown"), "[]");
  controller.reset();
}

TEST(UserScope, NamesAreNamesOfFolders) {
  for (const char* name : {"alice", "Bob_2", "a.b-c", "7"}) EXPECT_TRUE(is_user_name(name));
  for (const char* name : {"", ".", "..", ".a", "-a", "a/b", "a b", "a,b", "é"}) {
    EXPECT_FALSE(is_user_name(name)) << name;
  }
}

TEST(UserScope, OneUsersNameIsNotTheBeginningOfAnothers) {
  const Scope al("al");
  EXPECT_EQ(al.outside(Scope("alice").inside("m")), std::nullopt);
  EXPECT_EQ(al.outside("al/m"), "m");
  EXPECT_EQ(Scope().outside("al/m"), "al/m");
  EXPECT_EQ(account_of(marked_identity("al", "x")), account_of(marked_identity("al", "y")));
  EXPECT_NE(account_of(marked_identity("al", "x")), account_of(marked_identity("alice", "x")));
  EXPECT_EQ(account_of("\x01x"), "\x01x");
}

}  // namespace
}  // namespace engineroom::controller
