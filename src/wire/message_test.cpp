#include "wire/message.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "wire/golden_messages.h"

namespace engineroom::wire {
namespace {

const std::vector<GoldenMessage>& golden() {
  static const std::vector<GoldenMessage> messages =
      read_golden_messages(ENGINEROOM_WIRE_TESTDATA "/golden_messages.txt");
  return messages;
}

Message small_message() {
  Message message;
  message.identities = {Bytes::of_static("router"), Bytes::of_static("client")};
  message.header = make_header("m_1", "apply_request", "s", "ada", "2026-11-21T05:57:34.884217Z");
  message.parent_header = Bytes::of_static("{}");
  message.metadata = Bytes::of_static("{\"targets\": []}");
  message.content = Bytes::of_static("{\"a\": 1}");
  message.buffers = {Bytes::of_static("raw"), Bytes()};
  return message;
}

// ---- what a stock peer sends ----

TEST(GoldenMessages, Decode) {
  ASSERT_EQ(golden().size(), 7u);
  for (const GoldenMessage& recorded : golden()) {
    SCOPED_TRACE(recorded.name);
    Signer signer(recorded.key);
    ReplayGuard replays;
    Result<Message> message = decode(recorded.received(), signer, &replays);
    ASSERT_TRUE(message.ok()) << message.status().to_string();
    EXPECT_EQ(message.value().identities.size(), recorded.n_identities);
    EXPECT_EQ(message.value().buffers.size(), recorded.n_buffers);

    const Result<Header> header = parse_header(message.value().header.view());
    ASSERT_TRUE(header.ok()) << header.status().to_string();
    EXPECT_EQ(header.value().msg_id, recorded.header.at("msg_id"));
    EXPECT_EQ(header.value().msg_type, recorded.header.at("msg_type"));
    EXPECT_EQ(header.value().session, recorded.header.at("session"));
    EXPECT_EQ(header.value().username, recorded.header.at("username"));
    EXPECT_EQ(header.value().version, recorded.header.at("version"));
    EXPECT_EQ(header.value().date.size(), 27u);
  }
}

TEST(GoldenMessages, ComeOutAsTheyWentIn) {
  for (const GoldenMessage& recorded : golden()) {
    SCOPED_TRACE(recorded.name);
    Result<Message> message = split(recorded.received());
    ASSERT_TRUE(message.ok());
    EXPECT_EQ(join(message.value()), recorded.received());
    Signer signer(recorded.key);
    EXPECT_EQ(encode(message.value(), signer), recorded.received());
  }
}

TEST(GoldenMessages, AnyTamperedByteIsNoticed) {
  for (const GoldenMessage& recorded : golden()) {
    if (recorded.key.empty()) continue;
    SCOPED_TRACE(recorded.name);
    Signer signer(recorded.key);
    // The delimiter, the signature and the four signed frames.
    for (std::size_t f = recorded.n_identities; f < recorded.n_identities + 6; ++f) {
      for (std::size_t i = 0; i < recorded.frames[f].size(); ++i) {
        GoldenMessage tampered = recorded;
        tampered.frames[f][i] = static_cast<char>(tampered.frames[f][i] ^ 1);
        ASSERT_FALSE(decode(tampered.received(), signer, nullptr).ok())
            << "frame " << f << " byte " << i;
      }
    }
  }
}

TEST(GoldenMessages, BytesMovedBetweenFramesAreNotHidden) {
  // The signature covers the concatenation, so {} | {} and {}{} | "" sign alike; JSON readers
  // refuse the latter.
  Signer signer("key");
  Message message = small_message();
  message.header = Bytes::of_static("{}{}");
  message.parent_header = Bytes();
  const Result<Message> decoded = decode(encode(message, signer), signer, nullptr);
  ASSERT_TRUE(decoded.ok());
  EXPECT_FALSE(parse_header(decoded.value().header.view(), true).ok());
}

TEST(GoldenMessages, TruncatedFramesAreRefused) {
  for (const GoldenMessage& recorded : golden()) {
    SCOPED_TRACE(recorded.name);
    Signer signer(recorded.key);
    for (std::size_t n = 0; n < recorded.n_identities + 6; ++n) {
      Frames frames = recorded.received();
      frames.resize(n);
      const Result<Message> message = decode(std::move(frames), signer, nullptr);
      ASSERT_FALSE(message.ok());
      EXPECT_EQ(message.status().code(), ErrorCode::kMalformed);
    }
  }
}

// ---- decode ----

TEST(Decode, ReplayIsRefused) {
  Signer signer("key");
  ReplayGuard replays;
  const Frames frames = encode(small_message(), signer);
  EXPECT_TRUE(decode(frames, signer, &replays).ok());
  const Result<Message> again = decode(frames, signer, &replays);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.status().code(), ErrorCode::kUnauthenticated);
  EXPECT_EQ(again.status().message(), "signature was used before");
}

TEST(Decode, WrongSignaturesAreNotRemembered) {
  Signer signer("key");
  ReplayGuard replays;
  Message message = small_message();
  const Frames good = encode(message, signer);
  Frames forged = good;
  forged[4] = Bytes::of_static("{\"forged\": 1}");
  EXPECT_FALSE(decode(forged, signer, &replays).ok());
  EXPECT_TRUE(decode(good, signer, &replays).ok());
}

TEST(Decode, MissingSignatureIsRefused) {
  Signer unsigned_peer("");
  Signer signer("key");
  const Result<Message> message = decode(encode(small_message(), unsigned_peer), signer, nullptr);
  ASSERT_FALSE(message.ok());
  EXPECT_EQ(message.status().code(), ErrorCode::kUnauthenticated);
  EXPECT_EQ(message.status().message(), "message is not signed");
}

TEST(Decode, UnsignedMessagesMayRepeat) {
  Signer signer("");
  ReplayGuard replays;
  const Frames frames = encode(small_message(), signer);
  EXPECT_TRUE(decode(frames, signer, &replays).ok());
  EXPECT_TRUE(decode(frames, signer, &replays).ok());
}

TEST(Decode, DepthBombIsRefused) {
  Signer signer("key");
  Message message = small_message();
  message.content = Bytes("{\"a\":" + std::string(1'000'000, '['));
  const Result<Message> decoded = decode(encode(message, signer), signer, nullptr);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.status().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(decoded.status().message(), "content nests deeper than 200 levels");
}

TEST(Decode, LimitsAreNamed) {
  Signer signer("key");
  Message message = small_message();
  message.metadata = Bytes(std::string(2000, ' '));
  Limits limits;
  limits.max_json_bytes = 1000;
  Result<Message> decoded = decode(encode(message, signer), signer, nullptr, limits);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.status().to_string(),
            "resource exhausted: metadata is 2000 bytes, limit 1000 bytes");

