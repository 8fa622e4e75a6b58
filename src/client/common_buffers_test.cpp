#include "client/common_buffers.h"

#include <gtest/gtest.h>

#include "transport/shared_bytes.h"

namespace engineroom::client {
namespace {

const Bytes kLarge(std::string(transport::kSharedBytes, 'x'));
const Bytes kSmall = Bytes::of_static("function");

TEST(CommonBuffersTest, the_first_request_has_them_and_the_others_do_not) {
  const Frames buffers = {kSmall, kLarge};
  const auto common = find_common_buffers(buffers, 3, R"({"a":1})", "m_1");
  ASSERT_TRUE(common);
  EXPECT_EQ(common->first_metadata, R"({"a":1,"batch":{"id":"m_1","at":[1],"others":2}})");
  EXPECT_EQ(common->others_metadata, R"({"a":1,"batch":{"id":"m_1","at":[1]}})");
  const Bytes own = Bytes::of_static("own");
  const Frames request = {Bytes::of_static("metadata"), kSmall, kLarge, own};
  EXPECT_EQ(common->without(request, 2, 1),
            (Frames{Bytes::of_static("metadata"), kSmall, Bytes(), own}));
}

TEST(CommonBuffersTest, what_is_small_or_for_one_is_sent_as_ever) {
  EXPECT_FALSE(find_common_buffers({kSmall}, 3, "{}", "m_1"));
  EXPECT_FALSE(find_common_buffers({kLarge}, 1, "{}", "m_1"));
  EXPECT_FALSE(find_common_buffers({kLarge}, 3, "[]", "m_1"));
}

}  // namespace
}  // namespace engineroom::client
