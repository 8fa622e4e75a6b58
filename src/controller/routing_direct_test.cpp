#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

class RoutingDirectTest : public ControllerTest {
 protected:
  Seen ask(const std::string& uuid, const std::string& msg_id) {
    receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes(uuid)},
                                  .type = "apply_request",
                                  .metadata = R"({"label":"L"})",
                                  .buffers = {Bytes::of_static("argument")},
                                  .msg_id = msg_id});
    return take(Channel::kMuxEngine);
  }
};

TEST_F(RoutingDirectTest, RequestAndReplySwapTheirIdentitiesAndNothingElse) {
  join("e1");
  const Seen request = ask("e1", "r1");
  EXPECT_EQ(request.message.identities, (Frames{Bytes::of_static("e1"), Bytes::of_static("c")}));
  EXPECT_EQ(request.header.msg_id, "r1");
  EXPECT_EQ(request.message.buffers, Frames{Bytes::of_static("argument")});

  answer(Channel::kMuxEngine, request, "e1", "ok", {Bytes::of_static("result")});
  const Seen reply = take(Channel::kMuxClient);
  EXPECT_EQ(reply.message.identities, (Frames{Bytes::of_static("c"), Bytes::of_static("e1")}));
  EXPECT_EQ(reply.parent.msg_id, "r1");
  EXPECT_EQ(reply.message.buffers, Frames{Bytes::of_static("result")});
  EXPECT_FALSE(store->is_pending("r1"));
  EXPECT_EQ(store->find("r1").value().label, "L");
}

TEST_F(RoutingDirectTest, RequestToNobodyIsAnsweredAtOnce) {
  receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e9")},
                                .type = "execute_request",
                                .msg_id = "r1"});
  const Seen reply = take(Channel::kMuxClient);
  EXPECT_EQ(reply.header.msg_type, "execute_reply");
  EXPECT_EQ(reply.parent.msg_id, "r1");
  EXPECT_EQ(reply.content("ename"), "\"EngineError\"");
  EXPECT_EQ(reply.metadata("engine"), "\"e9\"");
}

TEST_F(RoutingDirectTest, RequestsOfADeadEngineAreLeftToTheNotification) {
  join("e1", "", 5);
  const Seen request = ask("e1", "r1");
  controller->on_connection_closed(5, now);
  EXPECT_EQ(take(Channel::kNotification).header.msg_type, "unregistration_notification");
  EXPECT_NE(store->find("r1").value().result_content.find("EngineError"), std::string::npos);
  expect_nothing_left();

  // Its answer comes too late, and it is told so.
  answer(Channel::kMuxEngine, request, "e1");
  EXPECT_EQ(dropped(Drop::kStale), 1u);
  EXPECT_EQ(take(Channel::kControlEngine).header.msg_type, "shutdown_request");
}

TEST_F(RoutingDirectTest, ReplyOfAnotherEngineIsStale) {
  join("e1");
  join("e2");
  const Seen request = ask("e1", "r1");
  answer(Channel::kMuxEngine, request, "e2");
  EXPECT_EQ(dropped(Drop::kStale), 1u);
  answer(Channel::kMuxEngine, request, "e1");
  take(Channel::kMuxClient);
  answer(Channel::kMuxEngine, request, "e1", "ok", {}, R"(,"again":1)");
  EXPECT_EQ(dropped(Drop::kStale), 2u);
}

TEST_F(RoutingDirectTest, RequestWaitsForAnEngineThatIsStillConnecting) {
  join("e1");
  outbox.absent.insert({Channel::kMuxEngine, "e1"});
  receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                .type = "apply_request",
                                .msg_id = "r1"});
  receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                .type = "apply_request",
                                .msg_id = "r2"});
  expect_nothing_left();
  outbox.absent.clear();
  advance(Delivery::kRetryEvery);
  EXPECT_EQ(take(Channel::kMuxEngine).header.msg_id, "r1");
  EXPECT_EQ(take(Channel::kMuxEngine).header.msg_id, "r2");
}

TEST_F(RoutingDirectTest, BadMessagesAreCountedAndDropped) {
  join("e1");
  Frames frames =
      sign({.identities = {Bytes::of_static("c"), Bytes::of_static("e1")}, .type = "apply_request"},
           Side::kClients);
  controller->on_message(Channel::kMuxClient, frames, -1, now);
  take(Channel::kMuxEngine);
  // Played again.
  controller->on_message(Channel::kMuxClient, frames, -1, now);
  EXPECT_EQ(dropped(Drop::kBadSignature), 1u);

  Frames forged =
      sign({.identities = {Bytes::of_static("c"), Bytes::of_static("e1")}, .type = "apply_request"},
           Side::kClients);
  forged.back() = Bytes::of_static(R"({"changed":1})");
  controller->on_message(Channel::kMuxClient, forged, -1, now);
  EXPECT_EQ(dropped(Drop::kBadSignature), 2u);

  controller->on_message(Channel::kMuxClient, {Bytes::of_static("c")}, -1, now);
  controller->on_message(Channel::kMuxClient, {}, -1, now);
  frames.resize(4);
  controller->on_message(Channel::kMuxClient, frames, -1, now);
  receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c")}, .type = "apply_request"});
  EXPECT_EQ(dropped(Drop::kMalformed), 4u);
}

TEST_F(RoutingDirectTest, ClientThatDoesNotReadLosesItsRepliesOnly) {
  join("e1");
  const Seen request = ask("e1", "r1");
  outbox.full.insert(Channel::kMuxClient);
  answer(Channel::kMuxEngine, request, "e1");
  EXPECT_EQ(dropped(Drop::kQueueFull), 1u);
  EXPECT_FALSE(store->is_pending("r1"));
}

TEST_F(RoutingDirectTest, ControlPassesBothWays) {
  join("e1");
  receive(Channel::kControlClient,
          {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")}, .type = "clear_request"});
  const Seen request = take(Channel::kControlEngine);
  EXPECT_EQ(request.message.identities, (Frames{Bytes::of_static("e1"), Bytes::of_static("c")}));
  answer(Channel::kControlEngine, request, "e1");
  EXPECT_EQ(take(Channel::kControlClient).header.msg_type, "clear_reply");
}

TEST_F(RoutingDirectTest, ControlReplyOfAnEngineThatLeftIsDelivered) {
  join("e1");
  receive(Channel::kControlClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                    .type = "shutdown_request"});
  const Seen request = take(Channel::kControlEngine);
  receive(Channel::kRegistration, {.identities = {Bytes::of_static("x")},
                                   .type = "unregistration_request",
                                   .content = R"({"id":0})"});
  take(Channel::kNotification);
  answer(Channel::kControlEngine, request, "e1");
  EXPECT_EQ(take(Channel::kControlClient).header.msg_type, "shutdown_reply");
}

TEST_F(RoutingDirectTest, ControlToNobodyIsAnsweredAtOnce) {
  receive(Channel::kControlClient,
          {.identities = {Bytes::of_static("c"), Bytes::of_static("e9")}, .type = "clear_request"});
  const Seen reply = take(Channel::kControlClient);
  EXPECT_EQ(reply.header.msg_type, "clear_reply");
  EXPECT_EQ(reply.content("ename"), "\"EngineError\"");
}

}  // namespace
}  // namespace engineroom::controller
