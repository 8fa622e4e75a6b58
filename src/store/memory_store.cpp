#include "store/memory_store.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace engineroom::store {

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

namespace {

// Frames below this are copied: they share an allocation with the rest of their message, which a reference would
// keep alive as a whole.
constexpr std::size_t kSmallFrame = 4096;

// What one entry and its place in the index cost beside its text; counted towards the limit in bytes.
constexpr std::size_t kEntryBytes = 400;

// The text parts of a record, one after the other in a block that is exactly as long as they are.
class Texts {
 public:
  enum Part : std::size_t { kHeader, kMetadata, kContent, kResultHeader, kResultMetadata, kResultContent, kParts };

  std::string_view operator[](Part part) const {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < part; ++i) begin += lengths_[i];
    return std::string_view(block_).substr(begin, lengths_[part]);
  }
  std::size_t size() const { return block_.size(); }

  void set_request(std::string_view header, std::string_view metadata, std::string_view content) {
    lengths_ = {};
    block_.clear();
    append(kHeader, {header, metadata, content});
  }
  // REQUIRES: set_request before, set_result not.
  void set_result(std::string_view header, std::string_view metadata, std::string_view content) {
    append(kResultHeader, {header, metadata, content});
  }

 private:
  void append(std::size_t first, std::array<std::string_view, 3> parts) {
    std::string longer;
    longer.reserve(block_.size() + parts[0].size() + parts[1].size() + parts[2].size());
    longer = block_;
    for (std::string_view part : parts) {
      lengths_[first++] = static_cast<std::uint32_t>(part.size());
      longer.append(part);
    }
    block_ = std::move(longer);
  }

  std::string block_;
  std::array<std::uint32_t, kParts> lengths_{};
};

struct Outputs {
  std::string stdout_text;
  std::string stderr_text;
  std::string execute_input;
  std::string execute_result;
  std::string error;
  std::size_t size() const {
    return stdout_text.size() + stderr_text.size() + execute_input.size() + execute_result.size() + error.size();
  }
};

struct Engine {
  std::string uuid;
  EngineCounts counts;
  std::uint64_t records = 0;  // that name it
  bool forgotten = false;
};

struct Entry;

// Entries in an order, linked through themselves: appending and unlinking cost a few stores.
struct Links {
  Entry* previous = nullptr;
  Entry* next = nullptr;
};

struct Entry {
  std::string_view msg_id;  // the index's key
  std::string client_uuid;
  std::string label;
  std::string resubmitted;
  Engine* engine = nullptr;  // null: sent to none yet
  QueueKind queue = QueueKind::kTask;
  bool finished = false;
  bool payload_dropped = false;
  Texts texts;
  Frames buffers;
  Frames result_buffers;
  std::unique_ptr<Outputs> outputs;
  WallTime submitted{};
  std::optional<WallTime> started;
  std::optional<WallTime> completed;
  WallTime received{};
  Links by_submission;
  Links by_finish;
  std::size_t bytes = 0;  // as counted in the totals
};

template <Links Entry::*kLinks>
class EntryList {
 public:
  Entry* front() const { return front_; }
  static Entry* next(const Entry& entry) { return (entry.*kLinks).next; }

  void push_back(Entry& entry) {
    (entry.*kLinks) = {back_, nullptr};
    (back_ ? (back_->*kLinks).next : front_) = &entry;
    back_ = &entry;
  }
  void remove(Entry& entry) {
    Links& links = entry.*kLinks;
    (links.previous ? (links.previous->*kLinks).next : front_) = links.next;
    (links.next ? (links.next->*kLinks).previous : back_) = links.previous;
    links = {};
  }