  limits = Limits();
  limits.max_frames = 9;
  decoded = decode(encode(small_message(), signer), signer, nullptr, limits);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.status().message(), "message has 10 frames, limit 9");
}

TEST(Decode, SizesAreGivenInMegabytes) {
  Message message = small_message();
  message.header = Bytes(std::string(70u << 20, ' '));
  Signer signer("");
  EXPECT_EQ(split(encode(message, signer)).status().message(), "header is 70 MB, limit 64 MB");
}

// ---- split ----

TEST(Split, IdentitiesUpToTheLimit) {
  Signer signer("");
  Message message = small_message();
  message.identities.assign(16, Bytes::of_static("id"));
  Result<Message> decoded = split(encode(message, signer));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded.value().identities.size(), 16u);

  message.identities.emplace_back();
  decoded = split(encode(message, signer));
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.status().message(),
            "no <IDS|MSG> delimiter after 16 identities, the most allowed");
}

TEST(Split, TheFirstDelimiterCounts) {
  Signer signer("");
  Message message = small_message();
  message.buffers = {Bytes::of_static(kDelimiter), Bytes()};
  message.identities = {Bytes()};
  const Result<Message> decoded = split(encode(message, signer));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded.value().identities.size(), 1u);
  EXPECT_EQ(decoded.value().buffers.size(), 2u);
}

