#include "client/session.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <unistd.h>

namespace engineroom::client {
namespace {

// A session's own failure, as opposed to an answer that reports an error.
bool is_synthetic(const Reply& reply) { return reply.msg_type.empty(); }

}  // namespace

// ---- life ----

Session::Session(const wire::ConnectionInfo& info, const SessionOptions& options)
    : endpoint_(info.url(info.registration)),
      debug_(options.debug),
      pid_(getpid()),
      encoder_(new_session_id(), options.username.empty() ? wire::username() : options.username,
               info.key),
      signer_(info.key) {}

Result<std::unique_ptr<Session>> Session::connect(const wire::ConnectionInfo& info,
                                                  const SessionOptions& options,
                                                  const Interrupt& interrupt) {
  std::unique_ptr<Session> session(new Session(info, options));
  if (Status status = session->loop_.connect(info); !status.ok()) return status;
  session->loop_.start();
  Status status = session->await_connection(options.timeout_s, interrupt);
  if (!status.ok()) {
    session->close(0);
    return status;
  }
  return session;
}

Status Session::await_connection(double timeout_s, const Interrupt& interrupt) {
  std::unique_lock lock(mutex_);
  const auto answered = [this] { return connected_ || state_.closed(); };
  switch (wait_on(changed_, lock, deadline_after(timeout_s), interrupt, answered)) {
    case WaitResult::kReady:
      break;
    case WaitResult::kTimeout:
      return connection_timeout(timeout_s);
    case WaitResult::kInterrupted:
      return Status(ErrorCode::kClosed, "interrupted while connecting to " + endpoint_);
  }
  if (connected_) return {};
  return Status(ErrorCode::kUnavailable, "the controller at " + endpoint_ + " is shutting down");
}

Status Session::connection_timeout(double timeout_s) const {
  std::string text = "no answer from the controller at " + endpoint_ + " within " +
                     std::to_string(std::lround(timeout_s)) + " s";
  if (rejected_.load() > 0) {
    text +=
        ": it answers, but with a wrong signature; is the connection file that of this controller?";
  } else {
    text += "; does it run, and is its connection file current?";
  }
  return Status(ErrorCode::kTimeout, std::move(text));
}

Session::~Session() {
  if (getpid() == pid_) {
    close(0);
  } else {
    loop_.abandon();
  }
  releases_->close();
}

void Session::close(double linger_s) {
  if (getpid() != pid_) return;
  const std::lock_guard closing(close_mutex_);
  {
    const std::lock_guard lock(mutex_);
    state_.on_closed("the client was closed before the reply came", seconds_since_epoch());
    changed_.notify_all();
  }
  send_releases();  // else engines would keep these for nobody
  loop_.stop(static_cast<int>(std::clamp(linger_s, 0.0, 3600.0) * 1000));
}

bool Session::closed() const {
  const std::lock_guard lock(mutex_);
  return state_.closed();
}

std::string Session::lost() const {
  const std::lock_guard lock(mutex_);
  return state_.lost();
}

// ---- asking and waiting ----

Result<std::shared_ptr<const Reply>> Session::query(const std::string& msg_type,
                                                    std::string content, double timeout_s,
                                                    const Interrupt& interrupt) {
  if (closed()) return Status(ErrorCode::kClosed, "the client is closed");
  if (const std::string why = lost(); !why.empty()) return Status(ErrorCode::kUnavailable, why);
  Request request;
  request.route = Route::kQuery;
  request.msg_type = msg_type;
  request.content = std::move(content);
  const TaskPtr task = submit(std::move(request));
  const WaitResult result =
      wait({&task, 1}, timeout_s, WaitMode::kAll, Task::Until::kReplied, interrupt);
  if (result != WaitResult::kReady) {
    const std::lock_guard lock(mutex_);
    state_.forget(*task);
    if (result == WaitResult::kInterrupted)
      return Status(ErrorCode::kClosed, "interrupted while waiting for the controller's answer");
    return Status(ErrorCode::kTimeout,
                  "the controller at " + endpoint_ + " did not answer " + msg_type + " in time");
  }
  std::shared_ptr<const Reply> reply = task->reply();
  if (!is_synthetic(*reply)) return reply;
  const std::string why = lost();
  return Status(ErrorCode::kUnavailable, !why.empty() ? why : "the client was closed");
}

WaitResult Session::wait(std::span<const TaskPtr> tasks, double timeout_s, WaitMode mode,
                         Task::Until until, const Interrupt& interrupt) {
  return wait_for_tasks(tasks, deadline_after(timeout_s), mode, until, interrupt, &loop_);
}

std::vector<std::string> Session::outstanding() const {
  const std::lock_guard lock(mutex_);
  return state_.outstanding();
}

TaskPtr Session::find(const std::string& msg_id) const {
  const std::lock_guard lock(mutex_);
  return state_.find(msg_id);
}

TaskPtr Session::adopt(const std::string& msg_id) const {
  Request request;
  request.msg_type = "apply_request";
  auto metadata = std::make_shared<const std::string>("{}");
  return make_task(msg_id, request, std::move(metadata), seconds_since_epoch());
}

void Session::finish(const TaskPtr& task, Task::Completion completion) {
  completion.received = seconds_since_epoch();
  completion.output_done = true;
  const std::lock_guard lock(mutex_);
  state_.finish(task, std::move(completion));
}

// ---- engines ----

std::map<std::int64_t, std::string> Session::engines() const {
  const std::lock_guard lock(mutex_);
  return state_.engines().live();
}

std::uint64_t Session::engines_version() const {
  const std::lock_guard lock(mutex_);
  return state_.engines().version();
}

std::optional<std::string> Session::uuid_of(std::int64_t id) const {
  const std::lock_guard lock(mutex_);
  return state_.engines().uuid_of(id);
}

std::optional<std::int64_t> Session::id_of(const std::string& uuid) const {
  const std::lock_guard lock(mutex_);
  return state_.engines().id_of(uuid);
}

WaitResult Session::wait_for_engines(std::size_t n, double timeout_s, const Interrupt& interrupt) {
  std::unique_lock lock(mutex_);
  const std::uint64_t departures = state_.engines().departures();
  const auto enough = [&] { return state_.engines().live().size() >= n; };
  const WaitResult result = wait_on(changed_, lock, deadline_after(timeout_s), interrupt, [&] {
    return enough() || state_.engines().departures() != departures || state_.closed() ||
           !state_.lost().empty();
  });
  return result == WaitResult::kReady && !enough() ? WaitResult::kTimeout : result;
}

}  // namespace engineroom::client
