#include "client/session_state.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/json.h"

namespace engineroom::client {
namespace {

// ---- who a task depends on ----

template <typename Visit>
void for_each_engine_of(const Task& task, Visit visit) {
  if (!task.origin().target.empty()) visit(task.origin().target);
  for (const std::string& uuid : task.origin().coalesced_targets) visit(uuid);
}

bool depends_on(const Task& task, const std::string& uuid) {
  bool found = false;
  for_each_engine_of(task, [&](const std::string& target) { found = found || target == uuid; });
  return found;
}

// ---- replies that nobody sent ----

Bytes failure_content(const std::string& reason, const std::string& engine_uuid,
                      std::optional<std::int64_t> engine_id) {
  JsonWriter w;
  w.begin_object().key("status").value("error");
  w.key("ename").value("EngineError").key("evalue").value(reason);
  w.key("traceback").begin_array().end_array();
  w.key("engine_info").begin_object();
  if (!engine_uuid.empty()) w.key("engine_uuid").value(engine_uuid);
  if (engine_id) w.key("engine_id").value(*engine_id);
  w.end_object().end_object();
  return Bytes(w.take());
}

Bytes failure_metadata(const std::string& engine_uuid) {
  JsonWriter w;
  w.begin_object().key("status").value("error");
  if (!engine_uuid.empty()) w.key("engine").value(engine_uuid);
  w.end_object();
  return Bytes(w.take());
}

std::string death_of(const std::string& engine_uuid, const Task& task) {
  return "Engine '" + engine_uuid + "' died while running task '" + task.msg_id() + "'";
}

// The answer of a peer that left before it could give one.
Task::Completion left_as_asked(const std::string& engine_uuid, double now) {
  Task::Completion completion;
  completion.status = TaskStatus::kOk;
  completion.reply = {.msg_type = "shutdown_reply",
                      .header = Bytes::of_static("{}"),
                      .metadata = Bytes::of_static("{}"),
                      .content = Bytes::of_static(R"({"status":"ok","restart":false})"),
                      .buffers = {}};
  completion.engine_uuid = engine_uuid;
  completion.received = now;
  completion.output_done = true;
  return completion;
}

bool nothing_follows(const ReplyFacts& facts, const Task& task) {
  if (facts.idle) return *facts.idle;
  // Engines say nothing on iopub about what they have aborted, nobody waits for the output of
  // control requests, and what the controller answers by itself has no output.
  return facts.status == TaskStatus::kAborted || task.origin().route == Route::kControl ||
         task.origin().route == Route::kQuery ||
         (facts.status == TaskStatus::kError && !facts.from_engine);
}

// Seconds that the output of a task may take that was under way when the controller was killed.
constexpr double kLateOutput = 2;

void end_output(Task& task) {
  while (!task.engine_idle()) {
  }
}

bool has_output(std::string_view msg_type) {
  return msg_type != "status" && msg_type != "shutdown_reply" && msg_type != "iopub_welcome";
}

}  // namespace

// ---- submission ----

void SessionState::add(const TaskPtr& task, double now) {
  pending_.emplace(task->msg_id(), task);
  count_bound(*task, +1);
  if (closed_) return fail(task, closed_reason_, "", now);
  if (!lost_.empty()) return fail(task, lost_, "", now);
  std::string gone;
  for_each_engine_of(*task, [&](const std::string& uuid) {
    if (engines_.is_gone(uuid)) gone = uuid;
  });
  if (!gone.empty()) fail(task, death_of(gone, *task), gone, now);
}

void SessionState::keep_request(const Task& task, Channel channel,
                                std::shared_ptr<const Frames> frames) {
  if (!pending_.contains(task.msg_id())) return;
  requests_.emplace(task.msg_id(), KeptRequest{++request_count_, {channel, std::move(frames)}});
}

void SessionState::forget(const Task& task) { remove_pending(task); }

void SessionState::finish(const TaskPtr& task, Task::Completion completion) {
  complete(task, std::move(completion));
}

TaskPtr SessionState::find(const std::string& msg_id) const {
  const auto it = pending_.find(msg_id);
  return it != pending_.end() ? it->second : nullptr;
}

std::vector<std::string> SessionState::outstanding() const {
  std::vector<std::string> ids;
  ids.reserve(pending_.size());
  for (const auto& [id, task] : pending_) {
    if (task->origin().route != Route::kQuery) ids.emplace_back(id);
  }
  return ids;
}

// ---- arrivals ----

TaskPtr SessionState::find_for_reply(const ReplyFacts& facts) const {
  if (TaskPtr task = find(facts.parent_id)) return task;
  // A coalesced reply names the request of whichever engine was last as its parent.
  if (!facts.original_id.empty()) return find(facts.original_id);
  return nullptr;
}

void SessionState::on_reply(const ReplyFacts& facts, const wire::Message& message, double now) {
  const TaskPtr task = find_for_reply(facts);
  if (task == nullptr) {
    ++stray_replies_;
    return;
  }
  Task::Completion completion;
  completion.status = facts.status;
  completion.reply = {.msg_type = facts.msg_type,
                      .header = message.header,
                      .metadata = message.metadata,
                      .content = message.content,
                      .buffers = message.buffers};
  completion.engine_uuid = facts.engine_uuid;
  completion.received = now;
  completion.output_done = nothing_follows(facts, *task);
  completion.quiet_engines = facts.quiet_engines;
  completion.is_kept = facts.is_kept;
  complete(task, std::move(completion));
}

TaskPtr SessionState::find_output_receiver(const std::string& msg_id) {
  if (TaskPtr task = find(msg_id)) return task;
  const auto it = awaiting_output_.find(msg_id);
  if (it == awaiting_output_.end()) return nullptr;
  TaskPtr task = it->second.lock();
  if (task == nullptr) awaiting_output_.erase(it);  // nobody looks any more
  return task;
}

TaskPtr SessionState::find_for_output(const std::string& parent_id) {
  if (TaskPtr task = find_output_receiver(parent_id)) return task;
  // Engines know a coalesced broadcast as <msg_id>_<engine uuid>.
  const std::size_t end = parent_id.rfind('_');
  if (end == std::string::npos) return nullptr;
  TaskPtr task = find_output_receiver(parent_id.substr(0, end));
  return task != nullptr && !task->origin().coalesced_targets.empty() ? task : nullptr;
}

void SessionState::on_output(const OutputFacts& facts, const wire::Message& message, double now) {
  if (facts.msg_type.starts_with("comm_")) {
    events_.push_notice(CommMessage{facts.msg_type, message.header, message.content,
                                    message.metadata, message.buffers});
    return;
  }
  const TaskPtr task = find_for_output(facts.parent_id);
  if (task == nullptr) return;
  if (facts.says_idle) {
    if (task->engine_idle()) awaiting_output_.erase(task->msg_id());
    return;
  }
  if (!has_output(facts.msg_type)) return;
  task->add_output({.msg_type = facts.msg_type,
                    .content = message.content,
                    .buffers = message.buffers,
                    .received = now},
                   facts.stream_name, facts.stream_text);
}

void SessionState::on_engine_joined(const EngineEntry& engine) {
  if (engines_.add(engine.id, engine.uuid))
    events_.push_notice(EngineJoined{engine.id, engine.uuid});
}

void SessionState::on_engine_left(const EngineEntry& engine, double now) {
  const std::optional<EngineEntry> left = engines_.remove(engine.uuid);
  if (!left) return;
  events_.push_notice(EngineLeft{left->id, left->uuid});
  fail_tasks_of(*left, now);
}

void SessionState::on_engine_list(const std::vector<EngineEntry>& list, std::uint64_t asked_at,
                                  double now) {
  const EngineTable::Changes changes = engines_.merge(list, asked_at);
  for (const EngineEntry& engine : changes.left) {
    events_.push_notice(EngineLeft{engine.id, engine.uuid});
    fail_tasks_of(engine, now);
  }
  for (const EngineEntry& engine : changes.joined)
    events_.push_notice(EngineJoined{engine.id, engine.uuid});
}

void SessionState::on_lost(const std::string& reason, double now) {
  if (!lost_.empty()) return;
  lost_ = reason;
  events_.push_notice(SessionLost{reason});
  fail_all(reason, now);
}

void SessionState::on_found() { lost_.clear(); }

void SessionState::on_closed(const std::string& reason, double now) {
  if (closed_) return;
  closed_ = true;
  closed_reason_ = reason;
  fail_all(reason, now);
  awaiting_output_.clear();
  events_.close();
}

// ---- endings ----

void SessionState::complete(const TaskPtr& task, Task::Completion completion) {
  remove_pending(*task);
  if (!task->complete(std::move(completion))) return;
  const bool has_crossed = !crossed_.empty() && crossed_.erase(task->msg_id()) > 0;
  if (task->output_done() || closed_) return;
  awaiting_output_[task->msg_id()] = task;
  if (has_crossed) late_outputs_.emplace_back(task->received() + kLateOutput, task->msg_id());
}

void SessionState::fail(const TaskPtr& task, const std::string& reason,
                        const std::string& engine_uuid, double now) {
  // Who was asked to leave and is gone has done as asked.
  if (task->origin().msg_type == "shutdown_request")
    return complete(task, left_as_asked(engine_uuid, now));
  Task::Completion completion;
  completion.status = TaskStatus::kError;
  completion.reply = {.msg_type = "",
                      .header = Bytes::of_static("{}"),
                      .metadata = failure_metadata(engine_uuid),
                      .content = failure_content(reason, engine_uuid, engines_.id_of(engine_uuid)),
                      .buffers = {}};
  completion.engine_uuid = engine_uuid;
  completion.received = now;
  completion.output_done = true;
  complete(task, std::move(completion));
}

void SessionState::fail_tasks_of(const EngineEntry& engine, double now) {
  // What it has already answered will get no more output.
  std::erase_if(awaiting_output_, [&](const auto& entry) {
    const TaskPtr task = entry.second.lock();
    if (task == nullptr) return true;
    const bool bound = task->engine_uuid() == engine.uuid || depends_on(*task, engine.uuid);
    return bound && task->engine_idle();
  });
  if (!bound_.contains(engine.uuid)) return;
  std::vector<TaskPtr> stranded;
  for (const auto& [id, task] : pending_) {
    if (depends_on(*task, engine.uuid)) stranded.push_back(task);
  }
  for (const TaskPtr& task : stranded) fail(task, death_of(engine.uuid, *task), engine.uuid, now);
}

void SessionState::fail_all(const std::string& reason, double now) {
  std::vector<TaskPtr> tasks;
  tasks.reserve(pending_.size());
  for (const auto& [id, task] : pending_) tasks.push_back(task);
  for (const TaskPtr& task : tasks) fail(task, reason, "", now);
  // Their output will not come either.
  end_outputs();
}

void SessionState::end_outputs() {
  for (const auto& [id, weak] : std::exchange(awaiting_output_, {})) {
    if (const TaskPtr task = weak.lock()) end_output(*task);
  }
}

// ---- the controller started anew ----

void SessionState::fail_if(const std::function<bool(const Task&)>& is_hit,
                           const std::string& reason, double now) {
  std::vector<TaskPtr> tasks;
  for (const auto& [id, task] : pending_) {
    if (is_hit(*task)) tasks.push_back(task);
  }
  for (const TaskPtr& task : tasks) fail(task, reason, "", now);
}

std::vector<std::string> SessionState::on_restarted(double down_at, double now) {
  const auto is_journaled = [](const Task& task) {
    return task.origin().route != Route::kControl && task.origin().route != Route::kQuery;
  };
  fail_if(
      [&](const Task& task) { return !is_journaled(task) && task.origin().submitted < down_at; },
      "the controller was started anew before it answered", now);
  end_outputs();
  std::vector<std::string> ids;
  for (const auto& [id, task] : pending_) {
    if (!is_journaled(*task)) continue;
    ids.emplace_back(id);
    crossed_.emplace(id);
  }
  return ids;
}

std::vector<SessionState::Again> SessionState::on_resumed(const Resumed& resumed, double now) {
  for (const std::string& msg_id : resumed.ended) {
    if (const TaskPtr task = find(msg_id)) {
      fail(task, "the reply was lost when the controller was started anew; its records may have it",
           "", now);
    }
  }
  std::vector<KeptRequest> unknown;
  for (const std::string& msg_id : resumed.unknown) {
    const auto kept = requests_.find(msg_id);
    if (kept != requests_.end()) unknown.push_back(kept->second);
  }
  std::sort(unknown.begin(), unknown.end(),
            [](const KeptRequest& a, const KeptRequest& b) { return a.order < b.order; });
  std::vector<Again> again;
  for (KeptRequest& kept : unknown) {
    // The parts of a broadcast are one request.
    if (again.empty() || again.back().frames != kept.request.frames) {
      again.push_back(std::move(kept.request));
    }
  }
  return again;
}

void SessionState::on_replaced(const std::string& reason, double down_at, double now) {
  fail_if([down_at](const Task& task) { return task.origin().submitted < down_at; }, reason, now);
  end_outputs();
}

std::optional<double> SessionState::on_time(double now) {
  while (!late_outputs_.empty() && late_outputs_.front().first <= now) {
    const auto it = awaiting_output_.find(late_outputs_.front().second);
    if (it != awaiting_output_.end()) {
      if (const TaskPtr task = it->second.lock()) end_output(*task);
      awaiting_output_.erase(it);
    }
    late_outputs_.pop_front();
  }
  if (late_outputs_.empty()) return std::nullopt;
  return late_outputs_.front().first;
}

void SessionState::remove_pending(const Task& task) {
  const auto it = pending_.find(task.msg_id());
  if (it == pending_.end() || it->second.get() != &task) return;
  count_bound(task, -1);
  if (!requests_.empty()) requests_.erase(task.msg_id());
  pending_.erase(it);
}

void SessionState::count_bound(const Task& task, int change) {
  for_each_engine_of(task, [&](const std::string& uuid) {
    const auto it = bound_.try_emplace(uuid, 0).first;
    it->second += static_cast<std::size_t>(change);
    if (it->second == 0) bound_.erase(it);
  });
}

void SessionState::sanity_check() const {
  std::unordered_map<std::string, std::size_t> bound;
  for (const auto& [id, task] : pending_) {
    assert(task != nullptr && id.data() == task->msg_id().data());
    assert(!task->done());
    assert(!awaiting_output_.contains(std::string(id)));
    for_each_engine_of(*task, [&](const std::string& uuid) { ++bound[uuid]; });
  }
  for (const auto& [id, kept] : requests_) {
    const auto found = pending_.find(id);
    assert(found != pending_.end() && id.data() == found->second->msg_id().data());
    static_cast<void>(found);
    static_cast<void>(kept);
  }
  assert(bound == bound_);
  assert(!closed_ || (pending_.empty() && awaiting_output_.empty()));
  assert(lost_.empty() || pending_.empty());
  for (const auto& [id, weak] : awaiting_output_) {
    const TaskPtr task = weak.lock();
    assert(task == nullptr || (task->done() && !task->output_done() && task->msg_id() == id));
  }
}

}  // namespace engineroom::client
