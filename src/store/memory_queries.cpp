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
  // Nearly always sorted as it is: the clock would have to have been set back.
  std::stable_sort(slots.begin(), slots.end(),
                   [this](Slot a, Slot b) { return entries[a].submitted < entries[b].submitted; });
  return slots;
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
