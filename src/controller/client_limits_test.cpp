#include "controller/client_limits.h"

#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

TEST(ClientLimitsTest, CountsWhatIsUnanswered) {
  ClientLimits limits({.max_requests = 2, .max_bytes = 100});
  EXPECT_FALSE(limits.admit("a", 10));
  EXPECT_FALSE(limits.admit("a", 10));
  EXPECT_TRUE(limits.admit("a", 10));
  // One client's limit is no other's.
  EXPECT_FALSE(limits.admit("b", 10));
  limits.release("a", 10);
  EXPECT_FALSE(limits.admit("a", 10));
  for (int i = 0; i < 2; ++i) limits.release("a", 10);
  limits.release("b", 10);
  EXPECT_EQ(limits.client_count(), 0u);
}

TEST(ClientLimitsTest, ALargeRequestIsTakenWhereItIsTheOnlyOne) {
  ClientLimits limits({.max_requests = 9, .max_bytes = 100});
  EXPECT_FALSE(limits.admit("a", 1000));
  EXPECT_TRUE(limits.admit("a", 1));
  limits.release("a", 1000);
  EXPECT_FALSE(limits.admit("a", 1));
  EXPECT_TRUE(limits.admit("a", 1000));
  EXPECT_FALSE(limits.admit("a", 99));
}

class LimitedControllerTest : public ControllerTest {
 protected:
  LimitedControllerTest() {
    ControllerConfig limited = config();
    limited.client_limits.max_requests = 1;
    restart(limited);
    join("e1");
  }
};

TEST_F(LimitedControllerTest, TasksBeyondTheLimitAreRefused) {
  const auto submit = [this](const std::string& client, const std::string& msg_id,
                             const std::string& metadata = "{}") {
    receive(Channel::kTaskClient, {.identities = {Bytes(client)},
                                   .type = "apply_request",
                                   .metadata = metadata,
                                   .msg_id = msg_id});
  };
  submit("c", "t1");
  const Seen request = take(Channel::kTaskEngine);
  submit("c", "t2");
  const Seen refusal = take(Channel::kTaskClient);
  EXPECT_EQ(refusal.parent.msg_id, "t2");
  EXPECT_EQ(refusal.content("ename"), "\"TaskRejectError\"");
  EXPECT_NE(refusal.content("evalue").find("--max-client-requests"), std::string::npos);
  answer(Channel::kTaskEngine, request, "e1");
  EXPECT_EQ(take(Channel::kTaskClient).parent.msg_id, "t1");
  // The id that was refused may be used again.
  submit("c", "t2", R"({"again":1})");
  EXPECT_EQ(take(Channel::kTaskEngine).header.msg_id, "t2");
}

TEST_F(LimitedControllerTest, SoAreDirectRequestsAndBroadcasts) {
  const auto ask = [this](const std::string& msg_id) {
    receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                  .type = "apply_request",
                                  .msg_id = msg_id});
  };
  ask("r1");
  const Seen request = take(Channel::kMuxEngine);
  ask("r2");
  EXPECT_EQ(take(Channel::kMuxClient).content("ename"), "\"TaskRejectError\"");
  receive(Channel::kBroadcastClient, {.identities = {Bytes::of_static("c")},
                                      .type = "apply_request",
                                      .metadata = R"({"targets":[["e1",0]],"is_coalescing":true})",
                                      .msg_id = "b1"});
  EXPECT_EQ(take(Channel::kBroadcastClient).content("ename"), "\"TaskRejectError\"");
  answer(Channel::kMuxEngine, request, "e1");
  take(Channel::kMuxClient);
  EXPECT_EQ(controller->core().clients.client_count(), 0u);
}

// What an engine took with it is no longer waited for.
TEST_F(LimitedControllerTest, ALostEngineReleasesWhatItHad) {
  receive(Channel::kMuxClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                .type = "apply_request",
                                .msg_id = "r1"});
  take(Channel::kMuxEngine);
  receive(Channel::kRegistration, {.identities = {Bytes::of_static("e1")},
                                   .type = "unregistration_request",
                                   .content = R"({"id":0})"});
  outbox.sent.clear();
  EXPECT_EQ(controller->core().clients.client_count(), 0u);
}

}  // namespace
}  // namespace engineroom::controller
