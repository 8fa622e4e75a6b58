#include "store/database_store.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "store/query.h"

namespace engineroom::store {
namespace {

// Of pending records, so that nothing else waits for long.
constexpr int kSavedPerTurn = 256;
// Of records that a query is about, a few milliseconds' work.
constexpr std::size_t kReadPerStep = 500;
constexpr Duration kNextTurn = std::chrono::milliseconds(5);

std::size_t size_of(std::span<const Bytes> buffers) {
  std::size_t size = 0;
  for (const Bytes& buffer : buffers) size += buffer.size();
  return size;
}

// Without the request's buffers, or the result's, that are more than `limit` together.
Record without_large_payloads(const PackedRecord& packed, std::size_t limit) {
  Record record;
  packed.unpack(record);
  for (Frames* buffers : {&record.buffers, &record.result_buffers}) {
    if (size_of(*buffers) <= limit) continue;
    buffers->clear();
    record.payload_dropped = true;
  }
  return record;
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

Status DatabaseStore::add_request(const Request& request) { return memory_.add_request(request); }

// Now and then, the oldest go: a hundredth more than is needed, so that it is not done per task.
void DatabaseStore::count_one_more() const {
  if (++count_ <= config_.max_records + config_.max_records / 100) return;
  count_ = config_.max_records;
  writer_.then(
      [keep = config_.max_records](Database& database) { return database.erase_oldest(keep); });
}

void DatabaseStore::save(PackedRecord record) const {
  const bool is_too_large = record.payload_bytes() > config_.max_payload_bytes;
  writer_.edit([&](ChangeBatch& batch) {
    if (is_too_large) {
      batch.insert(without_large_payloads(record, config_.max_payload_bytes));
    } else {
      batch.insert(std::move(record));
    }
  });
  count_one_more();
}

template <typename Edit>
void DatabaseStore::edit(std::string_view msg_id, Edit edit) {
  if (memory_.is_untaken(msg_id)) return;
  writer_.edit([&](ChangeBatch& batch) { edit(batch.change(msg_id), batch); });
}

bool DatabaseStore::save_pending(std::uint64_t until) {
  for (int i = 0; i < kSavedPerTurn; ++i) {
    if (!writer_.has_room()) return false;
    std::optional<PackedRecord> record = memory_.take_oldest(until);
    if (!record) return true;
    save(*std::move(record));
  }
  return false;
}

void DatabaseStore::on_time(Time now) {
  if (save_at_ && now < *save_at_) return;
  if (save_at_ && !save_pending(save_until_)) {
    save_at_ = now + kNextTurn;
    return;
  }
  save_at_ = memory_.has_untaken() ? std::optional(now + kHold) : std::nullopt;
  save_until_ = memory_.last_number();
}

void DatabaseStore::flush() const {
  while (std::optional<PackedRecord> record = memory_.take_oldest(memory_.last_number())) {
    save(*std::move(record));
  }
  writer_.drain();
}

DatabaseStore::~DatabaseStore() { flush(); }

Status DatabaseStore::mark_sent(std::string_view msg_id, std::string_view engine_uuid) {
  if (Status status = memory_.mark_sent(msg_id, engine_uuid); !status.ok()) return status;
  edit(msg_id, [&](Change& change, ChangeBatch& /*batch*/) {
    change.sets_engine = true;
    change.course().engine_uuid = engine_uuid;
  });
  return {};
}

Status DatabaseStore::mark_started(std::string_view msg_id, WallTime started) {
  if (Status status = memory_.mark_started(msg_id, started); !status.ok()) return status;
  edit(msg_id, [&](Change& change, ChangeBatch& /*batch*/) {
    change.sets_started = true;
    change.course().started = started;
  });
  return {};
}

Status DatabaseStore::add_result(std::string_view msg_id, const Reply& reply) {
  std::optional<PackedRecord> taken;
  if (Status status = memory_.add_result(msg_id, reply, taken); !status.ok()) return status;
  if (taken) {
    save(*std::move(taken));
  } else {
    save_result(msg_id, reply);
  }
  return {};
}

void DatabaseStore::end_earlier(std::string_view msg_id, const Reply& reply) {
  save_result(msg_id, reply);
}

void DatabaseStore::save_result(std::string_view msg_id, const Reply& reply) {
  edit(msg_id, [&](Change& change, ChangeBatch& batch) {
    Record& record = change.parts();
    Course& course = change.course();
    change.sets_result = true;
    if (!reply.engine_uuid.empty()) {
      change.sets_engine = true;
      course.engine_uuid = reply.engine_uuid;
    }
    if (reply.started) course.started = reply.started;
    course.completed = reply.completed;
    course.received = reply.received;
    record.result_header = reply.header;
    record.result_metadata = reply.metadata;
    record.result_content = reply.content;
    if (size_of(reply.buffers) > config_.max_payload_bytes) {
      course.payload_dropped = true;
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
  edit(msg_id, [&](Change& change, ChangeBatch& batch) {
    change.adds_output = true;
    std::string& text = output_of(change.course(), kind);
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
  edit(msg_id, [&](Change& change, ChangeBatch& /*batch*/) {
    change.sets_resubmitted = true;
    change.course().resubmitted = new_msg_id;
  });
  return {};
}

// ---- queries ----

Database& DatabaseStore::read() const {
  flush();
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
  return read().select(query, {}, visit);
}

Status DatabaseStore::select_some(const Query& query, Position& position,
                                  const std::function<bool(const Record&)>& visit) const {
  // What comes after it has begun need not be found.
  Database& database = position.after ? *reader_ : read();
  Span span{.after = position.after, .until = std::nullopt};
  // Ids have an index.
  if (!query.msg_ids()) {
    const auto end = database.later(position.after, kReadPerStep);
    if (!end.ok()) return end.status();
    span.until = end.value();
  }
  position = {.after = span.until, .at_end = !span.until};
  return database.select(query, span, visit);
}

std::vector<Record> DatabaseStore::unfinished() const {
  std::vector<Record> records;
  const Status status =
      read().select(Query::parse(R"({"received":null})").take(), {}, [&](const Record& record) {
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
