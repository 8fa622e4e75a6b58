// bench/records_bench.cpp — how many tasks per second each kind of records takes, for as long as
// you like.
//
// A task comes, is sent, and ends when a thousand others have come: most are written twice, as they
// would be under load. The time ends when all is written. SQLite's file is in $TMPDIR; PostgreSQL
// is the server of $RECORDS_POSTGRES, without which it is left out.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "store/database_store.h"
#include "store/memory_store.h"
#include "store/postgres_database.h"
#include "store/sqlite_database.h"
#include "store/task_feed.h"

namespace {

using namespace engineroom::store;  // NOLINT(google-build-using-namespace): a program of one file

constexpr int kAtOnce = 1000;

void record(TaskFeed& feed, int count) {
  for (int i = 0; i < count + kAtOnce; ++i) {
    if (i < count) feed.add(i);
    if (i >= kAtOnce) feed.finish(i - kAtOnce);
  }
}

void in_memory(benchmark::State& state) {
  for (auto _ : state) {
    MemoryStore store;
    TaskFeed feed(store, true);
    record(feed, static_cast<int>(state.range(0)));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

template <typename Open>
void in_database(benchmark::State& state, Open open) {
  for (auto _ : state) {
    auto writer = open(Access::kReadWrite);
    auto reader = open(Access::kReadOnly);
    if (!writer.ok() || !reader.ok()) return state.SkipWithError("cannot open the database");
    DatabaseStore store(writer.take(), reader.take());
    TaskFeed feed(store, true);
    record(feed, static_cast<int>(state.range(0)));
    store.flush();
    if (store.history().size() != static_cast<std::size_t>(state.range(0))) {
      return state.SkipWithError("records are missing");
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void in_sqlite(benchmark::State& state) {
  std::string folder = std::filesystem::temp_directory_path() / "records-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return state.SkipWithError("no temporary folder");
  in_database(state,
              [&](Access access) { return SqliteDatabase::open(folder + "/tasks.db", access); });
  std::filesystem::remove_all(folder);
}

void in_postgres(benchmark::State& state) {
  const char* url = std::getenv("RECORDS_POSTGRES");
  if (url == nullptr) return state.SkipWithError("RECORDS_POSTGRES is not set");
  in_database(state, [&](Access access) {
    return PostgresDatabase::open({url, "bench_" + std::to_string(getpid())}, access);
  });
}

BENCHMARK(in_memory)->Arg(100'000)->UseRealTime()->Iterations(1);
BENCHMARK(in_sqlite)->Arg(100'000)->UseRealTime()->Iterations(1);
BENCHMARK(in_postgres)->Arg(100'000)->UseRealTime()->Iterations(1);

}  // namespace
