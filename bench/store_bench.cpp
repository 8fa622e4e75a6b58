// bench/store_bench.cpp — what one task costs the store, in time and in memory that stays.
//
// A record is as large as a real no-op's (the frames of a stock client and engine). Budget: 1 µs
// for a request and its result; below 1 KiB per finished record, without its buffers; no growth
// once full.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdio>
#include <string>
#include <vector>

#include "store/memory_store.h"

namespace {

using namespace engineroom;         // NOLINT(google-build-using-namespace): a program of one file
using namespace engineroom::store;  // NOLINT(google-build-using-namespace)

constexpr int kAtOnce = 1000;  // tasks pending at a time

// Feeds no-op tasks to a store.
class Feed {
 public:
  explicit Feed(bool with_buffers) {
    if (!with_buffers) return;
    buffers_ = {Bytes(std::string(330, 'f')), Bytes(std::string(58, 'i')),
                Bytes(std::string(5, 'a'))};
    result_buffers_ = {Bytes(std::string(5, 'r'))};
  }

  void add(int i) {
    const std::string id = msg_id(i);
    const std::string header =
        R"({"msg_id": ")" + id +
        R"(", "msg_type": "apply_request", "username": "username", "session": )"
        R"("cae9ec08-b09e481782d8404c9b68d93c", "date": "2026-11-21T05:57:39.111796Z", "version": "5.3"})";
    Request request{.msg_id = id, .client_uuid = "cae9ec08-b09e481782d8404c9b68d93c"};
    request.header = header;
    request.metadata = R"({"after": [], "follow": [], "timeout": 0.0, "targets": [], )"
                       R"("retries": 0, "label": null})";
    request.content = "{}";
    request.buffers = buffers_;
    request.submitted = WallTime(std::chrono::microseconds(i));
    (void)store_.add_request(request);
  }

  void finish(int i) {
    const std::string id = msg_id(i);
    (void)store_.mark_sent(id, kEngine);
    Reply reply{.engine_uuid = kEngine};
    reply.header =
        R"({"msg_id": "c9397da8-149394cd62f085be0726c1a4_14085_4", "msg_type": "apply_reply", )"
        R"("username": "username", "session": "c9397da8-149394cd62f085be0726c1a4", )"
        R"("date": "2026-11-21T05:57:39.183221Z", "version": "5.3"})";
    reply.metadata =
        R"({"started": "2026-11-21T05:57:39.115081Z", "dependencies_met": true, "engine": )"
        R"("c9397da8-149394cd62f085be0726c1a4", "is_broadcast": false, "is_coalescing": false, )"
        R"("original_msg_id": "", "label": null, "status": "ok"})";
    reply.content = R"({"status": "ok"})";
    reply.buffers = result_buffers_;
    reply.received = WallTime(std::chrono::microseconds(i));
    (void)store_.add_result(id, reply);
  }

  StoreStats stats() const { return store_.stats(); }

 private:
  static constexpr std::string_view kEngine = "c9397da8-149394cd62f085be0726c1a4";

  static std::string msg_id(int i) {
    return "cae9ec08-b09e481782d8404c9b68d93c_14053_" + std::to_string(i);
  }

  Frames buffers_;
  Frames result_buffers_;
  MemoryStore store_;
};

double heap_bytes() { return static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd); }
double resident_bytes() {
  long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<double>(pages) * 4096;
}

// The time includes making the text of a header and an id twice: about 150 ns.
void request_and_result(benchmark::State& state) {
  Feed feed(state.range(0) != 0);
  int i = 0;
  for (; i < kAtOnce; ++i) feed.add(i);
  for (auto _ : state) {
    feed.add(i);
    feed.finish(i - kAtOnce);
    ++i;
  }
}
BENCHMARK(request_and_result)->Arg(0)->Arg(1);

// Bytes of heap per finished record, and how much the process grows from the 100,000th task on.
void memory(benchmark::State& state) {
  for (auto _ : state) {
    const double before = heap_bytes();
    Feed feed(state.range(0) != 0);
    int i = 0;
    for (; i < 100'000; ++i) {
      feed.add(i);
      if (i >= kAtOnce) feed.finish(i - kAtOnce);
    }
    const auto records = static_cast<double>(feed.stats().finished + feed.stats().pending);
    state.counters["bytes_per_record"] = (heap_bytes() - before) / records;
    const double full = resident_bytes();
    for (; i < 1'000'000; ++i) {
      feed.add(i);
      feed.finish(i - kAtOnce);
    }
    state.counters["growth_bytes"] = resident_bytes() - full;
  }
}
BENCHMARK(memory)->Arg(0)->Arg(1)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
