// What PostgreSQL refuses in a text comes back as it was.
#include "store/postgres_text.h"

#include <random>

#include <gtest/gtest.h>

namespace engineroom::store {
namespace {

using namespace std::string_literals;

TEST(PostgresTextTest, OrdinaryTextStaysAsItIs) {
  for (const std::string& text : {""s, "a \"quoted\" \\ line\n"s, "äöü € 𝄞 \u007f\u0080\ufffd"s}) {
    EXPECT_EQ(escape_text(text), text);
    EXPECT_EQ(unescape_text(text), text);
  }
}

TEST(PostgresTextTest, BytesThatAreNoTextBecomePrivateCharacters) {
  EXPECT_EQ(escape_text("a\0b"s),
            "a\xf4\x8f\xbc\x80"
            "b");
  EXPECT_EQ(escape_text("\xff"), "\xf4\x8f\xbf\xbf");
  // A surrogate, an overlong slash, a character cut short, one beyond Unicode.
  for (const std::string& bytes :
       {"\xed\xa0\x80"s, "\xc0\xaf"s, "\xe2\x82"s, "\xf4\x90\x80\x80"s}) {
    EXPECT_EQ(escape_text(bytes).size(), 4 * bytes.size());
    EXPECT_EQ(unescape_text(escape_text(bytes)), bytes);
  }
  // What looks escaped already.
  const std::string once = escape_text("\xff");
  EXPECT_EQ(unescape_text(escape_text(once)), once);
}

TEST(PostgresTextTest, EveryStringOfBytesComesBack) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same ones each time
  // The bytes at which something changes, and some between.
  const std::string alphabet =
      "\0\x01 a\x7f\x80\x8f\x90\x9f\xa0\xbc\xbf\xc0\xc2\xe0\xe2\xed\xf0\xf4\xff"s;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (unsigned size = random() % 9; size > 0; --size) {
      bytes.push_back(alphabet[random() % alphabet.size()]);
    }
    const std::string text = escape_text(bytes);
    EXPECT_EQ(unescape_text(text), bytes);
    EXPECT_EQ(text.find('\0'), text.npos);
    EXPECT_EQ(escape_text(unescape_text(text)), text);
  }
}

TEST(PostgresTextTest, ByteaIsHexadecimal) {
  std::string text;
  append_bytea(text, "\0\x7f\xff"s);
  EXPECT_EQ(text, "\\x007fff");
  EXPECT_EQ(parse_bytea(text).take(), "\0\x7f\xff"s);
  for (const char* damaged : {"", "007f", "\\x0", "\\x0g"}) {
    EXPECT_EQ(parse_bytea(damaged).status().code(), ErrorCode::kMalformed);
  }
}

TEST(PostgresTextTest, ArraysQuoteWhatTheyHold) {
  ArrayText texts;
  for (const char* text : {"", "NULL", "a,b", "\"\\"}) texts.add_text(text);
  texts.add_null();
  EXPECT_EQ(texts.take(), R"({"","NULL","a,b","\"\\",NULL})");
  ArrayText others;
  others.add_bytea("a");
  others.add_number(-7);
  others.add_flag(true);
  EXPECT_EQ(others.take(), R"({"\\x61",-7,t})");
}

}  // namespace
}  // namespace engineroom::store
