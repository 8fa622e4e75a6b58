// Records are read: as a whole, by their ids, and counted per engine.
#include <algorithm>
#include <utility>

#include "store/memory_state.h"
#include "store/query.h"

namespace engineroom::store {

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
  sort_by_time(slots);
  return slots;
}

// Nearly always they are sorted as they are, but for what several clients submit at the same time.
void MemoryStore::State::sort_by_time(std::vector<Slot>& slots) const {
  std::stable_sort(slots.begin(), slots.end(),
                   [this](Slot a, Slot b) { return entries[a].submitted < entries[b].submitted; });
}

bool MemoryStore::contains(std::string_view msg_id) const { return state_->find(msg_id) != kNone; }

bool MemoryStore::is_pending(std::string_view msg_id) const {
  const Slot slot = state_->find(msg_id);
  return slot != kNone && !state_->entries[slot].finished;
}

Result<Record> MemoryStore::find(std::string_view msg_id) const {
  const Slot slot = state_->find(msg_id);
  if (slot == kNone) return unknown_message(msg_id);
  return state_->record(state_->entries[slot]);
}

void MemoryStore::State::begin(Position& position) const {
  position.has_begun = true;
  for (const Slot slot : in_order()) position.places.push_back({slot, entries[slot].number});
  position.at_end = position.places.empty();
}

void MemoryStore::State::visit_some(Position& position, std::size_t count,
                                    const std::function<bool(const Entry&)>& visit) const {
  if (!position.has_begun) begin(position);
  bool goes_on = true;
  while (goes_on && count-- > 0 && position.next < position.places.size()) {
    const auto [slot, number] = position.places[position.next++];
    if (entries.contains(slot) && entries[slot].number == number) goes_on = visit(entries[slot]);
  }
  position.at_end = position.at_end || position.next == position.places.size();
  if (position.at_end) position.places = {};
}

Status MemoryStore::select_some(const Query& query, Position& position, const Visit& visit) const {
  std::size_t bytes = 0;
  state_->visit_some(position, kRecordsPerStep, [&](const Entry& entry) {
    const Record record = state_->record(entry);
    bytes += record.bytes();
    if (query.matches(record) && !visit(record)) position.at_end = true;
    return !position.at_end && bytes < kBytesPerStep;
  });
  return {};
}

Result<std::vector<Listed>> MemoryStore::list_some(Position& position) const {
  std::vector<Listed> listed;
  state_->visit_some(position, kListedPerStep, [&](const Entry& entry) {
    listed.push_back({std::string(entry.text.msg_id()), entry.submitted});
    return true;
  });
  return listed;
}

Result<std::vector<Listed>> MemoryStore::list(std::span<const std::string> msg_ids) const {
  std::vector<Listed> listed;
  for (const std::string& msg_id : msg_ids) {
    const Slot slot = state_->find(msg_id);
    if (slot != kNone) listed.push_back({msg_id, state_->entries[slot].submitted});
  }
  return listed;
}

Status MemoryStore::find_each(std::span<const std::string> msg_ids, const Visit& visit) const {
  std::vector<Slot> slots;
  for (const std::string& msg_id : msg_ids) {
    if (const Slot slot = state_->find(msg_id); slot != kNone) slots.push_back(slot);
  }
  state_->sort_by_time(slots);
  for (const Slot slot : slots) {
    if (!visit(state_->record(state_->entries[slot]))) break;
  }
  return {};
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

}  // namespace engineroom::store
