#include "engineroom/value.h"

#include <gtest/gtest.h>

namespace engineroom {
namespace {

TEST(Value, ToJsonAndBack) {
  const Value value =
      Value::Dict{{"null", nullptr}, {"bool", true},  {"int", -3},
                  {"double", 2.0},   {"text", "é\n"}, {"list", Value::List{1, Value::List{}, "x"}}};
  const std::string json = value.to_json();
  EXPECT_EQ(json, R"({"bool":true,"double":2.0,"int":-3,"list":[1,[],"x"],"null":null,)"
                  "\"text\":\"é\\n\"}");
  const Result<Value> read = Value::from_json(json);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value(), value);
}

TEST(Value, IntegersAndDoublesStayApart) {
  EXPECT_TRUE(Value::from_json("1").value().is_int());
  EXPECT_TRUE(Value::from_json("1.0").value().is_double());
  EXPECT_NE(Value(1), Value(1.0));
  EXPECT_EQ(Value(1).as_double(), 1.0);
  EXPECT_EQ(Value(std::size_t{7}).as_int(), 7);
  EXPECT_TRUE(Value(false).is_bool());
}

TEST(Value, WhatIsNoValue) {
  EXPECT_EQ(Value::from_json("").status().code(), ErrorCode::kMalformed);
  EXPECT_EQ(Value::from_json("[1,").status().code(), ErrorCode::kMalformed);
  EXPECT_EQ(Value::from_json("NaN").status().code(), ErrorCode::kMalformed);
  EXPECT_EQ(Value::from_json("18446744073709551615").status().code(), ErrorCode::kMalformed);
  EXPECT_FALSE(Value::from_json(std::string(100'000, '[')).ok());
}

}  // namespace
}  // namespace engineroom
