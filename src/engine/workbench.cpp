#include "engine/workbench.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

namespace engineroom::engine {
namespace {

const Bytes& content_of(Outcome outcome) {
  static const Bytes kOk = Bytes::of_static(R"({"status":"ok"})");
  static const Bytes kAborted = Bytes::of_static(R"({"status":"aborted"})");
  return outcome == Outcome::kAborted ? kAborted : kOk;
}

}  // namespace

// ---- Python's side ----

RequestPtr Workbench::take(Time now) {
  const std::scoped_lock lock(mutex_);
  if (ended_) return nullptr;
  RequestPtr request = queue_.take();
  if (request == nullptr) return nullptr;
  // What other threads have printed meanwhile belongs to what ran before.
  flush_locked();
  parent_ = request->message.header;
  running_ = Running{request, now, iso8601_now()};
  if (request->time_limit > Duration::zero()) running_->interrupt_at = now + request->time_limit;
  return request;
}

void Workbench::finish(Reply reply, bool abort_executes) {
  const std::scoped_lock lock(mutex_);
  if (!running_) return;
  flush_locked();
  const RequestPtr request = running_->request;
  const bool statuses = !request->ours;
  if (statuses && !running_->busy_sent) push_busy_locked();
  if (request->wants_reply()) {
    if (reply.content.empty()) reply.content = content_of(reply.outcome);
    reply.request = request;
    reply.started = std::move(running_->started);
    reply.silent = !running_->output;
    push_locked(std::move(reply));
  }
  if (statuses || running_->output) push_locked(make_status("idle", request->message.header));
  running_.reset();
  if (abort_executes) push_aborted_locked(queue_.abort_executes(request->header.session));
}

void Workbench::publish(Publication publication) {
  const std::scoped_lock lock(mutex_);
  flush_locked();
  if (running_) {
    if (!running_->busy_sent && !running_->request->ours) push_busy_locked();
    running_->output = true;
  }
  publication.parent = parent_;
  push_locked(std::move(publication));
}

void Workbench::write(std::string_view stream, std::string_view text, Time now) {
  if (text.empty()) return;
  const std::scoped_lock lock(mutex_);
  if (texts_.empty() || texts_.back().stream != stream) {
    texts_.push_back({std::string(stream), {}, parent_});
  }
  texts_.back().text += text;
  text_bytes_ += text.size();
  if (text_bytes_ >= kFlushBytes) {
    flush_locked();
  } else if (!flush_at_) {
    flush_at_ = now + kFlushAfter;
    wake_io_locked();
  }
}

void Workbench::flush() {
  const std::scoped_lock lock(mutex_);
  flush_locked();
}

void Workbench::wait_for_request(const sigset_t* mask) {
  {
    const std::scoped_lock lock(mutex_);
    if (ended_ || !queue_.empty()) return;
    worker_asleep_ = true;
  }
  work_wake_.wait(-1, mask);
  work_wake_.clear();
  const std::scoped_lock lock(mutex_);
  worker_asleep_ = false;
}

bool Workbench::is_running() const {
  const std::scoped_lock lock(mutex_);
  return running_.has_value();
}

Interruption Workbench::interruption() const {
  const std::scoped_lock lock(mutex_);
  return running_ ? running_->interruption : Interruption::kNone;
}

Duration Workbench::time_limit() const {
  const std::scoped_lock lock(mutex_);
  return running_ ? running_->request->time_limit : Duration::zero();
}

// ---- the I/O thread's side ----

void Workbench::deliver(RequestPtr request) {
  const std::scoped_lock lock(mutex_);
  if (!queue_.add(request)) {
    push_aborted_locked({std::move(request)});
    return;
  }
  if (worker_asleep_) {
    worker_asleep_ = false;
    work_wake_.notify();
  }
}

void Workbench::answer(Reply reply) {
  const std::scoped_lock lock(mutex_);
  push_locked(std::move(reply));
}

bool Workbench::holds(std::string_view msg_id) const {
  const std::scoped_lock lock(mutex_);
  return (running_ && running_->request->header.msg_id == msg_id) || queue_.holds(msg_id);
}

bool Workbench::is_aborted(const std::string& msg_id) const {
  const std::scoped_lock lock(mutex_);
  return queue_.is_aborted(msg_id);
}

void Workbench::abort(const std::vector<std::string>& msg_ids) {
  const std::scoped_lock lock(mutex_);
  push_aborted_locked(queue_.abort(msg_ids));
}

void Workbench::abort_all() {
  const std::scoped_lock lock(mutex_);
  push_aborted_locked(queue_.abort_all());
}

bool Workbench::interrupt(const std::vector<std::string>& msg_ids) {
  const std::scoped_lock lock(mutex_);
  const bool is_hit = running_ && std::find(msg_ids.begin(), msg_ids.end(),
                                            running_->request->header.msg_id) != msg_ids.end();
  if (is_hit) running_->interruption = Interruption::kAborted;
  push_aborted_locked(queue_.abort(msg_ids));
  return is_hit;
}

bool Workbench::interrupt_overdue(Time now) {
  const std::scoped_lock lock(mutex_);
  if (!running_ || !running_->interrupt_at || now < *running_->interrupt_at) return false;
  running_->interrupt_at = now + kInterruptEvery;
  if (running_->interruption == Interruption::kNone) {
    running_->interruption = Interruption::kTimeLimit;
  }
  const Time limit = running_->since + running_->request->time_limit;
  if (!running_->is_reported && now >= limit + kReportAfter) report_overdue_locked();
  return true;
}

std::vector<std::string> Workbench::held() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> msg_ids = queue_.msg_ids();
  if (running_) msg_ids.push_back(running_->request->header.msg_id);
  for (const Outgoing& outgoing : outbox_) {
    const Reply* reply = std::get_if<Reply>(&outgoing);
    if (reply != nullptr) msg_ids.push_back(reply->request->header.msg_id);
  }
  return msg_ids;
}

