#include "base/json.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <simdjson.h>

namespace engineroom {
namespace {

using std::string_view_literals::operator""sv;

TEST(JsonWriter, WritesCommasByItself) {
  JsonWriter w;
  w.begin_object().key("id").value(3).key("names").begin_array().value("a").value("b").end_array();
  w.key("empty").begin_object().end_object().key("none").null().key("yes").value(true).end_object();
  EXPECT_EQ(w.take(), R"({"id":3,"names":["a","b"],"empty":{},"none":null,"yes":true})");
}

TEST(JsonWriter, WritesNumbers) {
  JsonWriter w;
  w.begin_array()
      .value(std::numeric_limits<std::int64_t>::min())
      .value(std::numeric_limits<std::uint64_t>::max())
      .value(0.1)
      .value(3.0)
      .value(1e300)
      .value(std::nan(""))
      .value(-std::numeric_limits<double>::infinity())
      .end_array();
  EXPECT_EQ(w.take(), "[-9223372036854775808,18446744073709551615,0.1,3.0,1e+300,null,null]");
}

TEST(JsonWriter, CanBeUsedAgainAfterTake) {
  JsonWriter w;
  w.value("first");
  EXPECT_EQ(w.take(), "\"first\"");
  w.begin_array().raw("{\"a\": 1}").raw("2").end_array();
  EXPECT_EQ(w.take(), "[{\"a\": 1},2]");
}

TEST(JsonQuote, Escapes) {
  EXPECT_EQ(json_quote("q\" b\\ n\n r\r t\t z\0 e\x1b"sv),
            R"("q\" b\\ n\n r\r t\t z\u0000 e\u001b")");
  EXPECT_EQ(json_quote("π ≈ 3 🚀"), "\"π ≈ 3 🚀\"");
}

TEST(JsonQuote, ReplacesWhatIsNotUtf8) {
  const struct {
    const char* what;
    std::string bytes;
    std::string expected;  // U+FFFD written as ?
  } cases[] = {
      {"stray continuation", "a\x80z", "a?z"},
      {"cut short", "a\xE2\x82", "a??"},
      {"overlong slash", "\xC0\xAF", "??"},
      {"overlong, three bytes", "\xE0\x80\xAF", "???"},
      {"surrogate", "\xED\xA0\x80", "???"},
      {"beyond U+10FFFF", "\xF4\x90\x80\x80", "????"},
      {"never a lead byte", "\xFFz", "?z"},
      {"highest", "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},
      {"before surrogates", "\xED\x9F\xBF", "\xED\x9F\xBF"},
  };
  for (const auto& c : cases) {
    std::string expected = "\"";
    for (const char byte : c.expected)
      expected += byte == '?' ? std::string("\xEF\xBF\xBD") : std::string(1, byte);
    EXPECT_EQ(json_quote(c.bytes), expected + "\"") << c.what;
  }
}

TEST(JsonDepth, CountsOutsideStringsOnly) {
  EXPECT_TRUE(json_depth_within("{\"a\":[1,{}]}", 3));
  EXPECT_FALSE(json_depth_within("{\"a\":[1,{}]}", 2));
  EXPECT_TRUE(json_depth_within(R"({"a":"[[[[[[\"[[[["})", 1));
  EXPECT_TRUE(json_depth_within(R"([[],[],[],[]])", 2));
  EXPECT_TRUE(json_depth_within("", 0));
  EXPECT_TRUE(json_depth_within("1", 0));
  EXPECT_FALSE(json_depth_within("[]", 0));
  EXPECT_TRUE(json_depth_within(std::string(200, '[') + std::string(200, ']'), 200));
  EXPECT_FALSE(json_depth_within(std::string(201, '['), 200));
  EXPECT_FALSE(json_depth_within(std::string(10'000'000, '['), 200));
}

TEST(JsonReader, ReadsWithoutPadding) {
  JsonReader reader;
  const std::string text = R"({"status":"ok","n":[1,2]})";
  Result<simdjson::dom::element> root = reader.parse(text);
  ASSERT_TRUE(root.ok());
  std::string_view status;
  ASSERT_EQ(root.value()["status"].get(status), simdjson::SUCCESS);
  EXPECT_EQ(status, "ok");
  // A shorter text after a longer one: what is left in the buffer does not count.
  EXPECT_FALSE(reader.parse("{\"a\":").ok());
}

TEST(JsonReader, RefusesWhatIsNotJson) {
  JsonReader reader;
  for (const std::string_view text : {"", "{", "{]", "nul", "{\"a\":1}x", "\"\xff\""}) {
    const Result<simdjson::dom::element> root = reader.parse(text);
    ASSERT_FALSE(root.ok()) << text;
    EXPECT_EQ(root.status().code(), ErrorCode::kMalformed) << text;
  }
}

TEST(JsonReader, IsBounded) {
  JsonReader reader(100);
  EXPECT_EQ(reader.parse(std::string(101, ' ')).status().code(), ErrorCode::kResourceExhausted);
  JsonReader deep;
  EXPECT_EQ(deep.parse(std::string(5000, '[') + std::string(5000, ']')).status().code(),
            ErrorCode::kResourceExhausted);
  EXPECT_TRUE(deep.parse("[1]").ok());
}

TEST(JsonReader, WorksAfterAHugeText) {
  JsonReader reader;
  const std::string huge = "\"" + std::string(3 * JsonReader::kKeptBytes, 'x') + "\"";
  ASSERT_TRUE(reader.parse(huge).ok());
  Result<simdjson::dom::element> small = reader.parse("[true]");
  ASSERT_TRUE(small.ok());
  bool value = false;
  ASSERT_EQ(small.value().at(0).get(value), simdjson::SUCCESS);
  EXPECT_TRUE(value);
}

}  // namespace
}  // namespace engineroom