 private:
  Entry* front_ = nullptr;
  Entry* back_ = nullptr;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <typename Value>
using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

Frames keep(std::span<const Bytes> frames) {
  Frames kept;
  kept.reserve(frames.size());
  for (const Bytes& frame : frames) {
    kept.push_back(frame.size() < kSmallFrame ? Bytes::copy_of(frame.view()) : frame);
  }
  return kept;
}

std::size_t size_of(const Frames& frames) {
  std::size_t total = frames.size() * sizeof(Bytes);
  for (const Bytes& frame : frames) total += frame.size();
  return total;
}

std::size_t payload_of(const Entry& entry) {
  return size_of(entry.buffers) + size_of(entry.result_buffers) + (entry.outputs ? entry.outputs->size() : 0);
}

// Appends up to a limit; what is beyond is cut.
void append_limited(std::string& stream, std::string_view text, std::size_t limit) {
  stream.append(text.substr(0, limit - std::min(limit, stream.size())));
}

Record to_record(const Entry& entry) {
  Record record;
  record.msg_id = entry.msg_id;
  record.client_uuid = entry.client_uuid;
  if (entry.engine) record.engine_uuid = entry.engine->uuid;
  record.queue = entry.queue;
  record.label = entry.label;
  record.resubmitted = entry.resubmitted;
  record.header = entry.texts[Texts::kHeader];
  record.metadata = entry.texts[Texts::kMetadata];
  record.content = entry.texts[Texts::kContent];
  record.buffers = entry.buffers;
  record.submitted = entry.submitted;
  record.started = entry.started;
  record.completed = entry.completed;
  if (entry.finished) record.received = entry.received;
  record.result_header = entry.texts[Texts::kResultHeader];
  record.result_metadata = entry.texts[Texts::kResultMetadata];
  record.result_content = entry.texts[Texts::kResultContent];
  record.result_buffers = entry.result_buffers;
  if (entry.outputs) {
    record.stdout_text = entry.outputs->stdout_text;
    record.stderr_text = entry.outputs->stderr_text;
    record.execute_input = entry.outputs->execute_input;
    record.execute_result = entry.outputs->execute_result;
    record.error = entry.outputs->error;
  }
  record.payload_dropped = entry.payload_dropped;
  return record;
}

Status unknown(std::string_view msg_id) {
  return {ErrorCode::kNotFound, "No such message: " + std::string(msg_id)};
}

}  // namespace

struct MemoryStore::State {
  explicit State(MemoryStoreConfig the_config) : config(the_config) {}

  Entry* find(std::string_view msg_id) {
    auto found = index.find(msg_id);
    return found == index.end() ? nullptr : found->second.get();
  }

  // The total that this entry's bytes are part of.
  std::size_t& total_of(const Entry& entry) {
    return entry.finished ? totals.finished_bytes : totals.pending_bytes;
  }
  void recount(Entry& entry) {
    const std::size_t now = kEntryBytes + entry.msg_id.size() + entry.client_uuid.size() + entry.label.size() +
                            entry.texts.size() + payload_of(entry);
    total_of(entry) += now - entry.bytes;
    entry.bytes = now;
  }

  // The count that a pending entry is part of; null if it is with no engine.
  static std::uint64_t* pending_count(const Entry& entry) {
    if (!entry.engine) return nullptr;
    EngineCounts& counts = entry.engine->counts;
    return entry.queue == QueueKind::kTask ? &counts.tasks : &counts.queue;
  }
  void count_pending(const Entry& entry, int by) {
    if (std::uint64_t* count = pending_count(entry)) {
      *count += static_cast<std::uint64_t>(by);
    } else if (entry.queue == QueueKind::kTask) {
      unassigned += static_cast<std::uint64_t>(by);
    }
  }

  Engine* engine_named(std::string_view uuid) {
    if (uuid.empty()) return nullptr;
    auto found = engines.find(uuid);
    if (found == engines.end()) {
      found = engines.emplace(std::string(uuid), std::make_unique<Engine>()).first;
      found->second->uuid = uuid;
    }
    return found->second.get();
  }
  void set_engine(Entry& entry, Engine* engine) {
    if (engine == entry.engine) return;
    Engine* before = std::exchange(entry.engine, engine);
    if (engine) ++engine->records;
    if (before && --before->records == 0) drop_if_forgotten(*before);
  }
  void drop_if_forgotten(Engine& engine) {
    if (engine.forgotten && engine.records == 0) engines.erase(engines.find(engine.uuid));
  }

  void erase(Entry& entry) {
    if (!entry.finished) count_pending(entry, -1);
    set_engine(entry, nullptr);
    total_of(entry) -= entry.bytes;
    --(entry.finished ? totals.finished : totals.pending);
    submitted.remove(entry);
    if (entry.finished) finished.remove(entry);
    index.erase(index.find(entry.msg_id));
  }

  // Only finished records go, the oldest first, and always a tenth, so that each one is looked at O(1) times.
  void cull() {
    if (totals.finished > config.max_records) {
      forget_until([&] { return totals.finished <= config.max_records - config.max_records / 10; });
    }
    if (totals.finished_bytes <= config.max_bytes) return;
    const std::size_t goal = config.max_bytes - config.max_bytes / 10;
    for (Entry* entry = finished.front(); entry && totals.finished_bytes > goal; entry = finished.next(*entry)) {
      drop_payload(*entry);
    }
    forget_until([&] { return totals.finished_bytes <= goal; });
  }
  template <typename Done>
  void forget_until(Done done) {
    while (finished.front() && !done()) {
      erase(*finished.front());
      ++totals.culled;
    }
  }
  void drop_payload(Entry& entry) {
    if (payload_of(entry) == 0) return;
    entry.buffers = {};
    entry.result_buffers = {};
    entry.outputs.reset();
    entry.payload_dropped = true;
    recount(entry);
  }

