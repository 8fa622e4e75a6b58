// bench/store_bench.cpp — what one task costs the store, in time and in memory that stays.
//
// A record is as large as a real no-op's (the frames of a stock client and engine). Budget: 1 µs
// for a request and its result; below 1 KiB per finished record, without its buffers; no growth
// once full.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdio>

#include "store/memory_store.h"
#include "store/task_feed.h"

namespace {

using engineroom::store::MemoryStore;
using engineroom::store::TaskFeed;

constexpr int kAtOnce = 1000;  // tasks pending at a time

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
  MemoryStore store;
  TaskFeed feed(store, state.range(0) != 0);
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
    MemoryStore store;
    TaskFeed feed(store, state.range(0) != 0);
    int i = 0;
    for (; i < 100'000; ++i) {
      feed.add(i);
      if (i >= kAtOnce) feed.finish(i - kAtOnce);
    }
    const auto records = static_cast<double>(store.stats().finished + store.stats().pending);
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
