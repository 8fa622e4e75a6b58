#include "controller/host_buffers.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "controller/fake_outbox.h"
#include "transport/shared_bytes.h"

namespace engineroom::controller {
namespace {

using std::chrono::seconds;

constexpr std::size_t kLarge = transport::kSharedBytes;

std::string peer(const std::string& host) {
  return R"(,"engineroom":"0.1","peer":{"url":"ipc://@)" + host + R"(","host":")" + host +
         R"(","host_buffers":true})";
}

Bytes large(char letter, std::size_t size = kLarge) { return Bytes(std::string(size, letter)); }

// e1, e2 and e3 are on one host, "own" is on the controller's, "alone" is by itself on a third.
class HostBuffersTest : public ControllerTest {
 protected:
  void SetUp() override {
    ControllerConfig config = ControllerTest::config();
    config.host = "here";
    // Hearts are not what these tests are about.
    config.heartbeat_period = std::chrono::hours(1);
    restart(std::move(config));
    for (const char* uuid : {"e1", "e2", "e3"}) join(uuid, peer("there"), number_++);
    join("own", peer("here"));
    join("own2", peer("here"));
    join("alone", peer("elsewhere"));
    join("stock");
  }
  Seen push(const std::string& uuid, const std::string& msg_id, const Frames& buffers) {
    receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes(uuid)},
                                  .type = "apply_request",
                                  .metadata = R"({"label":"L"})",
                                  .buffers = buffers,
                                  .msg_id = msg_id});
    return take(Channel::kMuxEngine);
  }
  static std::vector<wire::HostBuffer> read(const Seen& seen) {
    JsonReader reader;
    simdjson::dom::object metadata;
    EXPECT_EQ(reader.parse(seen.message.metadata.view()).value().get(metadata), simdjson::SUCCESS);
    return wire::read_host_buffers(metadata, seen.message.buffers.size());
  }
  // The one name in it.
  static std::string id_of(const Seen& seen) {
    const auto buffers = read(seen);
    EXPECT_EQ(buffers.size(), 1u);
    return buffers.empty() ? "" : buffers[0].id;
  }
  static std::string holder_of(const Seen& seen) {
    const auto buffers = read(seen);
    return buffers.empty() || !buffers[0].holder ? "" : buffers[0].holder->uuid;
  }
  void say_complete(const std::string& uuid, const std::string& msg_id) {
    receive(Channel::kRegistration, {.identities = {Bytes(uuid)},
                                     .type = "complete_notice",
                                     .content = R"({"msg_ids":[")" + msg_id + R"("]})"});
  }
  Seen ask(const std::string& uuid, const std::string& id, std::uint64_t from = 0,
           const std::string& failed = "") {
    receive(Channel::kRegistration,
            {.identities = {Bytes(uuid)},
             .type = "result_request",
             .content = R"({"id":")" + id + R"(","task":"any","from":)" + std::to_string(from) +
                        R"(,"bytes":1000,)" + R"("failed":")" + failed + R"("})"});
    return take(Channel::kRegistration);
  }
  // Whom to ask; "": it has sent the bytes itself.
  static std::string told(const Seen& answer) {
    if (answer.content("status") == "\"ok\"") return "";
    EXPECT_EQ(answer.content("status"), "\"elsewhere\"");
    const std::string quoted = answer.content("engine");
    return quoted.substr(1, quoted.size() - 2);
  }
  const HostBuffers& kept() const { return controller->core().host_buffers; }
  std::uint64_t stat(const char* key) const {
    JsonWriter w;
    kept().write(w);
    JsonReader reader;
    return reader.parse(w.take()).value()[key].get_uint64().value();
  }
  void lose(const std::string& uuid) {
    receive(Channel::kRegistration,
            {.identities = {Bytes(uuid)},
             .type = "unregistration_request",
             .content = R"({"id":)" +
                        std::to_string(number(controller->core().registry.find(uuid)->id)) + "}"});
    take(Channel::kNotification);
  }

  int number_ = 5;
};

