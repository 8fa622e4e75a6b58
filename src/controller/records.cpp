#include "controller/records.h"

#include <utility>

#include "base/log.h"
#include "controller/message_maker.h"
#include "store/database_store.h"
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

Result<StorePointer> open_database(const Options& options, const std::string& path,
                                   const store::MemoryStoreConfig& memory) {
  auto writer = store::SqliteDatabase::open(path);
  if (!writer.ok()) return writer.status();
  auto reader = store::SqliteDatabase::open(path);
  if (!reader.ok()) return reader.status();
  store::DatabaseStoreConfig config;
  config.memory = memory;
  config.max_records = options.max_saved_records;
  auto store = std::make_unique<store::DatabaseStore>(writer.take(), reader.take(), config);
  end_unfinished(*store);
  return StorePointer(std::move(store));
}

}  // namespace

Result<StorePointer> make_store(const Options& options, const std::string& database_path) {
  store::MemoryStoreConfig memory;
  memory.max_records = options.records == Records::kNone ? 0 : options.max_records;
  memory.max_bytes = static_cast<std::size_t>(options.max_record_bytes);
  if (options.records == Records::kSqlite) {
    Result<StorePointer> store = open_database(options, database_path, memory);
    if (store.ok() || options.are_records_chosen) return store;
    ER_LOG_WARN("records are kept in memory only: {}", store.status().message());
  }
  return StorePointer(std::make_unique<store::MemoryStore>(memory));
}

}  // namespace engineroom::controller
