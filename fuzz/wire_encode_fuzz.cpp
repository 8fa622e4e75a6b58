// fuzz/wire_encode_fuzz.cpp — whatever text a user puts into a message, it comes out of it again.

#include <string>
#include <string_view>

#include <simdjson.h>

#include "base/fuzz_input.h"
#include "base/json.h"
#include "wire/message.h"

namespace engineroom::wire {
namespace {

// Any bytes become a legal JSON string; legal text is kept exactly.
void check_quote(std::string_view text) {
  simdjson::dom::parser parser;
  std::string_view read_back;
  FUZZ_REQUIRE(parser.parse(json_quote(text)).get(read_back) == simdjson::SUCCESS);
  if (simdjson::validate_utf8(text.data(), text.size())) FUZZ_REQUIRE(read_back == text);
}

void check_message(FuzzInput input) {
  Message message;
  for (unsigned n = input.byte() % 17; n > 0; --n) {
    const std::string_view identity = input.text();
    if (identity != kDelimiter) message.identities.push_back(Bytes::copy_of(identity));
  }
  const std::string msg_id = "id" + std::string(input.text());
  const std::string msg_type = "type" + std::string(input.text());
  const std::string_view session = input.text();
  const std::string_view user = input.text();
  message.header = make_header(msg_id, msg_type, session, user, "2026-11-21T05:57:34.884217Z");
  message.parent_header = Bytes::copy_of(input.text());
  message.metadata = Bytes::copy_of(input.text());
  message.content = Bytes::copy_of(input.text());
  while (!input.empty()) message.buffers.push_back(Bytes::copy_of(input.text()));

  Signer signer("key");
  Limits limits;
  limits.max_json_depth = 70'000;  // more than the input can nest
  const Result<Message> decoded = decode(encode(message, signer), signer, nullptr, limits);
  FUZZ_REQUIRE(decoded.ok());
  FUZZ_REQUIRE(decoded.value().identities == message.identities);
  FUZZ_REQUIRE(decoded.value().content == message.content);
  FUZZ_REQUIRE(decoded.value().buffers == message.buffers);

  const Result<Header> header = parse_header(decoded.value().header.view());
  FUZZ_REQUIRE(header.ok());
  if (simdjson::validate_utf8(msg_id.data(), msg_id.size()))
    FUZZ_REQUIRE(header.value().msg_id == msg_id);
}

}  // namespace
}  // namespace engineroom::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const engineroom::FuzzInput input(data, size);
  engineroom::wire::check_quote(input.rest());
  engineroom::wire::check_message(input);
  return 0;
}