TEST_F(HostBuffersTest, TheFirstEngineOfAHostGetsTheBytesAndTheOthersAName) {
  const Frames buffers = {Bytes::of_static("function"), large('x')};
  const Seen first = push("e1", "r1", buffers);
  EXPECT_EQ(first.message.buffers, buffers);
  EXPECT_EQ(first.metadata("label"), "\"L\"");
  EXPECT_EQ(holder_of(first), "");

  const Seen second = push("e2", "r2", buffers);
  EXPECT_EQ(second.message.buffers, (Frames{Bytes::of_static("function"), Bytes()}));
  const auto [at, id, holder] = read(second).at(0);
  EXPECT_EQ(at, 1u);
  EXPECT_EQ(id, id_of(first));
  EXPECT_EQ(holder->uuid, "e1");
  EXPECT_EQ(holder->peer, R"({"url":"ipc://@there","host":"there","host_buffers":true})");
  EXPECT_EQ(holder->bytes, kLarge);
  EXPECT_GE(holder->patience, 10);
  EXPECT_EQ(holder_of(push("e3", "r3", buffers)), "e1");
  // The engine that has it, too: it may have two arguments alike, or two tasks.
  EXPECT_EQ(holder_of(push("e1", "r4", buffers)), "e1");
}

TEST_F(HostBuffersTest, SameIsWhatHasTheSameBytes) {
  const std::string id = id_of(push("e1", "r1", {large('x')}));
  // Another copy, as of a client that comes by the network; and something else of that size.
  EXPECT_EQ(id_of(push("e2", "r2", {large('x')})), id);
  const Seen other = push("e2", "r3", {large('y')});
  EXPECT_EQ(holder_of(other), "");
  EXPECT_NE(id_of(other), id);
  // The same but for a byte that the sample does not see.
  std::string almost(kLarge, 'x');
  almost[100] = 'y';
  const Seen sent = push("e3", "r4", {Bytes(almost)});
  EXPECT_TRUE(read(sent).empty());
  EXPECT_EQ(sent.message.buffers[0], almost);
}

// Else the time that a request takes would tell bob whether alice has sent the same.
TEST_F(HostBuffersTest, UsersShareWithNobodyElse) {
  const Bytes buffer = large('x');
  const std::string alices = id_of(push("e1", "alice/r1", {buffer}));
  EXPECT_EQ(holder_of(push("e2", "alice/r2", {buffer})), "e1");
  const Seen bobs = push("e2", "bob/r1", {buffer});
  EXPECT_EQ(bobs.message.buffers, Frames{buffer});
  EXPECT_EQ(holder_of(bobs), "");
  EXPECT_NE(id_of(bobs), alices);
  EXPECT_EQ(holder_of(push("e3", "bob/r2", {buffer})), "e2");
  // The cluster's owner, whose ids have no name in front.
  EXPECT_EQ(holder_of(push("e3", "r1", {buffer})), "");
  EXPECT_EQ(holder_of(push("e1", "r2", {buffer})), "e3");
}

TEST_F(HostBuffersTest, UsersShareNothingByBroadcastsAndTasksEither) {
  const Bytes buffer = large('x');
  const auto broadcast = [&](const std::string& msg_id) {
    receive(Channel::kBroadcastClient, {.identities = {Bytes::of_static("c")},
                                        .type = "apply_request",
                                        .metadata = R"({"targets":[["e1",0],["e2",1]]})",
                                        .buffers = {buffer},
                                        .msg_id = msg_id});
    const Seen first = take(Channel::kBroadcastEngine);
    EXPECT_EQ(holder_of(first), "");
    EXPECT_EQ(holder_of(take(Channel::kBroadcastEngine)), "e1");
    return id_of(first);
  };
  const auto submit = [&](const std::string& msg_id, const std::string& engine) {
    receive(Channel::kTaskClient, {.identities = {Bytes::of_static("c")},
                                   .type = "apply_request",
                                   .metadata = R"({"targets":[")" + engine + R"("]})",
                                   .buffers = {buffer},
                                   .msg_id = msg_id});
    return take(Channel::kTaskEngine);
  };
  const std::string alices = broadcast("alice/b");
  EXPECT_NE(broadcast("bob/b"), alices);
  EXPECT_EQ(id_of(submit("alice/t", "e3")), alices);
  EXPECT_EQ(holder_of(submit("carol/t", "e2")), "");
}

TEST_F(HostBuffersTest, SharedMemoryIsKnownByItsSegment) {
  transport::SharedPool pool;
  const Bytes shared = *pool.copy(large('x').view(), now);
  const Bytes again = *transport::map_shared(UniqueFd(::dup(transport::shared_descriptor(shared))),
                                             shared.size(), true);
  EXPECT_TRUE(transport::is_same_segment(shared, again));
  EXPECT_FALSE(transport::is_same_segment(shared, *pool.copy(large('x').view(), now)));
  EXPECT_FALSE(transport::is_same_segment(shared, large('x')));
  push("e1", "r1", {shared});
  EXPECT_EQ(holder_of(push("e2", "r2", {again})), "e1");
}

TEST_F(HostBuffersTest, OthersGetBytesAsEver) {
  const Bytes buffer = large('x');
  for (const char* uuid : {"own", "own2", "alone", "stock", "stock"}) {
    const Seen sent = push(uuid, "r" + std::to_string(number_++), {buffer});
    EXPECT_EQ(sent.message.buffers, Frames{buffer});
    EXPECT_EQ(sent.metadata("host_buffers"), "");
  }
  // What is small, too.
  const Bytes small = large('x', kLarge - 1);
  EXPECT_EQ(push("e1", "s1", {small}).metadata("host_buffers"), "");
  EXPECT_EQ(push("e2", "s2", {small}).message.buffers, Frames{small});
  EXPECT_EQ(kept().size(), 0u);
}

TEST_F(HostBuffersTest, ABroadcastIsSentOncePerHost) {
  const Bytes buffer = large('x');
  receive(Channel::kBroadcastClient,
          {.identities = {Bytes::of_static("c")},
           .type = "apply_request",
           .metadata = R"({"targets":[["own",3],["e1",0],["e2",1],["e3",2]]})",
           .buffers = {buffer},
           .msg_id = "b"});
  EXPECT_EQ(take(Channel::kBroadcastEngine).metadata("host_buffers"), "");
  const Seen first = take(Channel::kBroadcastEngine);
  EXPECT_EQ(first.to(), "e1");
  EXPECT_EQ(first.message.buffers, Frames{buffer});
  for (const char* uuid : {"e2", "e3"}) {
    const Seen sent = take(Channel::kBroadcastEngine);
    EXPECT_EQ(sent.to(), uuid);
    EXPECT_EQ(sent.message.buffers, Frames{Bytes()});
    EXPECT_EQ(holder_of(sent), "e1");
    EXPECT_EQ(id_of(sent), id_of(first));
  }
}

TEST_F(HostBuffersTest, BalancedTasksAreGivenItOnceToo) {
  const Bytes closure = large('x');
  const auto submit = [&](const std::string& msg_id, const std::string& targets) {
    receive(Channel::kTaskClient, {.identities = {Bytes::of_static("c")},
                                   .type = "apply_request",
                                   .metadata = R"({"retries":1,"targets":)" + targets + "}",
                                   .buffers = {closure},
                                   .msg_id = msg_id});
    return take(Channel::kTaskEngine);
  };
  EXPECT_EQ(holder_of(submit("t1", R"(["e1"])")), "");
  const Seen second = submit("t2", R"(["e2","e3"])");
  EXPECT_EQ(holder_of(second), "e1");
  say_complete("e1", "t1");
  say_complete(second.to(), "t2");
  // Others start when these have ended.
  advance(HostBuffers::kLingerOfTasks - seconds(1));
  EXPECT_EQ(kept().size(), 1u);
  // What is tried again has its bytes with it: what was said of the first attempt may come late.
  answer(Channel::kTaskEngine, second, second.to(), "error");
  const Seen again = take(Channel::kTaskEngine);
  EXPECT_EQ(again.message.buffers, Frames{closure});
  EXPECT_TRUE(read(again).empty());
}

TEST_F(HostBuffersTest, ItIsKeptUntilAllHaveIt) {
  const Bytes buffer = large('x');
  const Seen first = push("e1", "r1", {buffer});
  const std::string id = id_of(first);
  push("e2", "r2", {buffer});
  say_complete("e1", "r1");
  advance(seconds(100));
  EXPECT_EQ(kept().size(), 1u);

  const Seen piece = ask("e2", id, 0, "e1");
  EXPECT_EQ(piece.content("status"), "\"ok\"");
  EXPECT_EQ(piece.content("sizes"), "[" + std::to_string(kLarge) + "]");
  EXPECT_EQ(piece.message.buffers, Frames{large('x', 1000)});
  EXPECT_EQ(ask("e2", id, kLarge - 10).message.buffers, Frames{large('x', 10)});
  // Nobody else gets it.
  EXPECT_EQ(ask("e3", id).content("status"), "\"missing\"");

  say_complete("e2", "r2");
  // Others of the same call may follow.
  EXPECT_EQ(holder_of(push("e3", "r3", {buffer})), "e2");
  answer(Channel::kMuxEngine, push("e3", "r4", {buffer}), "e3");
  take(Channel::kMuxClient);
  say_complete("e3", "r3");
  EXPECT_EQ(kept().size(), 1u);
  advance(seconds(1));
  EXPECT_EQ(kept().size(), 0u);
  for (const char* uuid : {"e1", "e2", "e3"}) {
    const Seen release = take(Channel::kControlEngine);
    EXPECT_EQ(release.to(), uuid);
    EXPECT_EQ(release.header.msg_type, "release_request");
    EXPECT_EQ(release.content("msg_ids"), "[\"" + id + "\"]");
  }
  EXPECT_EQ(ask("e2", id).content("status"), "\"missing\"");
}

TEST_F(HostBuffersTest, WhenItsEngineIsLostAnotherOneGetsTheBytes) {
  const Bytes buffer = large('x');
  const std::string id = id_of(push("e1", "r1", {buffer}));
  push("e2", "r2", {buffer});
  lose("e1");
  const Seen carried = push("e3", "r3", {buffer});
  EXPECT_EQ(carried.message.buffers, Frames{buffer});
  EXPECT_EQ(holder_of(carried), "");
  EXPECT_EQ(told(ask("e2", id, 0, "e1")), "e3");
  EXPECT_EQ(holder_of(push("e2", "r4", {buffer})), "e3");
  lose("e2");
  // One that gets the number of the first, which has nothing.
  join("e4", peer("there") + R"(,"id":0)");
  EXPECT_EQ(holder_of(push("e4", "r5", {buffer})), "e3");
  say_complete("e4", "r5");
  say_complete("e3", "r3");
  advance(seconds(1));
  EXPECT_EQ(take(Channel::kControlEngine).to(), "e4");
  EXPECT_EQ(take(Channel::kControlEngine).to(), "e3");
  EXPECT_EQ(kept().size(), 0u);
}

// The bytes go to the host once more, not once per engine.
TEST_F(HostBuffersTest, WhoSaysFirstThatAnEngineFailedTakesItsPlace) {
  const Bytes buffer = large('x');
  join("e4", peer("there"));
  const std::string id = id_of(push("e1", "r1", {buffer}));
  for (const char* uuid : {"e2", "e3"}) push(uuid, std::string("to-") + uuid, {buffer});
  EXPECT_EQ(stat("spared_bytes"), 2 * kLarge);

  // Nobody has lost it yet, as far as the controller knows.
  const Seen piece = ask("e2", id, 0, "e1");
  EXPECT_EQ(piece.content("status"), "\"ok\"");
  EXPECT_EQ(piece.message.buffers, Frames{large('x', 1000)});
  EXPECT_EQ(stat("resent_bytes"), kLarge);
  const Seen elsewhere = ask("e3", id, 0, "e1");
  EXPECT_EQ(elsewhere.content("status"), "\"elsewhere\"");
  EXPECT_EQ(elsewhere.message.buffers, Frames{});
  EXPECT_EQ(elsewhere.content("engine"), "\"e2\"");
  EXPECT_EQ(elsewhere.content("bytes"), std::to_string(kLarge));
  EXPECT_EQ(elsewhere.content("relayed"), "true");
  EXPECT_NE(elsewhere.content("peer").find("there"), std::string::npos);
  // And so are those that come later.
  const Seen late = push("e4", "r4", {buffer});
  EXPECT_EQ(holder_of(late), "e2");
  EXPECT_TRUE(read(late).at(0).holder->is_relayed);
  // An answer was lost, and more pieces.
  EXPECT_EQ(ask("e2", id, 0, "e1").content("status"), "\"ok\"");
  EXPECT_EQ(ask("e2", id, 5000).content("status"), "\"ok\"");
  EXPECT_EQ(stat("spared_bytes"), 3 * kLarge);
  EXPECT_EQ(stat("resent_bytes"), kLarge);
}

TEST_F(HostBuffersTest, WhoTookThePlaceMayFailToo) {
  const Bytes buffer = large('x');
  const std::string id = id_of(push("e1", "r1", {buffer}));
  for (const char* uuid : {"e2", "e3"}) push(uuid, std::string("to-") + uuid, {buffer});
  EXPECT_EQ(told(ask("e2", id, 0, "e1")), "");
  EXPECT_EQ(told(ask("e3", id, 0, "e1")), "e2");
  EXPECT_EQ(told(ask("e3", id, 0, "e2")), "");
  EXPECT_EQ(told(ask("e2", id, 0, "e1")), "e3");
  // It was on its way with the rest.
  EXPECT_EQ(ask("e2", id, 5000).content("status"), "\"ok\"");
  lose("e3");
  EXPECT_EQ(told(ask("e2", id, 0, "e3")), "");
  EXPECT_EQ(stat("resent_bytes"), 3 * kLarge);
}

// Nothing new is entrusted to it, and it is sent what is its own.
TEST_F(HostBuffersTest, WhoFailedOthersHoldsNothingUntilItIsHeardOf) {
  const std::string x = id_of(push("e1", "x1", {large('x')}));
  push("e2", "x2", {large('x')});
  const std::string y = id_of(push("e1", "y1", {large('y')}));
  push("e2", "y2", {large('y')});
  push("e3", "y3", {large('y')});
  EXPECT_EQ(told(ask("e2", x, 0, "e1")), "");
  // Whoever asks for another one that it should have need not try it first.
  EXPECT_EQ(told(ask("e3", y)), "");
  EXPECT_EQ(told(ask("e2", y, 0, "e1")), "e3");

  const Seen plain = push("e1", "z1", {large('z')});
  EXPECT_EQ(plain.message.buffers, Frames{large('z')});
  EXPECT_TRUE(read(plain).empty());
  EXPECT_EQ(holder_of(push("e2", "z2", {large('z')})), "");
  EXPECT_EQ(holder_of(push("e3", "z3", {large('z')})), "e2");
  answer(Channel::kMuxEngine, plain, "e1");
  take(Channel::kMuxClient);
  EXPECT_EQ(holder_of(push("e1", "z4", {large('z')})), "e2");
}

TEST_F(HostBuffersTest, WhoWasNotSentItsNameTakesNobodysPlace) {
  const std::string id = id_of(push("e1", "r1", {large('x')}));
  EXPECT_EQ(ask("e2", id, 0, "e1").content("status"), "\"missing\"");
  EXPECT_EQ(holder_of(push("e3", "r3", {large('x')})), "e1");
}

TEST_F(HostBuffersTest, MetadataThatAreNoObjectCannotSayIt) {
  receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                .type = "apply_request",
                                .metadata = "[]",
                                .buffers = {large('x')},
                                .msg_id = "r1"});
  EXPECT_EQ(take(Channel::kMuxEngine).message.buffers, Frames{large('x')});
  EXPECT_EQ(kept().size(), 0u);
}

