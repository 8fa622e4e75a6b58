// Queries as conditions in SQL, and buffers as one blob.
#include "store/sql.h"
#include "store/query.h"

#include <gtest/gtest.h>

namespace engineroom::store {
namespace {

TEST(SqlTest, QueriesBecomeConditions) {
  const auto text = [](const char* query) { return to_sql(Query::parse(query).take()).text; };
  EXPECT_EQ(text("{}"), "TRUE");
  EXPECT_EQ(text(R"({"msg_id":"a","received":null})"), "msg_id = $1 AND received IS NULL");
  EXPECT_EQ(text(R"({"msg_id":{"$in":["a",null,"b"]}})"), "(msg_id IN ($1, $2) OR msg_id IS NULL)");
  EXPECT_EQ(text(R"({"msg_id":{"$in":[]}})"), "FALSE");
  EXPECT_EQ(text(R"({"submitted":{"$lt":"1970-01-01T00:00:02Z","$gte":null}})"),
            "submitted < $1 AND FALSE");
  EXPECT_EQ(text(R"({"label":{"$ne":"a","$exists":true},"content.x":1})"), "label IS NOT NULL");
}

TEST(SqlTest, WhereTextsHaveAnotherOrderOnlyEqualityIsAsked) {
  const auto text = [](const char* query) {
    return to_sql(Query::parse(query).take(), TextOrder::kOther).text;
  };
  EXPECT_EQ(
      text(R"({"msg_id":{"$gt":"a","$in":["b"]},"received":{"$lte":"1970-01-01T00:00:02Z"}})"),
      "msg_id IN ($1) AND received <= $2");
}

TEST(SqlTest, FramesSurvivePacking) {
  const Frames frames = {Bytes("one"), Bytes(""), Bytes(std::string(300, '\0'))};
  EXPECT_EQ(unpack_frames(pack_frames(frames)).take(), frames);
  EXPECT_EQ(pack_frames({}), "");
  const std::string blob = pack_frames(frames);
  for (const std::string& damaged : {blob + "x", blob.substr(1), blob.substr(0, 20),
                                     std::string("abc"), std::string(8, '\xff')}) {
    EXPECT_EQ(unpack_frames(damaged).status().code(), ErrorCode::kMalformed);
  }
}

}  // namespace
}  // namespace engineroom::store