TEST(Split, SharesThePayload) {
  Signer signer("");
  Message message = small_message();
  message.buffers = {Bytes(std::string(100'000, 'x'))};
  const char* where = message.buffers[0].data();
  const Result<Message> decoded = split(encode(message, signer));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded.value().buffers[0].data(), where);
}

// ---- headers ----

TEST(ParseHeader, TakesAnyLegalJson) {
  const char* cases[] = {
      R"({"msg_id":"i","msg_type":"t","version":"5.3"})",
      " {\n\"msg_type\" :\t\"t\" , \"msg_id\": \"i\", \"version\":\"5\" }\r\n",
      R"({"msg_id":"\u0069","msg_\u0074ype":"t","version":"5.4"})",
      R"({"msg_id":"i","msg_type":"t","version":"5.3","extra":{"msg_id":["x"]},"n":1.5e3})",
      R"({"msg_id":"old","msg_type":"t","version":"5.3","msg_id":"i"})",
      R"({"msg_id":"old","msg_type":"t","version":"5.3","n":null,"msg_id":"i"})",
      R"({"msg_id":"i","msg_type":"t","version":"5.3","date":null})",
  };
  for (const char* json : cases) {
    const Result<Header> header = parse_header(json);
    ASSERT_TRUE(header.ok()) << json << ": " << header.status().to_string();
    EXPECT_EQ(header.value().msg_id, "i") << json;
    EXPECT_EQ(header.value().msg_type, "t") << json;
  }
}

TEST(ParseHeader, Unescapes) {
  const Result<Header> header = parse_header(
      R"({"msg_id":"a\"b\\c\/\n\u00e9\ud83d\ude80","msg_type":"t","version":"5.3","username":"Åsa"})");
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header.value().msg_id, "a\"b\\c/\né🚀");
  EXPECT_EQ(header.value().username, "Åsa");
}

TEST(ParseHeader, RefusesWhatIsNone) {
  const char* cases[] = {
      "",
      "{}",
      "[]",
      "null",
      "\"text\"",
      "{\"msg_id\":\"i\"",
      R"({"msg_id":"i","msg_type":"t"})",
      R"({"msg_id":"i","msg_type":"t","version":"4.1"})",
      R"({"msg_id":"i","msg_type":"t","version":"55.0"})",
      R"({"msg_id":"i","msg_type":"t","version":5.3})",
      R"({"msg_id":"","msg_type":"t","version":"5.3"})",
      R"({"msg_type":"t","version":"5.3"})",
      R"({"msg_id":"i","version":"5.3"})",
      R"({"msg_id":7,"msg_type":"t","version":"5.3"})",
      R"({"msg_id":"i","msg_type":"t","version":"5.3",})",
      R"({"msg_id":"i","msg_type":"t","version":"5.3"}x)",
      R"({"msg_id":"i" "msg_type":"t","version":"5.3"})",
      "{\"msg_id\":\"i\n\",\"msg_type\":\"t\",\"version\":\"5.3\"}",
      "{\"msg_id\":\"i\xff\",\"msg_type\":\"t\",\"version\":\"5.3\"}",
  };
  for (const char* json : cases) {
    const Result<Header> header = parse_header(json);
    ASSERT_FALSE(header.ok()) << json;
    EXPECT_EQ(header.status().code(), ErrorCode::kMalformed) << json;
    EXPECT_NE(header.status().message(), "") << json;
  }
}

