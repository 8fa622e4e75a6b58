#include "engine/messages.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/json.h"
#include "engine/test_requests.h"

namespace engineroom::engine {
namespace {

class MessagesTest : public testing::Test {
 protected:
  wire::Message decode(Frames frames) {
    wire::Signer signer("key");
    Result<wire::Message> message = wire::decode(std::move(frames), signer, nullptr);
    EXPECT_TRUE(message.ok());
    return message.ok() ? message.take() : wire::Message();
  }
  std::string type_of(const wire::Message& message) {
    return wire::parse_header(message.header.view()).value().msg_type;
  }

  MessageMaker maker_{"the-uuid", "key"};
};

TEST_F(MessagesTest, ReplyRepeatsWhatTheRequestSaid) {
  std::shared_ptr<Request> request = make_request("a");
  request->message.identities = {Bytes("route"), Bytes("client")};
  request->is_broadcast = true;
  request->original_msg_id = "say \"a\"";
  request->label_json = R"({"x":1})";
  Reply reply;
  reply.request = request;
  reply.started = "2026-11-21T05:57:38.053651Z";
  reply.content = Bytes(R"({"status":"ok"})");
  reply.buffers = {Bytes("result")};

  const wire::Message message = decode(maker_.reply(reply));
  EXPECT_EQ(type_of(message), "apply_reply");
  ASSERT_EQ(message.identities.size(), 2u);
  EXPECT_EQ(message.identities[1], "client");
  EXPECT_EQ(message.parent_header, request->message.header);
  EXPECT_EQ(message.buffers.at(0), "result");
  EXPECT_EQ(message.metadata.view(),
            R"({"started":"2026-11-21T05:57:38.053651Z","dependencies_met":true,)"
            R"("engine":"the-uuid","is_broadcast":true,"is_coalescing":false,)"
            R"("original_msg_id":"say \"a\"","label":{"x":1},"status":"ok"})");
}

TEST_F(MessagesTest, OurClientsAreToldWhetherToWaitForOutput) {
  Reply reply;
  reply.request = make_quiet_request("a");
  reply.outcome = Outcome::kError;
  reply.silent = false;
  reply.dependencies_met = false;
  reply.more_metadata = R"(,"engine_info":{"engine_id":3})";
  const std::string metadata = decode(maker_.reply(reply)).metadata.str();
  EXPECT_NE(metadata.find(R"("dependencies_met":false)"), std::string::npos);
  EXPECT_NE(metadata.find(R"("status":"error","engineroom":1,"idle":false,"engine_info")"),
            std::string::npos);
  JsonReader reader;
  EXPECT_TRUE(reader.parse(metadata).ok());
}

TEST_F(MessagesTest, PublicationsCarryTopicAndEngine) {
  maker_.set_engine_id(3);
  const wire::Message message = decode(maker_.publication(make_stream("stdout", "a\n\"b", {})));
  EXPECT_EQ(message.identities.at(0), "engine.3.stdout");
  EXPECT_EQ(type_of(message), "stream");
  EXPECT_EQ(message.parent_header, "{}");
  EXPECT_EQ(message.metadata, R"({"engine":"the-uuid"})");
  EXPECT_EQ(message.content, R"({"name":"stdout","text":"a\n\"b"})");
}

TEST_F(MessagesTest, VerbatimTopicsAndMetadataStay) {
  Publication publication;
  publication.topic = "datapub";
  publication.msg_type = "data_message";
  publication.metadata = Bytes("{}");
  publication.verbatim = true;
  const wire::Message message = decode(maker_.publication(publication));
  EXPECT_EQ(message.identities.at(0), "datapub");
  EXPECT_EQ(message.metadata, "{}");
}

TEST_F(MessagesTest, MessagesOfOurOwnHaveNoParent) {
  const wire::Message message = decode(maker_.request("registration_request", R"({"uuid":"u"})"));
  EXPECT_EQ(type_of(message), "registration_request");
  EXPECT_EQ(message.parent_header, "{}");
  const wire::Header header = wire::parse_header(message.header.view()).take();
  EXPECT_EQ(header.session, "the-uuid");
}

}  // namespace
}  // namespace engineroom::engine
