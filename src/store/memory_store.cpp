#include "store/memory_store.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include <simdjson.h>

#include "base/slot_pool.h"
#include "store/engine_tally.h"
#include "store/query.h"
#include "store/record_text.h"
#include "store/slot_index.h"

namespace engineroom::store {

namespace {

using Slot = std::uint32_t;
constexpr Slot kNone = SlotIndex::kNone;
// A full store makes room for one part in this many.
constexpr std::size_t kCullPart = 64;

// What few records have.
struct Extra {
  Frames large;  // buffers kept by reference, in the order of the record's text
  std::string stdout_text;
  std::string stderr_text;
  std::string execute_input;
  std::string execute_result;
  std::string error;
  std::string resubmitted;

  std::size_t payload_bytes() const {
    std::size_t bytes = stdout_text.size() + stderr_text.size() + execute_input.size() +
                        execute_result.size() + error.size();
    for (const Bytes& buffer : large) bytes += buffer.size();
    return bytes;
  }
};

// A time that may be missing, in eight bytes.
class MaybeTime {
 public:
  void set(std::optional<WallTime> when) { when_ = when.value_or(kMissing); }
  std::optional<WallTime> get() const {
    if (when_ == kMissing) return std::nullopt;
    return when_;
  }

 private:
  static constexpr WallTime kMissing = WallTime::min();
  WallTime when_ = kMissing;
};

struct Links {
  Slot previous = kNone;
  Slot next = kNone;
};

struct Entry {
  RecordText text;
  std::unique_ptr<Extra> extra;
  WallTime submitted{};
  MaybeTime started;
  MaybeTime completed;
  MaybeTime received;
  Links by_age;  // all records, as they were added
  Links by_end;  // finished ones, as they finished
  EngineNumber engine = kNoEngine;
  std::uint32_t hash = 0;
  QueueKind queue = QueueKind::kTask;
  std::uint32_t number = 0;  // the last bits
  bool finished : 1 = false;
  bool taken : 1 = false;            // by the store behind
  bool sealed : 1 = false;           // its payload was dropped, and no more is taken
  bool payload_dropped : 1 = false;  // there was some

  Extra& extras() {
    if (!extra) extra = std::make_unique<Extra>();
    return *extra;
  }
  std::size_t payload_bytes() const { return extra ? extra->payload_bytes() : 0; }
  std::size_t bytes() const { return text.size() + payload_bytes(); }
};

using Entries = SlotPool<Entry>;

// A list through the entries; `links` says which of their two.
class EntryList {
 public:
  explicit EntryList(Links Entry::* links) : links_(links) {}

  Slot front() const { return front_; }
  std::size_t size() const { return size_; }
  Slot after(const Entries& entries, Slot slot) const { return (entries[slot].*links_).next; }

  void push_back(Entries& entries, Slot slot) {
    entries[slot].*links_ = {.previous = back_, .next = kNone};
    (back_ == kNone ? front_ : (entries[back_].*links_).next) = slot;
    back_ = slot;
    ++size_;
  }

  void remove(Entries& entries, Slot slot) {
    const Links links = entries[slot].*links_;
    (links.previous == kNone ? front_ : (entries[links.previous].*links_).next) = links.next;
    (links.next == kNone ? back_ : (entries[links.next].*links_).previous) = links.previous;
    entries[slot].*links_ = {};
    --size_;
  }

 private:
  Links Entry::* links_;
  Slot front_ = kNone;
  Slot back_ = kNone;
  std::size_t size_ = 0;
};

Status not_found(std::string_view msg_id) {
  return {ErrorCode::kNotFound, "No such message: " + std::string(msg_id)};
}

}  // namespace

const char* to_string(QueueKind queue) {
  switch (queue) {
    case QueueKind::kMux:
      return "mux";
    case QueueKind::kTask:
      return "task";
    case QueueKind::kBroadcast:
      return "broadcast";
  }
  return "";
}

struct MemoryStore::State {
  explicit State(const MemoryStoreConfig& configuration) : config(configuration) {}

  Slot find(std::string_view msg_id) const {
    return index.find(id_hash(msg_id),
                      [&](Slot slot) { return entries[slot].text.msg_id() == msg_id; });
  }

