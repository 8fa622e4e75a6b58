#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

class BroadcastTest : public ControllerTest {
 protected:
  void ask(const std::string& targets, bool is_coalescing) {
    receive(Channel::kBroadcastClient,
            {.identities = {Bytes::of_static("c")},
             .type = "apply_request",
             .metadata = R"({"targets":)" + targets + R"(,"is_broadcast":true,"is_coalescing":)" +
                         (is_coalescing ? "true}" : "false}"),
             .buffers = {Bytes::of_static("f")},
             .msg_id = "b"});
  }
};

TEST_F(BroadcastTest, EachEngineGetsACopyOfItsOwn) {
  join("e1");
  join("e2");
  ask(R"([["e2",1],["e1",0]])", false);
  const Seen first = take(Channel::kBroadcastEngine);
  EXPECT_EQ(first.message.identities, (Frames{Bytes::of_static("e2"), Bytes::of_static("c")}));
  EXPECT_EQ(first.header.msg_id, "b_e2");
  EXPECT_EQ(first.header.session, "session");
  EXPECT_EQ(first.metadata("targets"), R"([["e2",1]])");
  EXPECT_EQ(first.metadata("original_msg_id"), "\"b\"");
  EXPECT_EQ(first.message.buffers, Frames{Bytes::of_static("f")});
  const Seen second = take(Channel::kBroadcastEngine);
  EXPECT_EQ(second.header.msg_id, "b_e1");

  answer(Channel::kBroadcastEngine, first, "e2", "ok", {Bytes::of_static("two")});
  const Seen reply = take(Channel::kBroadcastClient);
  EXPECT_EQ(reply.message.identities, Frames{Bytes::of_static("c")});
  EXPECT_EQ(reply.parent.msg_id, "b_e2");
  EXPECT_EQ(reply.message.buffers, Frames{Bytes::of_static("two")});
  EXPECT_FALSE(store->is_pending("b_e2"));
  EXPECT_TRUE(store->is_pending("b_e1"));
  answer(Channel::kBroadcastEngine, second, "e1");
  take(Channel::kBroadcastClient);
}

TEST_F(BroadcastTest, CoalescedResultsAreInTheOrderOfTheTargets) {
  join("e1");
  join("e2");
  ask(R"([["e1",0],["e2",1]])", true);
  const Seen first = take(Channel::kBroadcastEngine);
  const Seen second = take(Channel::kBroadcastEngine);
  answer(Channel::kBroadcastEngine, second, "e2", "ok",
         {Bytes::of_static("2a"), Bytes::of_static("2b")});
  expect_nothing_left();
  answer(Channel::kBroadcastEngine, first, "e1", "ok", {Bytes::of_static("1")});
  const Seen reply = take(Channel::kBroadcastClient);
  EXPECT_EQ(reply.parent.msg_id, "b");
  EXPECT_EQ(reply.content("status"), "\"ok\"");
  EXPECT_EQ(reply.metadata("broadcast_targets"), R"([["e1",0],["e2",1]])");
  EXPECT_EQ(reply.metadata("original_msg_id"), "\"b\"");
  EXPECT_EQ(reply.metadata("is_coalescing"), "true");
  EXPECT_EQ(reply.message.buffers,
            (Frames{Bytes::of_static("1"), Bytes::of_static("2a"), Bytes::of_static("2b")}));
}

TEST_F(BroadcastTest, OneFailureMakesTheCoalescedReplyAnError) {
  join("e1");
  join("e2");
  join("e3");
  ask(R"([["e1",0],["e2",1],["e3",2]])", true);
  const Seen first = take(Channel::kBroadcastEngine);
  const Seen second = take(Channel::kBroadcastEngine);
  const Seen third = take(Channel::kBroadcastEngine);
  answer(Channel::kBroadcastEngine, third, "e3", "error");
  answer(Channel::kBroadcastEngine, second, "e2", "error");
  answer(Channel::kBroadcastEngine, first, "e1");
  const Seen reply = take(Channel::kBroadcastClient);
  EXPECT_EQ(reply.content("evalue"), "\"of e2\"");
  EXPECT_TRUE(reply.message.buffers.empty());
}

TEST_F(BroadcastTest, DeadEnginesFailAtOnce) {
  join("e1", "", 5);
  join("e2");
  ask(R"([["e1",0],["e2",1],["gone",7]])", false);
  const Seen first = take(Channel::kBroadcastEngine);
  const Seen second = take(Channel::kBroadcastEngine);
  const Seen gone = take(Channel::kBroadcastClient);
  EXPECT_EQ(gone.parent.msg_id, "b_gone");
  EXPECT_EQ(gone.content("ename"), "\"EngineError\"");
  EXPECT_EQ(gone.metadata("engine"), "\"gone\"");

  controller->on_connection_closed(5, now);
  EXPECT_EQ(take(Channel::kBroadcastClient).parent.msg_id, "b_e1");
  take(Channel::kNotification);
  answer(Channel::kBroadcastEngine, second, "e2");
  EXPECT_EQ(take(Channel::kBroadcastClient).parent.msg_id, "b_e2");

  answer(Channel::kBroadcastEngine, first, "e1");
  EXPECT_EQ(dropped(Drop::kStale), 1u);
  take(Channel::kControlEngine);  // it is told to exit
}

TEST_F(BroadcastTest, CoalescingEndsWhenAnEngineDies) {
  join("e1", "", 5);
  join("e2");
  ask(R"([["e1",0],["e2",1]])", true);
  take(Channel::kBroadcastEngine);
  answer(Channel::kBroadcastEngine, take(Channel::kBroadcastEngine), "e2");
  controller->on_connection_closed(5, now);
  EXPECT_EQ(take(Channel::kBroadcastClient).content("ename"), "\"EngineError\"");
  take(Channel::kNotification);
}

TEST_F(BroadcastTest, TargetsThatAreNoneAreMalformed) {
  for (const char* targets :
       {"[]", "null", "3", R"(["e1"])", R"([[1,2]])", R"([["e",0],["e",0]])"}) {
    ask(targets, true);
  }
  EXPECT_EQ(dropped(Drop::kMalformed), 6u);
}

}  // namespace
}  // namespace engineroom::controller