TEST(ParseHeader, EmptyParentHeaders) {
  for (const char* json : {"{}", " { } ", "{\n}"}) {
    const Result<Header> header = parse_header(json, true);
    ASSERT_TRUE(header.ok()) << json;
    EXPECT_EQ(header.value().msg_id, "");
  }
  EXPECT_FALSE(parse_header("", true).ok());
  EXPECT_FALSE(parse_header("[]", true).ok());
  EXPECT_FALSE(parse_header(R"({"username":"x"})", true).ok());
}

TEST(MakeHeader, IsReadBack) {
  const Bytes json =
      make_header("s_1_2", "apply_request", "s", "Åsa \"q\" \\", "2026-11-21T05:57:34.884217Z");
  const Result<Header> header = parse_header(json.view());
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header.value().msg_id, "s_1_2");
  EXPECT_EQ(header.value().msg_type, "apply_request");
  EXPECT_EQ(header.value().session, "s");
  EXPECT_EQ(header.value().username, "Åsa \"q\" \\");
  EXPECT_EQ(header.value().date, "2026-11-21T05:57:34.884217Z");
  EXPECT_EQ(header.value().version, kProtocolVersion);
}

TEST(Username, IsNeverEmpty) { EXPECT_FALSE(username().empty()); }

// ---- with_key ----

TEST(WithKey, ReplacesOrAdds) {
  const struct {
    const char* json;
    const char* expected;  // with "k" set to [1]
  } cases[] = {
      {"{}", R"({"k":[1]})"},
      {" { } ", R"( { "k":[1]} )"},
      {R"({"a": 1})", R"({"a": 1,"k":[1]})"},
      {R"({"k": null, "a": 1})", R"({"k": [1], "a": 1})"},
      {R"({"a":1 , "k" : {"k": [2, "}"], "x": "\"}"} , "b":2})", R"({"a":1 , "k" : [1] , "b":2})"},
      {R"({"a": {"k": 1}})", R"({"a": {"k": 1},"k":[1]})"},
      {R"({"a": "\"k\": 1"})", R"({"a": "\"k\": 1","k":[1]})"},
      {R"({"k": "text"})", R"({"k": [1]})"},
      {R"({"k":-1.5e3})", R"({"k":[1]})"},
      {R"({"\u006b": true})", R"({"\u006b": [1]})"},
      {R"({"k":1,"a":2,"k":3})", R"({"k":[1],"a":2,"k":[1]})"},
      {R"({"n": 123456789012345678901234567890.10})",
       R"({"n": 123456789012345678901234567890.10,"k":[1]})"},
      {"{\"a\":\"}\"}\n", "{\"a\":\"}\",\"k\":[1]}\n"},
  };
  for (const auto& c : cases) {
    const Result<std::string> result = with_key(c.json, "k", "[1]");
    ASSERT_TRUE(result.ok()) << c.json;
    EXPECT_EQ(result.value(), c.expected) << c.json;
  }
}

TEST(WithKey, EscapesTheKey) {
  const Result<std::string> added = with_key("{}", "a\"b", "1");
  ASSERT_TRUE(added.ok());
  EXPECT_EQ(added.value(), R"({"a\"b":1})");
  const Result<std::string> replaced = with_key(added.value(), "a\"b", "2");
  ASSERT_TRUE(replaced.ok());
  EXPECT_EQ(replaced.value(), R"({"a\"b":2})");
}

TEST(WithKey, RefusesWhatIsNoObject) {
  for (const char* json :
       {"", " ", "[]", "1", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{,}", "{\"a\":}",
        "{\"a\" 1}", "{\"a\":1}}", "{\"a\":[1}", "{\"a\":\"}", "{\"a\":1 2}", "{a:1}"}) {
    const Result<std::string> result = with_key(json, "k", "1");
    ASSERT_FALSE(result.ok()) << json;
    EXPECT_EQ(result.status().code(), ErrorCode::kMalformed) << json;
  }
}

}  // namespace
}  // namespace engineroom::wire