  void remove(Slot slot);
  void count_pending(const Entry& entry, int change);
  void move_to(Entry& entry, std::string_view engine_uuid);
  void seal(Slot slot);
  void trim();
  template <typename IsEnough>
  void cull_until(IsEnough is_enough);
  Status add_result(std::string_view msg_id, const Reply& reply,
                    std::optional<PackedRecord>* taken);
  PackedRecord take(Entry& entry) const;
  Course course(const Entry& entry) const;
  Record record(const Entry& entry) const;
  // In order of submission.
  std::vector<Slot> in_order() const;
  template <typename Matches>
  void purge_if(Matches matches);

  MemoryStoreConfig config;
  Entries entries;
  SlotIndex index;
  EntryList all{&Entry::by_age};
  EntryList finished{&Entry::by_end};
  // The oldest finished record that is not sealed; kNone: all are.
  Slot first_unsealed = kNone;
  // No record before it is pending and not taken; kNone: no record at all is.
  Slot first_untaken = kNone;
  std::uint64_t last_number = 0;
  EngineTally engines;
  std::uint64_t unassigned = 0;
  StoreStats stats;
};

// ---- entries ---------------------------------------------------------------------------------

// REQUIRES: finished
void MemoryStore::State::remove(Slot slot) {
  Entry& entry = entries[slot];
  assert(entry.finished);
  --stats.finished;
  stats.finished_bytes -= entry.bytes();
  if (slot == first_unsealed) first_unsealed = finished.after(entries, slot);
  if (slot == first_untaken) first_untaken = all.after(entries, slot);
  finished.remove(entries, slot);
  all.remove(entries, slot);
  index.erase(entry.hash, slot);
  engines.release(entry.engine);
  entries.remove(slot);
}

void MemoryStore::State::count_pending(const Entry& entry, int change) {
  const auto add = [change](std::uint64_t& n) { n += static_cast<std::uint64_t>(change); };
  const bool is_task = entry.queue == QueueKind::kTask;
  if (entry.engine == kNoEngine) {
    if (is_task) add(unassigned);
    return;
  }
  EngineCounts& counts = engines.counts(entry.engine);
  add(is_task ? counts.tasks : counts.queue);
}

void MemoryStore::State::move_to(Entry& entry, std::string_view engine_uuid) {
  if (engines.uuid(entry.engine) == engine_uuid) return;
  count_pending(entry, -1);
  const EngineNumber engine = engines.retain(engine_uuid);
  engines.release(entry.engine);
  entry.engine = engine;
  count_pending(entry, +1);
}

// Drops what can be large of a finished record.
void MemoryStore::State::seal(Slot slot) {
  Entry& entry = entries[slot];
  const std::size_t before = entry.bytes();
  entry.payload_dropped |= entry.text.has_payload() || entry.payload_bytes() > 0;
  entry.sealed = true;
  entry.text.drop_payload();
  if (entry.extra) {
    std::string resubmitted = std::move(entry.extra->resubmitted);
    entry.extra.reset();
    if (!resubmitted.empty()) entry.extras().resubmitted = std::move(resubmitted);
  }
  stats.finished_bytes -= before - entry.bytes();
}

// Keeps the finished records within the limits. Each time a few more than needed go: whoever pages
// through its results then loses them in steps, not one per new task. (In ipyparallel a tenth goes;
// here that was a saw of 1.8 MiB in the memory of a process that is to be flat.)
void MemoryStore::State::trim() {
  if (stats.finished > config.max_records) {
    cull_until(
        [this] { return stats.finished <= config.max_records - config.max_records / kCullPart; });
  }
  if (stats.finished_bytes <= config.max_bytes) return;
  const std::size_t goal = config.max_bytes - config.max_bytes / kCullPart;
  while (stats.finished_bytes > goal && first_unsealed != kNone) {
    seal(first_unsealed);
    first_unsealed = finished.after(entries, first_unsealed);
  }
  cull_until([this, goal] { return stats.finished_bytes <= goal; });
}

template <typename IsEnough>
void MemoryStore::State::cull_until(IsEnough is_enough) {
  while (finished.size() > 0 && !is_enough()) {
    remove(finished.front());
    ++stats.culled;
  }
}

PackedRecord MemoryStore::State::take(Entry& entry) const {
  entry.taken = true;
  return {entry.text, entry.extra ? entry.extra->large : Frames(), course(entry)};
}

Record MemoryStore::State::record(const Entry& entry) const {
  Record record;
  static_cast<Course&>(record) = course(entry);
  entry.text.read(entry.extra ? entry.extra->large : Frames(), record);
  return record;
}

Course MemoryStore::State::course(const Entry& entry) const {
  Course course;
  course.engine_uuid = engines.uuid(entry.engine);
  course.queue = entry.queue;
  course.submitted = entry.submitted;
  course.started = entry.started.get();
  course.completed = entry.completed.get();
  course.received = entry.received.get();
  course.payload_dropped = entry.payload_dropped;
  if (!entry.extra) return course;
  const Extra& extra = *entry.extra;
  course.resubmitted = extra.resubmitted;
  course.stdout_text = extra.stdout_text;
  course.stderr_text = extra.stderr_text;
  course.execute_input = extra.execute_input;
  course.execute_result = extra.execute_result;
  course.error = extra.error;
  return course;
}

std::vector<Slot> MemoryStore::State::in_order() const {
  std::vector<Slot> slots;
  slots.reserve(all.size());
  for (Slot slot = all.front(); slot != kNone; slot = all.after(entries, slot)) {
    slots.push_back(slot);
  }
  // Nearly always sorted as it is: the clock would have to have been set back.
  std::stable_sort(slots.begin(), slots.end(),
                   [this](Slot a, Slot b) { return entries[a].submitted < entries[b].submitted; });
  return slots;
}

template <typename Matches>
void MemoryStore::State::purge_if(Matches matches) {
  for (Slot slot = finished.front(); slot != kNone;) {
    const Slot next = finished.after(entries, slot);
    if (matches(entries[slot])) remove(slot);
    slot = next;
  }
}

// ---- the hot path ----------------------------------------------------------------------------

MemoryStore::MemoryStore(MemoryStoreConfig config) : state_(std::make_unique<State>(config)) {}
MemoryStore::~MemoryStore() = default;

Status MemoryStore::add_request(const Request& request) {
  State& state = *state_;
  const Slot known = state.find(request.msg_id);
  if (known != kNone && !state.entries[known].finished) {
    return {ErrorCode::kInvalidArgument, "message is pending: " + std::string(request.msg_id)};
  }
  RecordText text;
  Frames large;
  if (Status status = text.set_request(request, large); !status.ok()) return status;
  if (known != kNone) state.remove(known);

  const Slot slot = state.entries.add();
  Entry& entry = state.entries[slot];
  entry.text = std::move(text);
  if (!large.empty()) entry.extras().large = std::move(large);
  entry.submitted = request.submitted;
  entry.queue = request.queue;
  entry.hash = id_hash(request.msg_id);
  entry.number = static_cast<std::uint32_t>(++state.last_number);
  if (state.first_untaken == kNone) state.first_untaken = slot;
  state.all.push_back(state.entries, slot);
  state.index.insert(entry.hash, slot);
  state.count_pending(entry, +1);
  ++state.stats.pending;
  state.stats.pending_bytes += entry.bytes();
  return {};
}

Status MemoryStore::mark_sent(std::string_view msg_id, std::string_view engine_uuid) {
  State& state = *state_;
  const Slot slot = state.find(msg_id);
  if (slot == kNone) return not_found(msg_id);
  if (state.entries[slot].finished) {
    return {ErrorCode::kInvalidArgument, "message is finished: " + std::string(msg_id)};
  }
  state.move_to(state.entries[slot], engine_uuid);
  return {};
}

Status MemoryStore::mark_started(std::string_view msg_id, WallTime started) {
  const Slot slot = state_->find(msg_id);
  if (slot == kNone) return not_found(msg_id);
  state_->entries[slot].started.set(started);
  return {};
}

Status MemoryStore::add_result(std::string_view msg_id, const Reply& reply) {
  return state_->add_result(msg_id, reply, nullptr);
}

Status MemoryStore::add_result(std::string_view msg_id, const Reply& reply,
                               std::optional<PackedRecord>& taken) {
  return state_->add_result(msg_id, reply, &taken);
}

Status MemoryStore::State::add_result(std::string_view msg_id, const Reply& reply,
                                      std::optional<PackedRecord>* taken) {
  const Slot slot = find(msg_id);
  if (slot == kNone) return not_found(msg_id);
  Entry& entry = entries[slot];
  if (entry.finished) {
    return {ErrorCode::kInvalidArgument, "message has a result: " + std::string(msg_id)};
  }
  const std::size_t before = entry.bytes();
  Frames large;
  if (Status status = entry.text.set_result(reply, large); !status.ok()) return status;
  if (!large.empty()) {
    Frames& kept = entry.extras().large;
    kept.insert(kept.end(), large.begin(), large.end());
  }
  if (!reply.engine_uuid.empty()) move_to(entry, reply.engine_uuid);
  if (reply.started) entry.started.set(reply.started);
  entry.completed.set(reply.completed);
  entry.received.set(reply.received);

  count_pending(entry, -1);
  if (entry.engine != kNoEngine) ++engines.counts(entry.engine).completed;
  entry.finished = true;
  finished.push_back(entries, slot);
  if (first_unsealed == kNone) first_unsealed = slot;
  --stats.pending;
  ++stats.finished;
  stats.pending_bytes -= before;
  stats.finished_bytes += entry.bytes();
  if (taken != nullptr && !entry.taken) *taken = take(entry);
  trim();
  return {};
}

Status MemoryStore::add_output(std::string_view msg_id, Output kind, std::string_view value) {
  State& state = *state_;
  const Slot slot = state.find(msg_id);
  if (slot == kNone) return not_found(msg_id);
  Entry& entry = state.entries[slot];
  if (entry.sealed) {
    entry.payload_dropped = true;
    return {};
  }
  std::size_t& total = entry.finished ? state.stats.finished_bytes : state.stats.pending_bytes;
  std::string& text = output_of(entry.extras(), kind);
  total -= text.size();
  if (is_stream(kind)) {
    text += value.substr(0, state.config.max_stream_bytes - text.size());
  } else {
    text = value;
  }
  total += text.size();
  if (entry.finished) state.trim();
  return {};
}

Status MemoryStore::mark_resubmitted(std::string_view msg_id, std::string_view new_msg_id) {
  const Slot slot = state_->find(msg_id);
  if (slot == kNone) return not_found(msg_id);
  state_->entries[slot].extras().resubmitted = new_msg_id;
  return {};
}

// ---- for a store behind ----------------------------------------------------------------------

bool MemoryStore::is_untaken(std::string_view msg_id) const {
  const Slot slot = state_->find(msg_id);
  return slot != kNone && !state_->entries[slot].finished && !state_->entries[slot].taken;
}

std::uint64_t MemoryStore::last_number() const { return state_->last_number; }
bool MemoryStore::has_untaken() const { return state_->first_untaken != kNone; }

std::optional<PackedRecord> MemoryStore::take_oldest(std::uint64_t until) {
  State& state = *state_;
  Slot& slot = state.first_untaken;
  for (; slot != kNone; slot = state.all.after(state.entries, slot)) {
    Entry& entry = state.entries[slot];
    // Signed, as the numbers wrap around.
    const auto ahead = static_cast<std::int32_t>(entry.number - static_cast<std::uint32_t>(until));
    if (ahead > 0) return std::nullopt;
    if (entry.finished || entry.taken) continue;
    return state.take(entry);
  }
  return std::nullopt;
}

// ---- queries ---------------------------------------------------------------------------------

bool MemoryStore::contains(std::string_view msg_id) const { return state_->find(msg_id) != kNone; }

bool MemoryStore::is_pending(std::string_view msg_id) const {
  const Slot slot = state_->find(msg_id);
  return slot != kNone && !state_->entries[slot].finished;
}

Result<Record> MemoryStore::find(std::string_view msg_id) const {
  const Slot slot = state_->find(msg_id);
  if (slot == kNone) return not_found(msg_id);
  return state_->record(state_->entries[slot]);
}

std::vector<std::string> MemoryStore::history() const {
  std::vector<std::string> ids;
  for (Slot slot : state_->in_order()) ids.emplace_back(state_->entries[slot].text.msg_id());
  return ids;
}

void MemoryStore::for_each(const std::function<bool(const Record&)>& visit) const {
  for (Slot slot : state_->in_order()) {
    if (!visit(state_->record(state_->entries[slot]))) return;
  }
}

Status MemoryStore::select(const Query& query,
                           const std::function<bool(const Record&)>& visit) const {
  const auto offer = [&](const Record& record) { return !query.matches(record) || visit(record); };
  const auto msg_ids = query.msg_ids();
  if (!msg_ids) {
    for_each(offer);
    return {};
  }
  std::vector<Record> found;
  for (const std::string& msg_id : *msg_ids) {
    const Slot slot = state_->find(msg_id);
    if (slot != kNone) found.push_back(state_->record(state_->entries[slot]));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Record& a, const Record& b) { return a.submitted < b.submitted; });
  for (const Record& record : found) {
    if (!offer(record)) break;
  }
  return {};
}

