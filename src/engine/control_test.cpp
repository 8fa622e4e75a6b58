#include "engine/control.h"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/request.h"

namespace engineroom::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Control, RegistrationReply) {
  JsonReader json;
  RegistrationReply reply =
      read_registration_reply(R"({"id":7,"status":"ok","hb_period":3000})", json).take();
  EXPECT_TRUE(reply.ok);
  EXPECT_EQ(reply.id, 7);
  EXPECT_EQ(reply.heartbeat_period, std::chrono::seconds(3));

  reply = read_registration_reply(R"({"status":"error","evalue":"in use"})", json).take();
  EXPECT_FALSE(reply.ok);
  EXPECT_EQ(reply.error, "in use");

  for (const char* bad : {"", "[]x", R"({"status":"ok"})", R"({"status":"ok","id":-1})",
                          R"({"status":"ok","id":"7"})", R"({"status":"ok","id":1e99})"}) {
    EXPECT_FALSE(read_registration_reply(bad, json).ok()) << bad;
  }
}

TEST(Control, AbortNamesTasksOrAll) {
  JsonReader json;
  EXPECT_THAT(read_ids(R"({"msg_ids":["a","b",3]})", json), ElementsAre("a", "b"));
  EXPECT_THAT(read_ids(R"({"msg_ids":"a"})", json), ElementsAre("a"));
  EXPECT_THAT(read_ids(R"({"msg_ids":[]})", json), IsEmpty());
  EXPECT_THAT(read_ids(R"({"msg_ids":null})", json), IsEmpty());
  EXPECT_THAT(read_ids("{}", json), IsEmpty());
  EXPECT_THAT(read_ids("", json), IsEmpty());
}

TEST(Control, SignalsByNumberAndName) {
  JsonReader json;
  EXPECT_EQ(read_signal(R"({"sig":2})", json).take(), SIGINT);
  EXPECT_EQ(read_signal(R"({"sig":"SIGINT"})", json).take(), SIGINT);
  EXPECT_EQ(read_signal(R"({"sig":"KILL"})", json).take(), SIGKILL);
  // As for kill(1): asks whether the process is there.
  EXPECT_EQ(read_signal(R"({"sig":0})", json).take(), 0);
  for (const char* bad : {R"({"sig":-1})", R"({"sig":1000})", R"({"sig":"NONE"})", "{}", "["}) {
    EXPECT_FALSE(read_signal(bad, json).ok()) << bad;
  }
}

TEST(Request, ReadsWhatRepliesRepeat) {
  JsonReader json;
  wire::Message message;
  message.metadata = Bytes(
      R"({"label":["a", 1],"is_broadcast":true,"original_msg_id":"m","engineroom":1,"x":{}})");
  wire::Header header;
  header.msg_type = "apply_request";
  const RequestPtr request =
      read_request(message, header, RequestKind::kApply, Channel::kShell, "me", json).take();
  EXPECT_EQ(request->label_json, R"(["a",1])");
  EXPECT_TRUE(request->is_broadcast);
  EXPECT_FALSE(request->is_coalescing);
  EXPECT_EQ(request->original_msg_id, "m");
  EXPECT_TRUE(request->ours);
}

TEST(Request, MetadataMustBeAnObject) {
  JsonReader json;
  wire::Message message;
  message.metadata = Bytes("[]");
  EXPECT_FALSE(read_request(message, {}, RequestKind::kApply, Channel::kShell, "me", json).ok());
  message.metadata = Bytes("");
  EXPECT_FALSE(read_request(message, {}, RequestKind::kApply, Channel::kShell, "me", json).ok());
}

TEST(Request, KindsByType) {
  EXPECT_EQ(request_kind("execute_request").take(), RequestKind::kExecute);
  EXPECT_EQ(request_kind("comm_close").take(), RequestKind::kComm);
  EXPECT_FALSE(request_kind("complete_request").ok());
}

}  // namespace
}  // namespace engineroom::engine