TEST(HostBuffersLimitTest, WhatThereIsNoRoomForIsSent) {
  Registry registry;
  const Time now{seconds(1)};
  for (const char* uuid : {"e1", "e2"}) registry.add(uuid, std::nullopt, now).host = "there";
  const auto engine = [&](const char* uuid) { return *registry.find(std::string_view(uuid)); };
  HostBuffers buffers(registry, "here", 3 * kLarge);
  const auto share = [&](const char* uuid, const char* msg_id, const Bytes& buffer) {
    wire::Message message;
    message.metadata = Bytes::of_static("{}");
    message.buffers = {buffer};
    const bool is_shared = buffers.share(message, msg_id, engine(uuid), now);
    buffers.sanity_check();
    return is_shared;
  };
  EXPECT_TRUE(share("e1", "r1", large('a', 2 * kLarge)));
  EXPECT_FALSE(share("e1", "r2", large('b', 2 * kLarge)));
  EXPECT_TRUE(share("e2", "r3", large('a', 2 * kLarge)));
  EXPECT_TRUE(share("e2", "r4", large('c')));
  for (const char* msg_id : {"r1", "r2"}) buffers.on_received(engine("e1").id, msg_id, now);
  buffers.on_engine_lost(engine("e2").id, now);
  EXPECT_TRUE(buffers.take_released(now).empty());
  EXPECT_EQ(buffers.take_released(now + seconds(1)).size(), 1u);
  EXPECT_EQ(buffers.size(), 0u);
  EXPECT_FALSE(buffers.next_deadline());
  // A single one may be larger than that.
  EXPECT_TRUE(share("e1", "r5", large('d', 4 * kLarge)));
  EXPECT_FALSE(share("e1", "r6", large('e')));
}

TEST_F(HostBuffersTest, WhatIsNeverAnsweredIsNotShared) {
  receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                .type = "comm_msg",
                                .buffers = {large('x')},
                                .msg_id = "r1"});
  EXPECT_EQ(take(Channel::kMuxEngine).metadata("host_buffers"), "");
}

}  // namespace
}  // namespace engineroom::controller