void Workbench::forget_aborts() {
  const std::scoped_lock lock(mutex_);
  queue_.forget_aborts();
}

void Workbench::drop_all() {
  const std::scoped_lock lock(mutex_);
  queue_.clear();
  outbox_.clear();
}

void Workbench::collect(Time now, std::vector<Outgoing>& out) {
  const std::scoped_lock lock(mutex_);
  if (flush_at_ && now >= *flush_at_) flush_locked();
  if (running_ && !running_->busy_sent && !running_->request->ours &&
      now >= running_->since + kBusyAfter) {
    push_busy_locked();
  }
  out.clear();
  std::swap(out, outbox_);
  io_asleep_ = out.empty();
}

std::optional<Time> Workbench::deadline(Time now) const {
  const std::scoped_lock lock(mutex_);
  std::optional<Time> first = flush_at_;
  const auto consider = [&](Time time) { first = first ? std::min(*first, time) : time; };
  if (running_ && !running_->busy_sent && !running_->request->ours) {
    consider(running_->since + kBusyAfter);
  }
  if (running_ && running_->interrupt_at) {
    consider(*running_->interrupt_at);
  } else if (!running_ && !queue_.empty()) {
    // Python is about to take a request, and will not say so.
    consider(now + kBusyAfter);
  }
  return first;
}

void Workbench::end() {
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  work_wake_.notify();
}

// ---- with the mutex held ----

void Workbench::push_locked(Outgoing outgoing) {
  outbox_.push_back(std::move(outgoing));
  wake_io_locked();
}

void Workbench::push_aborted_locked(std::vector<RequestPtr> requests) {
  for (RequestPtr& request : requests) {
    if (!request->wants_reply()) continue;
    Reply reply;
    reply.outcome = Outcome::kAborted;
    reply.content = content_of(Outcome::kAborted);
    reply.started = iso8601_now();
    reply.request = std::move(request);
    push_locked(std::move(reply));
  }
}

void Workbench::push_busy_locked() {
  running_->busy_sent = true;
  push_locked(make_status("busy", running_->request->message.header));
}

void Workbench::report_overdue_locked() {
  running_->is_reported = true;
  if (!running_->busy_sent && !running_->request->ours) push_busy_locked();
  running_->output = true;
  const std::string text = fmt::format(
      "This task was interrupted at its time limit of {:g} s, and goes on {:g} s later. Only a "
      "signal ends it now, with its engine: client.send_signal('SIGKILL', targets)\n",
      to_seconds(running_->request->time_limit), to_seconds(kReportAfter));
  push_locked(make_stream("stderr", text, running_->request->message.header));
}

void Workbench::flush_locked() {
  flush_at_.reset();
  if (texts_.empty()) return;
  if (running_) {
    if (!running_->busy_sent && !running_->request->ours) push_busy_locked();
    running_->output = true;
  }
  for (const Text& text : texts_) push_locked(make_stream(text.stream, text.text, text.parent));
  texts_.clear();
  text_bytes_ = 0;
}

void Workbench::wake_io_locked() {
  if (!io_asleep_) return;
  io_asleep_ = false;
  io_wake_.notify();
}

}  // namespace engineroom::engine
