#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LifecycleTest : public ControllerTest {};

TEST_F(LifecycleTest, FirstPongCompletesTheRegistration) {
  receive(Channel::kRegistration, {.identities = {Bytes::of_static("e1")},
                                   .type = "registration_request",
                                   .content = R"({"uuid":"e1"})"});
  const Seen reply = take(Channel::kRegistration);
  EXPECT_EQ(reply.to(), "e1");
  EXPECT_EQ(reply.header.msg_type, "registration_reply");
  EXPECT_EQ(reply.message.parent_header, "{}");
  EXPECT_EQ(reply.content("id"), "0");
  EXPECT_EQ(reply.content("hb_period"), "100");
  EXPECT_EQ(controller->core().registry.registered_count(), 0u);

  // An extra ping comes long before the next scheduled one.
  advance(milliseconds(25));
  pong("e1", take_ping());
  const Seen notification = take(Channel::kNotification);
  EXPECT_EQ(notification.header.msg_type, "registration_notification");
  EXPECT_EQ(notification.message.content, R"({"id":0,"uuid":"e1"})");
  EXPECT_EQ(controller->core().registry.registered_count(), 1u);
}

TEST_F(LifecycleTest, SubscriberToPingsGetsOneSoon) {
  controller->on_message(Channel::kPing, {Bytes::of_static("\x01")}, -1, now);
  advance(milliseconds(25));
  take_ping();
}

TEST_F(LifecycleTest, IdsAreNeverReusedUnlessAskedFor) {
  EXPECT_EQ(join("e1"), EngineId{0});
  EXPECT_EQ(join("e2", R"(,"id":7)"), EngineId{7});
  EXPECT_EQ(join("e3"), EngineId{8});
  receive(Channel::kRegistration, {.identities = {Bytes::of_static("x")},
                                   .type = "unregistration_request",
                                   .content = R"({"id":7})"});
  EXPECT_EQ(take(Channel::kNotification).message.content, R"({"id":7,"uuid":"e2"})");
  EXPECT_EQ(join("e4"), EngineId{9});
  EXPECT_EQ(join("e5", R"(,"id":7)"), EngineId{7});
  EXPECT_EQ(join("e6", R"(,"id":8)"), EngineId{10});
}

TEST_F(LifecycleTest, UuidInUseIsRefused) {
  join("e1");
  receive(Channel::kRegistration, {.identities = {Bytes::of_static("e1b")},
                                   .type = "registration_request",
                                   .content = R"({"uuid":"e1"})"});
  const Seen reply = take(Channel::kRegistration);
  EXPECT_EQ(reply.to(), "e1b");
  EXPECT_EQ(reply.content("status"), "\"error\"");
}

TEST_F(LifecycleTest, UnusableUuidsAreRefused) {
  for (const char* content : {"{}", R"({"uuid":""})", R"({"uuid":3})", R"({"uuid":"\u0000x"})"}) {
    receive(Channel::kRegistration, {.identities = {Bytes::of_static("e1")},
                                     .type = "registration_request",
                                     .content = content});
    EXPECT_EQ(take(Channel::kRegistration).content("status"), "\"error\"");
  }
}

TEST_F(LifecycleTest, EngineThatMissesTooManyPingsIsGone) {
  join("e1");
  join("e2");
  advance(milliseconds(100));  // the beat after joining: both have answered before
  for (int beat = 0; beat < 3; ++beat) {
    pong("e1", take_ping());
    advance(milliseconds(100));
  }
  const Seen notification = take(Channel::kNotification);
  EXPECT_EQ(notification.header.msg_type, "unregistration_notification");
  EXPECT_EQ(notification.content("uuid"), "\"e2\"");
  take_ping();
  EXPECT_EQ(controller->core().registry.registered_count(), 1u);
}

TEST_F(LifecycleTest, OldPongsAreNoSignOfLife) {
  join("e1");
  advance(milliseconds(100));
  const std::string old = take_ping();
  for (int beat = 0; beat < 2; ++beat) {
    advance(milliseconds(100));
    take_ping();
  }
  pong("e1", old);
  advance(milliseconds(100));
  EXPECT_EQ(take(Channel::kNotification).header.msg_type, "unregistration_notification");
  take_ping();
}

TEST_F(LifecycleTest, ClosedConnectionMeansGoneAtOnce) {
  join("e1", "", 17);
  controller->on_connection_closed(18, now);
  expect_nothing_left();
  controller->on_connection_closed(17, now);
  EXPECT_EQ(take(Channel::kNotification).header.msg_type, "unregistration_notification");
}

TEST_F(LifecycleTest, EngineThatNeverStartsIsForgottenSilently) {
  receive(Channel::kRegistration, {.identities = {Bytes::of_static("e1")},
                                   .type = "registration_request",
                                   .content = R"({"uuid":"e1"})"});
  take(Channel::kRegistration);
  advance(seconds(31));
  take_ping();
  EXPECT_TRUE(controller->core().registry.all().empty());
}