// ---- purging ---------------------------------------------------------------------------------

Status MemoryStore::purge(std::span<const std::string> msg_ids) {
  for (const std::string& msg_id : msg_ids) {
    if (is_pending(msg_id)) return {ErrorCode::kInvalidArgument, "msg pending: '" + msg_id + "'"};
  }
  for (const std::string& msg_id : msg_ids) {
    const Slot slot = state_->find(msg_id);
    if (slot != kNone) state_->remove(slot);
  }
  return {};
}

void MemoryStore::purge_engine(std::string_view engine_uuid) {
  const EngineNumber engine = state_->engines.find(engine_uuid);
  if (engine == kNoEngine) return;
  state_->purge_if([engine](const Entry& entry) { return entry.engine == engine; });
}

void MemoryStore::purge_all() {
  state_->purge_if([](const Entry&) { return true; });
}

// ---- engines ---------------------------------------------------------------------------------

EngineCounts MemoryStore::counts(std::string_view engine_uuid) const {
  const EngineNumber engine = state_->engines.find(engine_uuid);
  return engine == kNoEngine ? EngineCounts{} : std::as_const(state_->engines).counts(engine);
}

EngineTasks MemoryStore::tasks_of(std::string_view engine_uuid) const {
  EngineTasks tasks;
  const EngineNumber engine = state_->engines.find(engine_uuid);
  if (engine == kNoEngine) return tasks;
  for (Slot slot : state_->in_order()) {
    const Entry& entry = state_->entries[slot];
    if (entry.engine != engine) continue;
    const bool is_task = entry.queue == QueueKind::kTask;
    std::vector<std::string>& list = entry.finished ? tasks.completed
                                     : is_task      ? tasks.tasks
                                                    : tasks.queue;
    list.emplace_back(entry.text.msg_id());
  }
  return tasks;
}

