#include "store/database_store.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "store/query.h"

namespace engineroom::store {
namespace {

// Of pending records, so that nothing else waits for long.
constexpr int kSavedPerTurn = 256;
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

// Those of `msg_ids` that are not in `found`, which is in any order.
template <typename Found>
std::vector<std::string> others(std::span<const std::string> msg_ids, const Found& found) {
  std::unordered_set<std::string_view> known;
  for (const auto& each : found) known.insert(each.msg_id);
  std::vector<std::string> ids;
  for (const std::string& msg_id : msg_ids) {
    if (!known.contains(msg_id)) ids.push_back(msg_id);
  }
  return ids;
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

DatabaseStore::~DatabaseStore() { DatabaseStore::flush(); }

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
  if (memory_.contains(msg_id)) return true;
  const std::string ids[] = {std::string(msg_id)};
  return !value_or_log(list(ids)).empty();
}

bool DatabaseStore::is_pending(std::string_view msg_id) const { return memory_.is_pending(msg_id); }

Result<Record> DatabaseStore::find(std::string_view msg_id) const {
  Result<Record> recent = memory_.find(msg_id);
  if (recent.ok() && !recent.value().payload_dropped) return recent;
  Result<Record> saved = read().find(msg_id);
  return saved.ok() || !recent.ok() ? std::move(saved) : std::move(recent);
}

Status DatabaseStore::begin(Position& position) const {
  if (position.has_begun) return {};
  position.has_begun = true;
  const Result<std::optional<WallTime>> latest = read().latest();
  if (!latest.ok()) return latest.status();
  position.until = latest.value();
  position.at_end = !latest.value();
  return {};
}

Result<Span> DatabaseStore::next_span(const Position& position, std::size_t count) const {
  const Result<std::optional<WallTime>> end = reader_->later(position.after, count);
  if (!end.ok()) return end.status();
  const bool is_last = !end.value() || *end.value() > *position.until;
  return Span{.after = position.after, .until = is_last ? position.until : end.value()};
}

Status DatabaseStore::select_some(const Query& query, Position& position,
                                  const Visit& visit) const {
  if (Status status = begin(position); !status.ok()) return status;
  if (position.at_end) return {};
  Result<Span> found = next_span(position, kRecordsPerStep);
  if (!found.ok()) return found.status();
  Span span = found.take();
  std::size_t bytes = 0;
  bool is_over = false;
  std::optional<WallTime> last;
  // Only between two times of submission can the next step go on.
  const auto offer = [&](const Record& record) {
    if (bytes >= kBytesPerStep && record.submitted > *last) {
      span.until = last;
      return false;
    }
    bytes += record.bytes();
    last = record.submitted;
    is_over = query.matches(record) && !visit(record);
    return !is_over;
  };
  if (Status status = reader_->select(query, Span(span), offer); !status.ok()) return status;
  position.after = span.until;
  position.at_end = is_over || span.until == position.until;
  return {};
}

Result<std::vector<Listed>> DatabaseStore::list_some(Position& position) const {
  if (Status status = begin(position); !status.ok()) return status;
  if (position.at_end) return std::vector<Listed>();
  const Result<Span> span = next_span(position, kListedPerStep);
  if (!span.ok()) return span.status();
  position.after = span.value().until;
  position.at_end = position.after == position.until;
  return reader_->list(Query(), span.value());
}

Result<std::vector<Listed>> DatabaseStore::list(std::span<const std::string> msg_ids) const {
  Result<std::vector<Listed>> recent = memory_.list(msg_ids);
  const std::vector<std::string> ids = others(msg_ids, recent.value());
  if (ids.empty()) return recent;
  Result<std::vector<Listed>> saved = read().list(Query::of_ids(ids), {});
  if (!saved.ok()) return saved;
  std::vector<Listed> all = recent.take();
  std::move(saved.value().begin(), saved.value().end(), std::back_inserter(all));
  return all;
}

// Both come in order: what is in memory goes in between what is read from the database.
Status DatabaseStore::find_each(std::span<const std::string> msg_ids, const Visit& visit) const {
  std::vector<Record> recent;
  std::vector<Record> incomplete;
  (void)memory_.find_each(msg_ids, [&](const Record& record) {
    (record.payload_dropped ? incomplete : recent).push_back(record);
    return true;
  });
  auto next = recent.begin();
  bool goes_on = true;
  const auto visit_recent = [&](WallTime until) {
    while (goes_on && next != recent.end() && next->submitted <= until) goes_on = visit(*next++);
    return goes_on;
  };
  const std::vector<std::string> ids = others(msg_ids, recent);
  std::unordered_set<std::string> saved;
  if (!ids.empty()) {
    const auto visit_saved = [&](const Record& record) {
      if (!visit_recent(record.submitted)) return false;
      saved.insert(record.msg_id);
      goes_on = visit(record);
      return goes_on;
    };
    Status status = read().select(Query::of_ids(ids), {}, visit_saved);
    if (!status.ok()) return status;
  }
  visit_recent(WallTime::max());
  // What the database lost: better without its payload than not at all.
  for (const Record& record : incomplete) {
    if (goes_on && !saved.contains(record.msg_id)) goes_on = visit(record);
  }
  return {};
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
