#include "controller/records.h"

#include <utility>

#include "base/log.h"
#include "controller/message_maker.h"
#include "controller/restored_records.h"
#include "store/database_store.h"
#include "store/postgres_database.h"
#include "store/sqlite_database.h"

namespace engineroom::controller {
namespace {

void end_unfinished(store::DatabaseStore& store) {
  const std::vector<store::Record> records = store.unfinished();
  if (records.empty()) return;
  ER_LOG_INFO("{} tasks of an earlier controller never ended: they are recorded as failed",
              records.size());
  for (const store::Record& record : records) {
    const std::string metadata = reply_metadata("error", record.engine_uuid);
    const std::string content =
        to_content({"EngineError", "the controller ended before task '" + record.msg_id + "' did"});
    store::Reply reply;
    reply.metadata = metadata;
    reply.content = content;
    reply.received = std::chrono::system_clock::now();
    store.end_earlier(record.msg_id, reply);
  }
}

using StorePointer = std::unique_ptr<store::Store>;

using DatabasePointer = std::unique_ptr<store::Database>;

// Two connections: the one that writes first, as it makes what is not there.
struct Databases {
  DatabasePointer writer;
  DatabasePointer reader;
};

template <typename Open>
Result<Databases> open_twice(Open open) {
  auto writer = open(store::Access::kReadWrite);
  if (!writer.ok()) return writer.status();
  auto reader = open(store::Access::kReadOnly);
  if (!reader.ok()) return reader.status();
  return Databases{writer.take(), reader.take()};
}

store::PostgresOptions postgres_options(const Options& options) {
  std::string schema = options.postgres_schema;
  if (schema.empty()) schema = "engineroom";
  if (options.postgres_schema.empty() && !options.cluster_id.empty()) {
    schema += "_" + options.cluster_id;
  }
  return {options.postgres_url, schema};
}

Result<Databases> open_databases(const Options& options, const std::string& path) {
  if (options.records == Records::kPostgres) {
    return open_twice([address = postgres_options(options)](store::Access access) {
      return store::PostgresDatabase::open(address, access);
    });
  }
  return open_twice([&](store::Access access) {
    return store::SqliteDatabase::open(path, access, options.max_saved_bytes);
  });
}

Result<StorePointer> open_database(const Options& options, const std::string& path,
                                   const store::MemoryStoreConfig& memory, const Journal* journal) {
  auto opened = open_databases(options, path);
  if (!opened.ok()) return opened.status();
  auto [writer, reader] = opened.take();
  ER_LOG_INFO("records: {}", writer->name());
  store::DatabaseStoreConfig config;
  config.memory = memory;
  config.max_records = options.max_saved_records;
  auto store = std::make_unique<store::DatabaseStore>(std::move(writer), std::move(reader), config);
  if (journal != nullptr) restore_records(*store, *journal);
  end_unfinished(*store);
  if (journal != nullptr) store->flush();
  return StorePointer(std::move(store));
}

}  // namespace

Result<StorePointer> make_store(const Options& options, const std::string& database_path,
                                const Journal* journal) {
  store::MemoryStoreConfig memory;
  memory.max_records = options.records == Records::kNone ? 0 : options.max_records;
  memory.max_bytes = static_cast<std::size_t>(options.max_record_bytes);
  if (options.records == Records::kSqlite || options.records == Records::kPostgres) {
    Result<StorePointer> store = open_database(options, database_path, memory, journal);
    if (store.ok() || options.are_records_chosen) return store;
    ER_LOG_WARN("records are kept in memory only: {}", store.status().message());
  }
  StorePointer store = std::make_unique<store::MemoryStore>(memory);
  if (journal != nullptr) restore_records(*store, *journal);
  return store;
}

}  // namespace engineroom::controller