TEST_F(LifecycleTest, ReturningEngineOfOursIsAskedToRegisterAnew) {
  join("e1", R"(,"engineroom":"0.1.0")", 5);
  controller->on_connection_closed(5, now);
  take(Channel::kNotification);

  pong("e1", "1.0");
  const Seen told = take(Channel::kRegistration);
  EXPECT_EQ(told.to(), "e1");
  EXPECT_EQ(told.header.msg_type, "unregistration_notification");
  EXPECT_EQ(told.message.content, R"({"id":0,"uuid":"e1"})");
  // Not at every pong.
  pong("e1", "1.0");
  expect_nothing_left();

  EXPECT_EQ(join("e1", R"(,"engineroom":"0.1.0")"), EngineId{1});
}

TEST_F(LifecycleTest, ReturningStockEngineIsToldToExit) {
  join("e1", "", 5);
  controller->on_connection_closed(5, now);
  take(Channel::kNotification);
  pong("e1", "1.0");
  const Seen told = take(Channel::kControlEngine);
  EXPECT_EQ(told.to(), "e1");
  EXPECT_EQ(told.header.msg_type, "shutdown_request");
}

TEST_F(LifecycleTest, EngineThatSaidGoodByeIsLeftAlone) {
  join("e1");
  receive(Channel::kRegistration, {.identities = {Bytes::of_static("x")},
                                   .type = "unregistration_request",
                                   .content = R"({"id":0})"});
  take(Channel::kNotification);
  pong("e1", "1.0");
}

// Whoever has the clients' file alone.
TEST_F(LifecycleTest, ClientsCannotPassForEngines) {
  join("e1");
  const auto send_as_client = [this](Channel channel, Out out) {
    controller->on_message(channel, sign(std::move(out), Side::kClients), -1, now);
  };
  send_as_client(Channel::kRegistration, {.identities = {Bytes::of_static("e2")},
                                          .type = "registration_request",
                                          .content = R"({"uuid":"e2"})"});
  send_as_client(Channel::kRegistration, {.identities = {Bytes::of_static("x")},
                                          .type = "unregistration_request",
                                          .content = R"({"id":0})"});
  receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                .type = "apply_request",
                                .msg_id = "r1"});
  const Seen request = take(Channel::kMuxEngine);
  send_as_client(Channel::kMuxEngine,
                 {.identities = {Bytes::of_static("e1"), Bytes::of_static("c")},
                  .type = "apply_reply",
                  .parent = request.message.header.str()});
  send_as_client(Channel::kIopubEngine, {.identities = {Bytes::of_static("engine.0.stdout")},
                                         .type = "stream",
                                         .content = R"({"name":"stdout","text":"forged"})"});
  EXPECT_EQ(dropped(Drop::kBadSignature), 4u);
  EXPECT_TRUE(store->is_pending("r1"));
}

TEST_F(LifecycleTest, EnginesCannotPassForClients) {
  controller->on_message(
      Channel::kTaskClient,
      sign({.identities = {Bytes::of_static("e1")}, .type = "apply_request"}, Side::kEngines), -1,
      now);
  controller->on_message(
      Channel::kQuery,
      sign({.identities = {Bytes::of_static("e1")}, .type = "history_request"}, Side::kEngines), -1,
      now);
  EXPECT_EQ(dropped(Drop::kBadSignature), 2u);
  // Nor do they ask queries where they register.
  receive(Channel::kRegistration,
          {.identities = {Bytes::of_static("e1")}, .type = "shutdown_request"});
  EXPECT_EQ(dropped(Drop::kMalformed), 1u);
  EXPECT_FALSE(controller->wants_to_stop());
}

TEST_F(LifecycleTest, StrangersAreCounted) {
  pong("nobody", "1.0");
  controller->on_message(Channel::kPong, {Bytes::of_static("x")}, -1, now);
  controller->on_message(Channel::kPong, {}, -1, now);
  EXPECT_EQ(dropped(Drop::kUnknownEngine), 1u);
  EXPECT_EQ(dropped(Drop::kMalformed), 2u);
}

TEST_F(LifecycleTest, ShutdownReplyOnIopubIsAGoodBye) {
  join("session");  // an engine's session is its uuid
  receive(Channel::kIopubEngine, {.identities = {Bytes::of_static("engine.0.shutdown")},
                                  .type = "shutdown_reply",
                                  .content = R"({"status":"ok","restart":false})"});
  EXPECT_EQ(take(Channel::kIopubClient).header.msg_type, "shutdown_reply");
  EXPECT_EQ(take(Channel::kNotification).header.msg_type, "unregistration_notification");
}

}  // namespace
}  // namespace engineroom::controller
