// fuzz/wire_decode_fuzz.cpp — bytes from a stranger: none may crash the decoder or be changed by a
// relay.
//
// The input is a list of frames, each with its length in two bytes before it. Seeds:
// fuzz/corpus/wire_decode_fuzz, made from the golden messages by fuzz/make_corpus.py.

#include <string>
#include <string_view>

#include <simdjson.h>

#include "base/fuzz_input.h"
#include "base/json.h"
#include "wire/message.h"

namespace engineroom::wire {
namespace {

Frames frames_of(FuzzInput input) {
  Frames frames;
  while (!input.empty()) frames.push_back(Bytes::copy_of(input.text()));
  return frames;
}

// What is accepted comes out of a relay as it went in.
void check_frames(const Frames& frames) {
  const Result<Message> message = split(frames);
  if (message.ok()) FUZZ_REQUIRE(join(message.value()) == frames);

  Signer unsigned_peer("");
  ReplayGuard replays(64);
  const Result<Message> decoded = decode(frames, unsigned_peer, &replays);
  if (decoded.ok()) FUZZ_REQUIRE(message.ok());

  // Signed anew, it must be accepted once, and once only.
  if (!decoded.ok()) return;
  Signer signer("key");
  FUZZ_REQUIRE(!decode(frames, signer, &replays).ok() || message.value().signature.size() == 64);
  const Frames signed_frames = encode(decoded.value(), signer);
  FUZZ_REQUIRE(decode(signed_frames, signer, &replays).ok());
  FUZZ_REQUIRE(!decode(signed_frames, signer, &replays).ok());
}

// The header's fast path must agree with the real parser.
void check_header(std::string_view json) {
  for (const bool allow_empty : {false, true}) {
    const Result<Header> header = parse_header(json, allow_empty);
    if (!header.ok()) continue;
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    FUZZ_REQUIRE(parser.parse(json.data(), json.size()).get(object) == simdjson::SUCCESS);
    std::string last;  // the last of repeated keys counts
    for (const simdjson::dom::key_value_pair field : object) {
      if (field.key != "msg_id") continue;
      std::string_view text;
      last = field.value.get(text) == simdjson::SUCCESS ? std::string(text) : "";
    }
    FUZZ_REQUIRE(header.value().msg_id == last);
  }
}

// In an object with one key set, that key has the value, and every other key still has its own.
void check_with_key(std::string_view json) {
  const Result<std::string> changed = with_key(json, "targets", "[7]");
  simdjson::dom::parser parser;
  simdjson::dom::object before;
  if (parser.parse(json.data(), json.size()).get(before) != simdjson::SUCCESS) return;
  FUZZ_REQUIRE(changed.ok());

  simdjson::dom::parser other_parser;
  simdjson::dom::object after;
  FUZZ_REQUIRE(other_parser.parse(changed.value()).get(after) == simdjson::SUCCESS);
  std::size_t n_targets = 0;
  for (const simdjson::dom::key_value_pair field : after) {
    if (field.key != "targets") continue;
    ++n_targets;
    FUZZ_REQUIRE(simdjson::minify(field.value) == "[7]");
  }
  FUZZ_REQUIRE(n_targets >= 1);

  auto now = after.begin();
  for (const simdjson::dom::key_value_pair field : before) {
    FUZZ_REQUIRE(now != after.end() && now.key() == field.key);
    if (field.key != "targets")
      FUZZ_REQUIRE(simdjson::minify(now.value()) == simdjson::minify(field.value));
    ++now;
  }
}

}  // namespace
}  // namespace engineroom::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace engineroom;
  const Frames frames = wire::frames_of(FuzzInput(data, size));
  wire::check_frames(frames);
  for (const Bytes& frame : frames) {
    json_depth_within(frame.view(), 3);
    wire::check_header(frame.view());
    wire::check_with_key(frame.view());
  }
  return 0;
}
