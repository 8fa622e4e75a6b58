// fuzz/peer_json_fuzz.cpp — what engines and clients read in the JSON of messages: any text gives a
// value or an error, and neither a crash nor something outside its bounds.
//
// The input is texts, each with its length in two bytes before it: header, metadata, content.

#include <csignal>
#include <string>

#include <simdjson.h>

#include "base/fuzz_input.h"
#include "client/reply_facts.h"
#include "engine/control.h"
#include "engine/request.h"
#include "wire/dependency_error.h"
#include "wire/message.h"

namespace engineroom {
namespace {

wire::Message message_of(FuzzInput& input) {
  wire::Message message;
  message.header = Bytes::copy_of(input.text());
  message.parent_header = message.header;
  message.metadata = Bytes::copy_of(input.text());
  message.content = Bytes::copy_of(input.text());
  message.buffers.resize(3);
  return message;
}

void read_as_engine(const wire::Message& message, JsonReader& json) {
  const std::string_view content = message.content.view();
  if (const auto reply = engine::read_registration_reply(content, json); !reply.ok())
    FUZZ_REQUIRE(!reply.status().message().empty());
  engine::read_ids(content, json);
  engine::read_string(content, "id", json);
  // What an engine said of an input that failed there goes into another reply.
  FUZZ_REQUIRE(json.parse(wire::dependency_error("input", content, json)).ok());
  if (const Result<int> signal = engine::read_signal(content, json); signal.ok())
    FUZZ_REQUIRE(signal.value() >= 0 && signal.value() < NSIG);
  engine::read_flag(content, "restart", json);
  Result<wire::Header> header = wire::parse_header(message.header.view());
  if (!header.ok()) return;
  const Result<engine::RequestKind> kind = engine::request_kind(header.value().msg_type);
  if (!kind.ok()) return;
  const auto request = engine::read_request(message, header.take(), kind.value(),
                                            engine::Channel::kShell, "uuid", json);
  if (!request.ok()) return;
  for (const wire::HostBuffer& buffer : request.value()->host_buffers) {
    FUZZ_REQUIRE(buffer.at < message.buffers.size());
    FUZZ_REQUIRE(!buffer.holder || buffer.holder->patience >= 0);
  }
}

void read_as_client(const wire::Message& message, JsonReader& json) {
  (void)client::read_reply(message, json);
  (void)client::read_output(message, json);
  (void)client::read_engine(message.content.view(), json);
  (void)client::read_engines(message.content.view(), json);
  (void)client::read_takes_batches(message.content.view(), json);
  (void)client::read_instance(message.content.view(), json);
  (void)client::read_journal(message.content.view(), json);
  (void)client::read_resumed(message.content.view(), json);
}

}  // namespace
}  // namespace engineroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  engineroom::FuzzInput input(data, size);
  engineroom::JsonReader json;
  const engineroom::wire::Message message = engineroom::message_of(input);
  engineroom::read_as_engine(message, json);
  engineroom::read_as_client(message, json);
  return 0;
}
