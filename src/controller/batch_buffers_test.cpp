#include "controller/batch_buffers.h"

#include <gtest/gtest.h>

#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

class BatchBuffersTest : public ControllerTest {
 protected:
  void SetUp() override {
    join("e1");
    join("e2");
  }
  void send(const std::string& uuid, const std::string& msg_id, const std::string& batch,
            const Bytes& buffer, const std::string& client = "c") {
    receive(Channel::kMuxClient, {.identities = {Bytes(client), Bytes(uuid)},
                                  .type = "apply_request",
                                  .metadata = R"({"batch":)" + batch + "}",
                                  .buffers = {Bytes::of_static("f"), buffer},
                                  .msg_id = msg_id});
  }
  Bytes sent_to(const std::string& uuid) {
    const Seen seen = take(Channel::kMuxEngine);
    EXPECT_EQ(seen.to(), uuid);
    return seen.message.buffers.size() == 2 ? seen.message.buffers[1] : Bytes();
  }
  void expect_refused() {
    const Seen reply = take(Channel::kMuxClient);
    EXPECT_EQ(reply.content("ename"), "\"InputLost\"");
  }
  static constexpr const char* kFirst = R"({"id":"b","at":[1],"others":2})";
  static constexpr const char* kOther = R"({"id":"b","at":[1]})";
};

TEST_F(BatchBuffersTest, TheOthersAreGivenWhatTheFirstHas) {
  send("e1", "r1", kFirst, Bytes::of_static("argument"));
  const Bytes first = sent_to("e1");
  send("e2", "r2", kOther, Bytes());
  const Bytes second = sent_to("e2");
  EXPECT_EQ(second, "argument");
  EXPECT_EQ(second.data(), first.data());
  // The record is whole, too.
  EXPECT_EQ(store->find("r2").value().buffers.at(1), "argument");
  send("e1", "r3", kOther, Bytes());
  EXPECT_EQ(sent_to("e1"), "argument");
  // As many as were said.
  send("e1", "r4", kOther, Bytes());
  expect_refused();
  EXPECT_FALSE(controller->core().batches.next_deadline());
}

TEST_F(BatchBuffersTest, WhatIsSentAgainHasItsOwn) {
  send("e1", "r1", kOther, Bytes::of_static("argument"));
  EXPECT_EQ(sent_to("e1"), "argument");
}

TEST_F(BatchBuffersTest, ClientsHaveBatchesOfTheirOwn) {
  send("e1", "r1", kFirst, Bytes::of_static("argument"));
  sent_to("e1");
  send("e1", "r2", kOther, Bytes(), "another client");
  expect_refused();
  send("e1", "r3", R"({"id":"another","at":[1]})", Bytes());
  expect_refused();
  send("e1", "r4", R"({"id":"b","at":[0,1]})", Bytes());
  expect_refused();
  // Too many on their way: the oldest goes.
  for (std::size_t i = 0; i < BatchBuffers::kMaxOfClient; ++i) {
    send("e1", "s" + std::to_string(i),
         R"({"id":"x)" + std::to_string(i) + R"(","at":[1],"others":1})", Bytes::of_static("y"));
    sent_to("e1");
  }
  EXPECT_EQ(controller->core().batches.size(), BatchBuffers::kMaxOfClient);
  send("e1", "r5", kOther, Bytes());
  expect_refused();
}

TEST_F(BatchBuffersTest, NothingIsKeptForWhatNeverComes) {
  BatchBuffers batches;
  JsonReader json;
  wire::Message request;
  request.identities = {Bytes::of_static("c")};
  request.metadata = Bytes::of_static(R"({"batch":{"id":"b","at":[0,9,"x"],"others":3}})");
  request.buffers = {Bytes::of_static("a")};
  EXPECT_TRUE(batches.complete(request, json, now));
  EXPECT_EQ(batches.size(), 1u);
  batches.on_time(*batches.next_deadline() - Duration(1));
  EXPECT_EQ(batches.size(), 1u);
  batches.on_time(*batches.next_deadline());
  EXPECT_EQ(batches.size(), 0u);
  // What makes no sense is nothing.
  for (const char* metadata : {R"({"batch":3})", R"({"batch":{"id":1,"at":[]}})", R"("batch")"}) {
    request.metadata = Bytes::of_static(metadata);
    EXPECT_TRUE(batches.complete(request, json, now));
  }
  EXPECT_EQ(batches.size(), 0u);
}

}  // namespace
}  // namespace engineroom::controller