  template <typename Visit>
  void each(Visit visit) const {
    for (Entry* entry = submitted.front(); entry;) {
      Entry* next = submitted.next(*entry);
      if (!visit(*entry)) return;
      entry = next;
    }
  }

  const MemoryStoreConfig config;
  ByText<std::unique_ptr<Entry>> index;
  ByText<std::unique_ptr<Engine>> engines;
  EntryList<&Entry::by_submission> submitted;
  EntryList<&Entry::by_finish> finished;
  std::uint64_t unassigned = 0;
  StoreStats totals;
};

MemoryStore::MemoryStore(MemoryStoreConfig config) : state_(std::make_unique<State>(config)) {}
MemoryStore::~MemoryStore() = default;

Status MemoryStore::add_request(const Request& request) {
  if (Entry* old = state_->find(request.msg_id)) {
    if (!old->finished) {
      return {ErrorCode::kInvalidArgument, "a task with id " + std::string(request.msg_id) + " is still pending"};
    }
    state_->erase(*old);
  }
  auto place = state_->index.emplace(std::string(request.msg_id), std::make_unique<Entry>()).first;
  Entry& entry = *place->second;
  entry.msg_id = place->first;
  entry.client_uuid = request.client_uuid;
  entry.label = request.label;
  entry.queue = request.queue;
  entry.submitted = request.submitted;
  entry.texts.set_request(request.header, request.metadata, request.content);
  entry.buffers = keep(request.buffers);
  state_->submitted.push_back(entry);
  ++state_->totals.pending;
  state_->count_pending(entry, +1);
  state_->recount(entry);
  return {};
}

Status MemoryStore::mark_sent(std::string_view msg_id, std::string_view engine_uuid) {
  Entry* entry = state_->find(msg_id);
  if (!entry) return unknown(msg_id);
  if (entry->finished) return {ErrorCode::kInvalidArgument, "already finished: " + std::string(msg_id)};
  state_->count_pending(*entry, -1);
  state_->set_engine(*entry, state_->engine_named(engine_uuid));
  state_->count_pending(*entry, +1);
  return {};
}

Status MemoryStore::mark_started(std::string_view msg_id, WallTime started) {
  Entry* entry = state_->find(msg_id);
  if (!entry) return unknown(msg_id);
  entry->started = started;
  return {};
}

Status MemoryStore::add_result(std::string_view msg_id, const Reply& reply) {
  Entry* entry = state_->find(msg_id);
  if (!entry) return unknown(msg_id);
  if (entry->finished) return {ErrorCode::kInvalidArgument, "has a result already: " + std::string(msg_id)};
  state_->count_pending(*entry, -1);
  --state_->totals.pending;
  state_->total_of(*entry) -= entry->bytes;

  entry->finished = true;
  entry->received = reply.received;
  if (reply.started) entry->started = reply.started;
  entry->completed = reply.completed;
  if (!reply.engine_uuid.empty()) state_->set_engine(*entry, state_->engine_named(reply.engine_uuid));
  if (entry->engine) ++entry->engine->counts.completed;
  entry->texts.set_result(reply.header, reply.metadata, reply.content);
  entry->result_buffers = keep(reply.buffers);

  ++state_->totals.finished;
  state_->total_of(*entry) += entry->bytes;
  state_->recount(*entry);
  state_->finished.push_back(*entry);
  state_->cull();
  return {};
}

Status MemoryStore::add_output(std::string_view msg_id, Output kind, std::string_view value) {
  Entry* entry = state_->find(msg_id);
  if (!entry) return unknown(msg_id);
  if (!entry->outputs) entry->outputs = std::make_unique<Outputs>();
  Outputs& outputs = *entry->outputs;
  switch (kind) {
    case Output::kStdout:
      append_limited(outputs.stdout_text, value, state_->config.max_stream_bytes);
      break;
    case Output::kStderr:
      append_limited(outputs.stderr_text, value, state_->config.max_stream_bytes);
      break;
    case Output::kExecuteInput:
      outputs.execute_input = value;
      break;
    case Output::kExecuteResult:
      outputs.execute_result = value;
      break;
    case Output::kError:
      outputs.error = value;
      break;
  }
  state_->recount(*entry);
  state_->cull();
  return {};
}