std::uint64_t MemoryStore::unassigned_count() const { return state_->unassigned; }

std::vector<std::string> MemoryStore::unassigned() const {
  std::vector<std::string> ids;
  for (Slot slot : state_->in_order()) {
    const Entry& entry = state_->entries[slot];
    if (entry.finished || entry.engine != kNoEngine || entry.queue != QueueKind::kTask) continue;
    ids.emplace_back(entry.text.msg_id());
  }
  return ids;
}

void MemoryStore::forget_engine(std::string_view engine_uuid) {
  state_->engines.forget(engine_uuid);
}

StoreStats MemoryStore::stats() const { return state_->stats; }

std::size_t MemoryStore::capacity() const { return state_->entries.capacity(); }

void MemoryStore::sanity_check() const {
  const State& state = *state_;
  const auto require = [](bool consistent) {
    if (!consistent) std::abort();  // not assert: it is for tests of release builds too
  };
  StoreStats counted = state.stats;
  counted.pending = counted.finished = counted.pending_bytes = counted.finished_bytes = 0;
  std::uint64_t unassigned = 0;
  for (Slot slot = state.all.front(); slot != kNone; slot = state.all.after(state.entries, slot)) {
    const Entry& entry = state.entries[slot];
    require(state.find(entry.text.msg_id()) == slot);
    ++(entry.finished ? counted.finished : counted.pending);
    (entry.finished ? counted.finished_bytes : counted.pending_bytes) += entry.bytes();
    const bool waits = !entry.finished && entry.engine == kNoEngine;
    if (waits && entry.queue == QueueKind::kTask) ++unassigned;
    require(!entry.sealed || entry.payload_bytes() == 0);
  }
  require(counted.pending == state.stats.pending);
  require(counted.finished == state.stats.finished);
  require(counted.pending_bytes == state.stats.pending_bytes);
  require(counted.finished_bytes == state.stats.finished_bytes);
  require(unassigned == state.unassigned);
  require(state.index.size() == state.all.size());
  require(state.finished.size() == counted.finished);
  require(counted.finished <= state.config.max_records);
  require(counted.finished_bytes <= state.config.max_bytes);

  bool sealed = true;
  for (Slot slot = state.finished.front(); slot != kNone;
       slot = state.finished.after(state.entries, slot)) {
    if (slot == state.first_unsealed) sealed = false;
    require(state.entries[slot].finished && state.entries[slot].sealed == sealed);
  }
}

}  // namespace engineroom::store
