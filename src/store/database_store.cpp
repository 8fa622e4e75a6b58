#include "store/database_store.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "store/query.h"

namespace engineroom::store {
namespace {

std::size_t size_of(std::span<const Bytes> buffers) {
  std::size_t size = 0;
  for (const Bytes& buffer : buffers) size += buffer.size();
  return size;
}

}  // namespace

DatabaseStore::DatabaseStore(std::unique_ptr<Database> writer, std::unique_ptr<Database> reader,
                             DatabaseStoreConfig config)
    : config_(config),
      memory_(config.memory),
      reader_(std::move(reader)),
      writer_(std::move(writer)),
      count_(value_or_log(reader_->count())) {}

template <typename Value>
Value DatabaseStore::value_or_log(Result<Value> result) const {
  if (result.ok()) return result.take();
  complain(result.status());
  return {};
}

void DatabaseStore::complain(const Status& status) const {
  const auto now = std::chrono::steady_clock::now();
  if (now < complained_ + std::chrono::seconds(1)) return;
  complained_ = now;
  ER_LOG_ERROR("records: {}: {}", reader_->name(), status.message());
}

// ---- changes ----

Status DatabaseStore::add_request(const Request& request) {
  if (Status status = memory_.add_request(request); !status.ok()) return status;
  Record record;
  record.msg_id = request.msg_id;
  record.client_uuid = request.client_uuid;
  record.queue = request.queue;
  record.label = request.label;
  record.header = request.header;
  record.metadata = request.metadata;
  record.content = request.content;
  record.submitted = request.submitted;
  record.payload_dropped = size_of(request.buffers) > config_.max_payload_bytes;
  if (!record.payload_dropped)
    record.buffers.assign(request.buffers.begin(), request.buffers.end());
  writer_.edit([&](ChangeBatch& batch) { batch.insert(std::move(record)); });
  count_one_more();
  return {};
}

// Now and then, the oldest go: a hundredth more than is needed, so that it is not done per task.
void DatabaseStore::count_one_more() {
  if (++count_ <= config_.max_records + config_.max_records / 100) return;
  count_ = config_.max_records;
  writer_.then(
      [keep = config_.max_records](Database& database) { return database.erase_oldest(keep); });
}

Status DatabaseStore::mark_sent(std::string_view msg_id, std::string_view engine_uuid) {
  if (Status status = memory_.mark_sent(msg_id, engine_uuid); !status.ok()) return status;
  writer_.edit([&](ChangeBatch& batch) {
    Change& change = batch.change(msg_id);
    change.sets_engine = true;
    change.record.engine_uuid = engine_uuid;
  });
  return {};
}

Status DatabaseStore::mark_started(std::string_view msg_id, WallTime started) {
  if (Status status = memory_.mark_started(msg_id, started); !status.ok()) return status;
  writer_.edit([&](ChangeBatch& batch) {
    Change& change = batch.change(msg_id);
    change.sets_started = true;
    change.record.started = started;
  });
  return {};
}

Status DatabaseStore::add_result(std::string_view msg_id, const Reply& reply) {
  if (Status status = memory_.add_result(msg_id, reply); !status.ok()) return status;
  save_result(msg_id, reply);
  return {};
}

void DatabaseStore::end_earlier(std::string_view msg_id, const Reply& reply) {
  save_result(msg_id, reply);
}

void DatabaseStore::save_result(std::string_view msg_id, const Reply& reply) {
  writer_.edit([&](ChangeBatch& batch) {
    Change& change = batch.change(msg_id);
    Record& record = change.record;
    change.sets_result = true;
    if (!reply.engine_uuid.empty()) {
      change.sets_engine = true;
      record.engine_uuid = reply.engine_uuid;
    }
    if (reply.started) record.started = reply.started;
    record.completed = reply.completed;
    record.received = reply.received;
    record.result_header = reply.header;
    record.result_metadata = reply.metadata;
    record.result_content = reply.content;
    if (size_of(reply.buffers) > config_.max_payload_bytes) {
      record.payload_dropped = true;
    } else {
      record.result_buffers.assign(reply.buffers.begin(), reply.buffers.end());
      batch.add_buffers(reply.buffers);
    }
    batch.add_bytes(reply.header.size() + reply.metadata.size() + reply.content.size());
  });
}

Status DatabaseStore::add_output(std::string_view msg_id, Output kind, std::string_view value) {
  // A record that memory has forgotten is in the database still, and so is its output.
  (void)memory_.add_output(msg_id, kind, value);
  writer_.edit([&](ChangeBatch& batch) {
    Change& change = batch.change(msg_id);
    Record& record = change.record;
    change.adds_output = true;
    std::string& text = output_of(record, kind);
    if (is_stream(kind)) {
      text += value.substr(0, kMaxStreamBytes - std::min(kMaxStreamBytes, text.size()));
    } else {
      text = value;
    }
    batch.add_bytes(value.size());
  });
  return {};
}

Status DatabaseStore::mark_resubmitted(std::string_view msg_id, std::string_view new_msg_id) {
  (void)memory_.mark_resubmitted(msg_id, new_msg_id);
  writer_.edit([&](ChangeBatch& batch) {
    Change& change = batch.change(msg_id);
    change.sets_resubmitted = true;
    change.record.resubmitted = new_msg_id;
  });
  return {};
}

// ---- queries ----

Database& DatabaseStore::read() const {
  writer_.drain();
  return *reader_;
}

bool DatabaseStore::contains(std::string_view msg_id) const {
  return memory_.contains(msg_id) || value_or_log(read().contains(msg_id));
}

bool DatabaseStore::is_pending(std::string_view msg_id) const { return memory_.is_pending(msg_id); }

Result<Record> DatabaseStore::find(std::string_view msg_id) const {
  Result<Record> recent = memory_.find(msg_id);
  if (recent.ok() && !recent.value().payload_dropped) return recent;
  Result<Record> saved = read().find(msg_id);
  return saved.ok() || !recent.ok() ? std::move(saved) : std::move(recent);
}

std::vector<std::string> DatabaseStore::history() const { return value_or_log(read().history()); }

void DatabaseStore::for_each(const std::function<bool(const Record&)>& visit) const {
  if (const Status status = select(Query(), visit); !status.ok()) complain(status);
}

Status DatabaseStore::select(const Query& query,
                             const std::function<bool(const Record&)>& visit) const {
  return read().select(query, visit);
}

std::vector<Record> DatabaseStore::unfinished() const {
  std::vector<Record> records;
  const Status status =
      read().select(Query::parse(R"({"received":null})").take(), [&](const Record& record) {
        if (!memory_.contains(record.msg_id)) records.push_back(record);
        return true;
      });
  if (!status.ok()) complain(status);
  return records;
}

// ---- purging ----

Status DatabaseStore::purge(std::span<const std::string> msg_ids) {
  if (Status status = memory_.purge(msg_ids); !status.ok()) return status;
  writer_.edit([&](ChangeBatch& batch) {
    for (const std::string& msg_id : msg_ids) batch.erase(msg_id);
  });
  return {};
}

void DatabaseStore::purge_engine(std::string_view engine_uuid) {
  memory_.purge_engine(engine_uuid);
  writer_.then([uuid = std::string(engine_uuid)](Database& database) {
    return database.erase_engine(uuid);
  });
}

void DatabaseStore::purge_all() {
  memory_.purge_all();
  writer_.then([](Database& database) { return database.erase_finished(); });
}

// ---- engines ----

EngineCounts DatabaseStore::counts(std::string_view engine_uuid) const {
  return memory_.counts(engine_uuid);
}
EngineTasks DatabaseStore::tasks_of(std::string_view engine_uuid) const {
  return memory_.tasks_of(engine_uuid);
}
std::uint64_t DatabaseStore::unassigned_count() const { return memory_.unassigned_count(); }
std::vector<std::string> DatabaseStore::unassigned() const { return memory_.unassigned(); }
void DatabaseStore::forget_engine(std::string_view engine_uuid) {
  memory_.forget_engine(engine_uuid);
}
StoreStats DatabaseStore::stats() const { return memory_.stats(); }

}  // namespace engineroom::store
