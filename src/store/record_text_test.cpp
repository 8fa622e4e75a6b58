#include "store/record_text.h"

#include <gtest/gtest.h>

namespace engineroom::store {
namespace {

constexpr std::string_view kHeader = R"({"msg_id": "abc_1", "session": "abc"})";

Record read(const RecordText& text, const Frames& large) {
  Record record;
  text.read(large, record);
  return record;
}

TEST(RecordText, gives_back_what_was_put_in) {
  const Frames buffers{Bytes::of_static("small"), Bytes(), Bytes(std::string(kSmallFrame, 'x'))};
  Request request{.msg_id = "abc_1", .client_uuid = "abc", .label = "mine", .header = kHeader};
  request.metadata = R"({"retries": 0})";
  request.content = "{}";
  request.buffers = buffers;
  RecordText text;
  Frames large;
  ASSERT_TRUE(text.set_request(request, large).ok());

  const Frames result_buffers{Bytes(std::string(kSmallFrame + 1, 'y')), Bytes::of_static("z")};
  Reply reply{.header = "{\"r\": 1}", .metadata = "{\"m\": 1}", .content = "{\"c\": 1}"};
  reply.buffers = result_buffers;
  ASSERT_TRUE(text.set_result(reply, large).ok());

  const Record record = read(text, large);
  EXPECT_EQ(record.msg_id, "abc_1");
  EXPECT_EQ(record.client_uuid, "abc");
  EXPECT_EQ(record.label, "mine");
  EXPECT_EQ(record.header, kHeader);
  EXPECT_EQ(record.metadata, R"({"retries": 0})");
  EXPECT_EQ(record.content, "{}");
  EXPECT_EQ(record.buffers, buffers);
  EXPECT_EQ(record.result_header, "{\"r\": 1}");
  EXPECT_EQ(record.result_metadata, "{\"m\": 1}");
  EXPECT_EQ(record.result_content, "{\"c\": 1}");
  EXPECT_EQ(record.result_buffers, result_buffers);
}

TEST(RecordText, keeps_large_buffers_by_reference_and_small_ones_not) {
  const Frames buffers{Bytes(std::string(kSmallFrame, 'x')), Bytes(std::string(100, 'x'))};
  Request request{.msg_id = "abc_1", .header = kHeader};
  request.buffers = buffers;
  RecordText text;
  Frames large;
  ASSERT_TRUE(text.set_request(request, large).ok());
  const Record record = read(text, large);
  EXPECT_EQ(record.buffers[0].data(), buffers[0].data());
  EXPECT_NE(record.buffers[1].data(), buffers[1].data());
  EXPECT_EQ(large.size(), 1u);
  EXPECT_LT(text.size(), 300u);
}

TEST(RecordText, ids_that_the_header_does_not_contain_are_kept_too) {
  Request request{.msg_id = "other", .client_uuid = "nobody", .header = kHeader};
  RecordText text;
  Frames large;
  ASSERT_TRUE(text.set_request(request, large).ok());
  EXPECT_EQ(text.msg_id(), "other");
  EXPECT_EQ(text.client_uuid(), "nobody");
  EXPECT_EQ(read(text, large).header, kHeader);
}

TEST(RecordText, a_pending_record_has_no_result) {
  RecordText text;
  Frames large;
  ASSERT_TRUE(text.set_request({.msg_id = "abc_1", .header = kHeader}, large).ok());
  const Record record = read(text, large);
  EXPECT_EQ(record.result_header, "");
  EXPECT_TRUE(record.result_buffers.empty());
  EXPECT_FALSE(text.has_payload());
}

TEST(RecordText, without_its_payload_the_texts_remain) {
  const Frames buffers{Bytes::of_static("abc")};
  Request request{.msg_id = "abc_1", .header = kHeader};
  request.buffers = buffers;
  RecordText text;
  Frames large;
  ASSERT_TRUE(text.set_request(request, large).ok());
  ASSERT_TRUE(text.set_result({.header = "{}", .content = "{\"c\": 1}"}, large).ok());
  EXPECT_TRUE(text.has_payload());
  const std::size_t before = text.size();
  text.drop_payload();
  EXPECT_FALSE(text.has_payload());
  EXPECT_LT(text.size(), before);
  const Record record = read(text, large);
  EXPECT_EQ(record.msg_id, "abc_1");
  EXPECT_EQ(record.result_content, "{\"c\": 1}");
  EXPECT_TRUE(record.buffers.empty());
}

}  // namespace
}  // namespace engineroom::store