Status MemoryStore::mark_resubmitted(std::string_view msg_id, std::string_view new_msg_id) {
  Entry* entry = state_->find(msg_id);
  if (!entry) return unknown(msg_id);
  entry->resubmitted = new_msg_id;
  return {};
}

bool MemoryStore::contains(std::string_view msg_id) const { return state_->find(msg_id) != nullptr; }

bool MemoryStore::is_pending(std::string_view msg_id) const {
  const Entry* entry = state_->find(msg_id);
  return entry && !entry->finished;
}

Result<Record> MemoryStore::find(std::string_view msg_id) const {
  const Entry* entry = state_->find(msg_id);
  if (!entry) return unknown(msg_id);
  return to_record(*entry);
}

std::vector<std::string> MemoryStore::history() const {
  std::vector<std::string> ids;
  ids.reserve(state_->index.size());
  state_->each([&](const Entry& entry) {
    ids.emplace_back(entry.msg_id);
    return true;
  });
  return ids;
}

void MemoryStore::for_each(const std::function<bool(const Record&)>& visit) const {
  state_->each([&](const Entry& entry) { return visit(to_record(entry)); });
}

Status MemoryStore::purge(std::span<const std::string> msg_ids) {
  for (const std::string& msg_id : msg_ids) {
    if (is_pending(msg_id)) return {ErrorCode::kInvalidArgument, "still pending: " + msg_id};
  }
  for (const std::string& msg_id : msg_ids) {
    if (Entry* entry = state_->find(msg_id)) state_->erase(*entry);
  }
  return {};
}

void MemoryStore::purge_engine(std::string_view engine_uuid) {
  state_->each([&](Entry& entry) {
    if (entry.finished && entry.engine && entry.engine->uuid == engine_uuid) state_->erase(entry);
    return true;
  });
}

void MemoryStore::purge_all() {
  while (Entry* entry = state_->finished.front()) state_->erase(*entry);
}

EngineCounts MemoryStore::counts(std::string_view engine_uuid) const {
  auto found = state_->engines.find(engine_uuid);
  return found == state_->engines.end() ? EngineCounts{} : found->second->counts;
}

EngineTasks MemoryStore::tasks_of(std::string_view engine_uuid) const {
  EngineTasks tasks;
  state_->each([&](const Entry& entry) {
    if (!entry.engine || entry.engine->uuid != engine_uuid) return true;
    auto& list = entry.finished ? tasks.completed : entry.queue == QueueKind::kTask ? tasks.tasks : tasks.queue;
    list.emplace_back(entry.msg_id);
    return true;
  });
  return tasks;
}

std::uint64_t MemoryStore::unassigned_count() const { return state_->unassigned; }

std::vector<std::string> MemoryStore::unassigned() const {
  std::vector<std::string> ids;
  state_->each([&](const Entry& entry) {
    if (!entry.finished && !entry.engine && entry.queue == QueueKind::kTask) ids.emplace_back(entry.msg_id);
    return true;
  });
  return ids;
}

void MemoryStore::forget_engine(std::string_view engine_uuid) {
  auto found = state_->engines.find(engine_uuid);
  if (found == state_->engines.end()) return;
  found->second->forgotten = true;
  state_->drop_if_forgotten(*found->second);
}

StoreStats MemoryStore::stats() const { return state_->totals; }

void MemoryStore::sanity_check() const {
  StoreStats counted;
  std::uint64_t unassigned = 0;
  ByText<std::uint64_t> records;
  state_->each([&](const Entry& entry) {
    assert(state_->find(entry.msg_id) == &entry);
    ++(entry.finished ? counted.finished : counted.pending);
    (entry.finished ? counted.finished_bytes : counted.pending_bytes) += entry.bytes;
    if (entry.engine) ++records[entry.engine->uuid];
    unassigned += !entry.finished && !entry.engine && entry.queue == QueueKind::kTask;
    return true;
  });
  assert(counted.finished == state_->totals.finished && counted.pending == state_->totals.pending);
  assert(counted.finished_bytes == state_->totals.finished_bytes);
  assert(counted.pending_bytes == state_->totals.pending_bytes);
  assert(unassigned == state_->unassigned);
  assert(counted.finished + counted.pending == state_->index.size());
  for (const auto& [uuid, engine] : state_->engines) assert(records[uuid] == engine->records);
}

}  // namespace engineroom::store
