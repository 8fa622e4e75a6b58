// The bytes here were made, or read back, by CPython's pickle module.

#include "client/pickle.h"

#include <gtest/gtest.h>

namespace engineroom::client {
namespace {

using namespace std::string_literals;

TEST(Pickle, Global) {
  // pickle.loads(b"\x80\x04cos.path\njoin\n.") is os.path.join
  EXPECT_EQ(pickle_global("os.path", "join"), "\x80\x04"s + "cos.path\njoin\n.");
}

TEST(Pickle, CallShape) {
  // {'nargs': 2, 'narg_bufs': 2, 'kw_keys': []}
  EXPECT_EQ(pickle_call_shape(2),
            "\x80\x04}(X\x05\0\0\0nargsJ\x02\0\0\0X\x09\0\0\0narg_bufsJ\x02\0\0\0"s +
                "X\x07\0\0\0kw_keys]u."s);
}

TEST(Pickle, TextOfEveryProtocol) {
  const std::string text = "[\"\xC3\xA9\"]";  // '["é"]'
  const std::string pickles[] = {
      "\x80\x02X\x06\0\0\0"s + text + "q\0."s,
      "\x80\x03X\x06\0\0\0"s + text + "q\0."s,
      "\x80\x04\x95\x0A\0\0\0\0\0\0\0\x8C\x06"s + text + "\x94."s,
      "\x80\x05\x95\x0A\0\0\0\0\0\0\0\x8C\x06"s + text + "\x94."s,
  };
  for (const std::string& pickle : pickles) {
    const Result<std::string> read = unpickle_text(pickle);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read.value(), text);
  }
}

TEST(Pickle, TextReadsBack) {
  for (const std::string& text : {""s, "a"s, std::string(100'000, 'x')}) {
    const Result<std::string> read = unpickle_text(pickle_text(text).view());
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read.value(), text);
  }
}

TEST(Pickle, AnythingElseIsRefused) {
  const std::string good = pickle_text("text").str();
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(unpickle_text(good.substr(0, size)).ok()) << size;
  for (const std::string& bad : {
           good + "x",                      // something follows
           "\x80\x04K\x03."s,               // 3
           "\x80\x04N."s,                   // None
           "\x80\x06\x8C\x01x."s,           // protocol 6
           "\x80\x04X\xFF\xFF\xFF\xFFx."s,  // longer than it is
           "\x80\x04\x8C\x01x\x94\x94."s,   // memoized twice
           "\x80\x04cos\nsystem\n."s,       // a reference
       }) {
    EXPECT_EQ(unpickle_text(bad).status().code(), ErrorCode::kMalformed);
  }
}

}  // namespace
}  // namespace engineroom::client
