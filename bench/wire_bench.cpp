// bench/wire_bench.cpp — what one message costs in CPU time, without sockets: target 2 µs each way.

#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "wire/message.h"

namespace engineroom::wire {
namespace {

// An apply_request as a stock client sends it: one identity, three buffers, 10 frames.
Message typical_message() {
  Message message;
  message.identities = {Bytes::copy_of("75a9f144-48263a91d4a892268ea256f9")};
  message.header = Bytes::copy_of(
      R"({"msg_id": "cae9ec08-b09e481782d8404c9b68d93c_14053_2", "msg_type": "apply_request", )"
      R"("username": "username", "session": "cae9ec08-b09e481782d8404c9b68d93c", )"
      R"("date": "2026-11-21T05:57:39.111796Z", "version": "5.3"})");
  message.parent_header = Bytes::copy_of("{}");
  message.metadata = Bytes::copy_of(
      R"({"after": [], "follow": [], "timeout": 0.0, "targets": [], "retries": 0, "label": null})");
  message.content = Bytes::copy_of("{}");
  message.buffers = {Bytes(std::string(330, 'f')), Bytes(std::string(50, 'a')),
                     Bytes(std::string(5, '3'))};
  return message;
}

void encode_message(benchmark::State& state) {
  Signer signer("ec6b3fc3-82f469ca1904e2d78a06639b");
  const Message message = typical_message();
  for (auto _ : state) benchmark::DoNotOptimize(encode(message, signer));
}
BENCHMARK(encode_message);

// Nothing is replayed here, so the guard is fed separately.
void decode_message(benchmark::State& state) {
  Signer signer("ec6b3fc3-82f469ca1904e2d78a06639b");
  const Frames frames = encode(typical_message(), signer);
  for (auto _ : state) benchmark::DoNotOptimize(decode(frames, signer, nullptr));
}
BENCHMARK(decode_message);

void replay_guard_full(benchmark::State& state) {
  ReplayGuard guard;
  std::vector<std::string> signatures;
  for (int i = 0; i < 200'000; ++i) signatures.push_back(random_hex(32));
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(guard.is_fresh(signatures[i]));
    i = i + 1 == signatures.size() ? 0 : i + 1;
  }
}
BENCHMARK(replay_guard_full);

void parse_header_flat(benchmark::State& state) {
  const Message message = typical_message();
  for (auto _ : state) benchmark::DoNotOptimize(parse_header(message.header.view()));
}
BENCHMARK(parse_header_flat);

// The same with one escape in it, which needs the real parser.
void parse_header_any(benchmark::State& state) {
  std::string json = typical_message().header.str();
  json.replace(json.find("username\": \"u") + 12, 1, "\\u0075");
  for (auto _ : state) benchmark::DoNotOptimize(parse_header(json));
}
BENCHMARK(parse_header_any);

void parse_metadata_dom(benchmark::State& state) {
  const Message message = typical_message();
  JsonReader reader;
  for (auto _ : state) benchmark::DoNotOptimize(reader.parse(message.metadata.view()));
}
BENCHMARK(parse_metadata_dom);

void make_new_header(benchmark::State& state) {
  MessageIdSource ids(new_session_id());
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        make_header(ids.next(), "apply_request", ids.session(), "username", iso8601_now()));
  }
}
BENCHMARK(make_new_header);

void set_metadata_key(benchmark::State& state) {
  const Message message = typical_message();
  for (auto _ : state)
    benchmark::DoNotOptimize(with_key(message.metadata.view(), "targets", "[1]"));
}
BENCHMARK(set_metadata_key);

}  // namespace
}  // namespace engineroom::wire
