#include "store/memory_store.h"

#include <cstdint>
#include <utility>

#include "store/memory_state.h"

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

Status unknown_message(std::string_view msg_id) {
  return {ErrorCode::kNotFound, "No such message: " + std::string(msg_id)};
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
  if (slot == kNone) return unknown_message(msg_id);
  if (state.entries[slot].finished) {
    return {ErrorCode::kInvalidArgument, "message is finished: " + std::string(msg_id)};
  }
  state.move_to(state.entries[slot], engine_uuid);
  return {};
}

Status MemoryStore::mark_started(std::string_view msg_id, WallTime started) {
  const Slot slot = state_->find(msg_id);
  if (slot == kNone) return unknown_message(msg_id);
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
  if (slot == kNone) return unknown_message(msg_id);
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
  if (slot == kNone) return unknown_message(msg_id);
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
  if (slot == kNone) return unknown_message(msg_id);
  state_->entries[slot].extras().resubmitted = new_msg_id;
  return {};
}

// ---- for a store behind ----------------------------------------------------------------------

PackedRecord MemoryStore::State::take(Entry& entry) const {
  entry.taken = true;
  return {entry.text, entry.extra ? entry.extra->large : Frames(), course(entry)};
}

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

}  // namespace engineroom::store
