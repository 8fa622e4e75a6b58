#include "client/session.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <unistd.h>

#include "base/id.h"
#include "base/json.h"

namespace engineroom::client {
namespace {

// A controller that was away for less is taken for a hiccup of the network.
constexpr std::chrono::seconds kLostAfter{2};
// Notifications published before our subscription reached the controller are lost, so the list of
// engines is asked for again.
constexpr std::chrono::milliseconds kResynchroniseAfter[] = {std::chrono::milliseconds(200),
                                                             std::chrono::milliseconds(1500)};
// Replies are acknowledged this often at the latest, or this many together; and tasks asked for
// after a restart of the controller.
constexpr std::chrono::milliseconds kAcknowledgeEvery{100};
constexpr std::size_t kAcknowledgeMany = 512;
constexpr std::size_t kResumeChunk = 5000;
// Tasks of a batch handed over together: enough to make locking cheap, few enough for the I/O
// thread to start early.
constexpr std::size_t kBatchChunk = 128;

Channel channel_of(Route route) {
  switch (route) {
    case Route::kDirect:
      return Channel::kMux;
    case Route::kBalanced:
      return Channel::kTask;
    case Route::kBroadcast:
      return Channel::kBroadcast;
    case Route::kControl:
      return Channel::kControl;
    case Route::kQuery:
      return Channel::kRegistration;
  }
  return Channel::kRegistration;
}

// What goes this way survives a controller with a journal.
bool is_journaled(Channel channel) {
  return channel == Channel::kTask || channel == Channel::kMux || channel == Channel::kBroadcast;
}

std::string or_empty_object(std::string json) { return json.empty() ? "{}" : std::move(json); }

std::string targets_json(const std::vector<EngineEntry>& targets) {
  JsonWriter w;
  w.begin_array();
  for (const EngineEntry& engine : targets)
    w.begin_array().value(engine.uuid).value(engine.id).end_array();
  w.end_array();
  return w.take();
}

Result<std::string> broadcast_metadata(const std::string& metadata,
                                       const std::vector<EngineEntry>& targets, bool coalescing) {
  Result<std::string> json = wire::with_key(metadata, "targets", targets_json(targets));
  if (json.ok()) json = wire::with_key(json.value(), "is_broadcast", "true");
  if (json.ok())
    json = wire::with_key(json.value(), "is_coalescing", coalescing ? "true" : "false");
  return json;
}

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

// ---- requests ----

TaskPtr Session::make_task(std::string msg_id, const Request& request,
                           std::shared_ptr<const std::string> metadata, double now) const {
  Task::Origin origin;
  origin.msg_id = std::move(msg_id);
  origin.route = request.route;
  origin.msg_type = request.msg_type;
  origin.target = request.target;
  origin.metadata = std::move(metadata);
  origin.submitted = now;
  origin.releases = releases_;
  return std::make_shared<Task>(std::move(origin), request.inputs);
}

// False if it has failed at once, and need not be sent.
bool Session::register_task(const TaskPtr& task, double now, const Outgoing& message) {
  const std::lock_guard lock(mutex_);
  state_.add(task, now);
  keep_request(task, message.channel, message.frames);
  return !task->done();
}

void Session::keep_request(const TaskPtr& task, Channel channel, const Frames& frames) {
  if (journal_.id.empty()) return;
  if (!is_journaled(channel)) return;
  state_.keep_request(*task, channel, std::make_shared<const Frames>(frames));
}

TaskPtr Session::submit(Request request) {
  loop_.share_large(request.buffers);
  const Timestamp now = Timestamp::now();
  auto metadata = std::make_shared<const std::string>(or_empty_object(std::move(request.metadata)));
  const RequestParts parts = {.msg_type = request.msg_type,
                              .identity = request.target,
                              .metadata = Bytes(metadata, metadata->data(), metadata->size()),
                              .content = Bytes(or_empty_object(std::move(request.content)))};
  const TaskPtr task = make_task(encoder_.next_msg_id(), request, metadata, now.seconds);
  Frames frames =
      RequestEncoder::Lease(encoder_).encode(task->msg_id(), parts, now.iso, request.buffers);
  Outgoing message{channel_of(request.route), std::move(frames), task};
  if (request.expect_reply) {
    if (!register_task(task, now.seconds, message)) return task;
  } else {
    Task::Completion completion;
    completion.reply.header = completion.reply.metadata = completion.reply.content =
        Bytes::of_static("{}");
    completion.received = now.seconds;
    completion.output_done = true;
    task->complete(std::move(completion));
  }
  send(std::move(message));
  return task;
}

Result<std::vector<TaskPtr>> Session::submit_many(RequestBatch batch) {
  loop_.share_large(batch.shared_buffers);
  for (Frames& buffers : batch.own_buffers) loop_.share_large(buffers);
  const std::size_t n = batch.own_buffers.size();
  if (batch.targets.size() != 1 && batch.targets.size() != n) {
    return Status(ErrorCode::kInvalidArgument, std::to_string(batch.targets.size()) +
                                                   " targets for " + std::to_string(n) +
                                                   " tasks; give one for all or one each");
  }
  batch.metadata = or_empty_object(std::move(batch.metadata));
  if (takes_batches_.load() && !loop_.has_lane()) {
    const auto common =
        find_common_buffers(batch.shared_buffers, n, batch.metadata, encoder_.next_msg_id());
    if (common) return submit_common(batch, *common);
  }
  auto metadata = std::make_shared<const std::string>(std::move(batch.metadata));
  RequestParts parts = {.msg_type = batch.msg_type,
                        .identity = {},
                        .metadata = Bytes(metadata, metadata->data(), metadata->size()),
                        .content = Bytes(or_empty_object(std::move(batch.content)))};
  Request request = {.route = batch.route, .msg_type = batch.msg_type};
  RequestEncoder::Lease signer(encoder_);
  std::vector<TaskPtr> tasks;
  tasks.reserve(n);
  for (std::size_t start = 0; start < n; start += kBatchChunk) {
    const std::size_t end = std::min(n, start + kBatchChunk);
    const Timestamp now = Timestamp::now();
    std::vector<Outgoing> messages;
    messages.reserve(end - start);
    for (std::size_t i = start; i < end; ++i) {
      request.target = batch.targets.size() == 1 ? batch.targets[0] : batch.targets[i];
      parts.identity = request.target;
      tasks.push_back(make_task(encoder_.next_msg_id(), request, metadata, now.seconds));
      messages.push_back({channel_of(batch.route),
                          signer.encode(tasks.back()->msg_id(), parts, now.iso,
                                        batch.shared_buffers, batch.own_buffers[i]),
                          tasks.back()});
    }
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t i = start; i < end; ++i) {
        state_.add(tasks[i], now.seconds);
        keep_request(tasks[i], messages[i - start].channel, messages[i - start].frames);
      }
    }
    std::erase_if(messages, [](const Outgoing& message) { return message.task->done(); });
    outbox_.push(std::move(messages));
  }
  return tasks;
}

// The first that is sent has what the others need, so one that fails at once is not the first.
std::vector<TaskPtr> Session::submit_common(const RequestBatch& batch,
                                            const CommonBuffers& common) {
  const auto metadata = std::make_shared<const std::string>(batch.metadata);
  RequestParts parts = {.msg_type = batch.msg_type,
                        .identity = {},
                        .metadata = Bytes(common.first_metadata),
                        .content = Bytes(or_empty_object(batch.content))};
  Request request = {.route = batch.route, .msg_type = batch.msg_type};
  RequestEncoder::Lease signer(encoder_);
  // One time for all: should the controller be killed now, either all are asked for or none.
  const Timestamp now = Timestamp::now();
  std::vector<TaskPtr> tasks;
  bool is_first = true;
  for (std::size_t i = 0; i < batch.own_buffers.size(); ++i) {
    const Frames& own = batch.own_buffers[i];
    request.target = batch.targets.size() == 1 ? batch.targets[0] : batch.targets[i];
    parts.identity = request.target;
    tasks.push_back(make_task(encoder_.next_msg_id(), request, metadata, now.seconds));
    Outgoing message{
        channel_of(batch.route),
        signer.encode(tasks.back()->msg_id(), parts, now.iso, batch.shared_buffers, own),
        tasks.back()};
    // Kept in full, should it have to be sent again.
    if (!register_task(tasks.back(), now.seconds, message)) continue;
    if (!is_first) {
      message.frames =
          common.without(std::move(message.frames), batch.shared_buffers.size(), own.size());
    }
    outbox_.push(std::move(message));
    if (std::exchange(is_first, false)) parts.metadata = Bytes(common.others_metadata);
  }
  return tasks;
}

Result<std::vector<TaskPtr>> Session::submit_broadcast(const std::vector<EngineEntry>& targets,
                                                       Request request, bool coalescing) {
  if (targets.empty()) return Status(ErrorCode::kInvalidArgument, "a broadcast to no engine");
  Result<std::string> json =
      broadcast_metadata(or_empty_object(std::move(request.metadata)), targets, coalescing);
  if (!json.ok()) return json.status();
  loop_.share_large(request.buffers);

  const Timestamp now = Timestamp::now();
  const auto metadata = std::make_shared<const std::string>(json.take());
  const std::string msg_id = encoder_.next_msg_id();
  request.route = Route::kBroadcast;
  std::vector<TaskPtr> tasks;
  if (coalescing) {
    Task::Origin origin;
    origin.msg_id = msg_id;
    origin.route = Route::kBroadcast;
    origin.msg_type = request.msg_type;
    origin.metadata = metadata;
    origin.submitted = now.seconds;
    for (const EngineEntry& engine : targets) origin.coalesced_targets.push_back(engine.uuid);
    tasks.push_back(std::make_shared<Task>(std::move(origin)));
  } else {
    for (const EngineEntry& engine : targets) {
      request.target = engine.uuid;
      tasks.push_back(make_task(msg_id + "_" + engine.uuid, request, metadata, now.seconds));
    }
  }
  const RequestParts parts = {.msg_type = request.msg_type,
                              .identity = {},
                              .metadata = Bytes(metadata, metadata->data(), metadata->size()),
                              .content = Bytes(or_empty_object(std::move(request.content)))};
  Frames frames = RequestEncoder::Lease(encoder_).encode(msg_id, parts, now.iso, request.buffers);
  bool needed = false;
  {
    const std::lock_guard lock(mutex_);
    // The parts of a broadcast are one request.
    const auto kept = journal_.id.empty() ? nullptr : std::make_shared<const Frames>(frames);
    for (const TaskPtr& task : tasks) {
      state_.add(task, now.seconds);
      if (kept) state_.keep_request(*task, Channel::kBroadcast, kept);
      needed = needed || !task->done();
    }
  }
  if (needed) send({Channel::kBroadcast, std::move(frames), nullptr, tasks});
  return tasks;
}

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

void Session::send(Outgoing message) {
  if (!loop_.try_send(message)) outbox_.push(std::move(message));
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

// ---- called by the loop, by one thread at a time ----

std::string Session::tell(std::string_view msg_type, std::string content) {
  std::string msg_id = encoder_.next_msg_id();
  const std::string type(msg_type);
  const RequestParts parts = {.msg_type = type,
                              .identity = {},
                              .metadata = Bytes::of_static("{}"),
                              .content = Bytes(std::move(content))};
  outbox_.push({Channel::kRegistration,
                RequestEncoder::Lease(encoder_).encode(msg_id, parts, Timestamp::now().iso, {}),
                nullptr});
  return msg_id;
}

void Session::resynchronise() {
  const std::uint64_t version = engines_version();
  engine_queries_[tell("connection_request", R"({"resumes":true})")] = version;
}

void Session::on_connection(bool up, Time now) {
  if (!up) {
    if (!down_since_) {
      down_since_ = now;
      down_at_ = seconds_since_epoch();
    }
    return;
  }
  down_since_.reset();
  engine_queries_.clear();
  resynchronise();
  resynchronise_at_.clear();
  for (const auto& delay : kResynchroniseAfter) resynchronise_at_.push_back(now + delay);
}

// Nothing waits for the answers.
void Session::send_releases() {
  for (const auto& [uuid, msg_ids] : releases_->take()) {
    JsonWriter content;
    content.begin_object().key("msg_ids").begin_array();
    for (const std::string& msg_id : msg_ids) content.value(msg_id);
    content.end_array().end_object();
    const RequestParts parts = {.msg_type = "release_request",
                                .identity = uuid,
                                .metadata = Bytes::of_static("{}"),
                                .content = Bytes(content.take())};
    outbox_.push({Channel::kControl,
                  RequestEncoder::Lease(encoder_).encode(encoder_.next_msg_id(), parts,
                                                         Timestamp::now().iso, {}),
                  nullptr});
  }
}

std::optional<Time> Session::on_turn(Time now) {
  send_releases();
  if (!resynchronise_at_.empty() && now >= resynchronise_at_.front()) {
    resynchronise_at_.erase(resynchronise_at_.begin());
    resynchronise();
  }
  std::optional<Time> next;
  if (!resynchronise_at_.empty()) next = resynchronise_at_.front();
  acknowledge(now);
  if (acknowledge_at_) next = next ? std::min(*next, *acknowledge_at_) : *acknowledge_at_;
  {
    const double wall = seconds_since_epoch();
    const std::lock_guard lock(mutex_);
    if (const std::optional<double> due = state_.on_time(wall)) {
      const Time at = now + from_seconds(std::max(0.0, *due - wall));
      next = next ? std::min(*next, at) : at;
    }
  }
  if (!down_since_) return next;
  const Time lost_at = *down_since_ + std::max<Duration>(kLostAfter, patience_);
  if (now < lost_at) return next ? std::min(*next, lost_at) : lost_at;
  const std::lock_guard lock(mutex_);
  state_.on_lost("the controller at " + endpoint_ + " is gone: its connection was closed",
                 seconds_since_epoch());
  changed_.notify_all();
  return next;
}

bool Session::expects_news() {
  const std::lock_guard lock(mutex_);
  return state_.expects_news();
}

// A quick look at a frame that every client gets of every engine: is it about a request of ours, or
// about a widget of nobody's request?
bool Session::is_for_us(const Frames& frames) const {
  const auto delimiter = std::find(frames.begin(), frames.end(), wire::kDelimiter);
  if (frames.end() - delimiter < 6) return false;
  const std::string_view header = delimiter[2].view();
  const std::string_view parent = delimiter[3].view();
  if (parent.find(id()) != std::string_view::npos) return true;
  return parent.size() <= 2 && header.find("\"comm_") != std::string_view::npos;
}

void Session::on_frames(Channel channel, Frames frames) {
  if (channel == Channel::kIopub && !is_for_us(frames)) return;
  Result<wire::Message> message = wire::decode(std::move(frames), signer_, &replays_);
  if (!message.ok()) return drop(channel, message.status());
  if (debug_) ER_LOG_INFO("client received {}", message.value().header.view());
  if (channel == Channel::kIopub) return on_iopub(message.value());
  if (channel == Channel::kNotification) return on_notification(message.value());
  on_reply(channel, message.value());
}

void Session::drop(Channel channel, const Status& why) {
  if (why.code() == ErrorCode::kUnauthenticated) rejected_.fetch_add(1);
  const std::string text = why.to_string();
  if (debug_ || logged_.first_time(text))
    ER_LOG_DEBUG("client dropped a message on channel {}: {}", static_cast<int>(channel), text);
}

void Session::on_reply(Channel channel, const wire::Message& message) {
  Result<ReplyFacts> facts = read_reply(message, reader_);
  if (!facts.ok()) return drop(Channel::kTask, facts.status());
  if (engine_queries_.contains(facts.value().parent_id))
    return on_engine_list(facts.value(), message);
  if (resume_queries_.erase(facts.value().parent_id) > 0) return on_resumed(message);
  if (patience_ > Duration::zero() && is_journaled(channel)) {
    received_.push_back(facts.value().parent_id);
    if (!acknowledge_at_) acknowledge_at_ = Clock::now() + kAcknowledgeEvery;
    if (received_.size() >= kAcknowledgeMany) acknowledge_at_ = Time{};
  }
  const double now = seconds_since_epoch();
  const std::lock_guard lock(mutex_);
  state_.on_reply(facts.value(), message, now);
}

void Session::on_engine_list(const ReplyFacts& facts, const wire::Message& message) {
  const auto query = engine_queries_.extract(facts.parent_id);
  Result<std::vector<EngineEntry>> list = read_engines(message.content.view(), reader_);
  if (!list.ok()) return drop(Channel::kRegistration, list.status());
  std::string instance = read_instance(message.content.view(), reader_);
  ControllerJournal journal = read_journal(message.content.view(), reader_);
  takes_batches_ = read_takes_batches(message.content.view(), reader_);
  const double now = seconds_since_epoch();
  const std::lock_guard lock(mutex_);
  state_.on_found();
  on_controller(std::move(instance), std::move(journal), now);
  state_.on_engine_list(list.value(), query.mapped(), now);
  connected_ = true;
  changed_.notify_all();
}

// With mutex_ held.
void Session::on_controller(std::string instance, ControllerJournal journal, double now) {
  patience_ = journal.id.empty() ? Duration::zero()
                                 : from_seconds(std::clamp(journal.patience_s, 0.1, 1e6));
  const bool is_same = instance == instance_;
  const bool goes_on = !journal.id.empty() && journal.id == journal_.id;
  instance_ = std::move(instance);
  journal_ = std::move(journal);
  if (is_same || !connected_) return;
  if (goes_on) return ask_for_pending(now);
  received_.clear();
  state_.on_replaced(
      "the controller at " + endpoint_ + " was replaced by one that knows nothing of this request",
      down_at_, now);
}

// With mutex_ held.
void Session::ask_for_pending(double now) {
  if (!received_.empty()) acknowledge_at_ = Time{};
  const std::vector<std::string> msg_ids = state_.on_restarted(down_at_, now);
  for (std::size_t start = 0; start < msg_ids.size(); start += kResumeChunk) {
    JsonWriter w;
    w.begin_object().key("msg_ids").begin_array();
    for (std::size_t i = start; i < std::min(msg_ids.size(), start + kResumeChunk); ++i) {
      w.value(msg_ids[i]);
    }
    w.end_array().end_object();
    resume_queries_.insert(tell("resume_request", w.take()));
  }
}

void Session::on_resumed(const wire::Message& message) {
  const Resumed resumed = read_resumed(message.content.view(), reader_);
  std::vector<SessionState::Again> again;
  {
    const std::lock_guard lock(mutex_);
    again = state_.on_resumed(resumed, seconds_since_epoch());
  }
  for (const SessionState::Again& request : again) {
    outbox_.push({request.channel, *request.frames, nullptr});
  }
}

void Session::acknowledge(Time now) {
  if (!acknowledge_at_ || now < *acknowledge_at_) return;
  acknowledge_at_.reset();
  if (received_.empty() || down_since_) return;
  JsonWriter w;
  w.begin_object().key("msg_ids").begin_array();
  for (const std::string& msg_id : received_) w.value(msg_id);
  w.end_array().end_object();
  received_.clear();
  tell("received_notice", w.take());
}

void Session::on_iopub(const wire::Message& message) {
  Result<OutputFacts> facts = read_output(message, reader_);
  if (!facts.ok()) return drop(Channel::kIopub, facts.status());
  const double now = seconds_since_epoch();
  const std::lock_guard lock(mutex_);
  state_.on_output(facts.value(), message, now);
}

void Session::on_notification(const wire::Message& message) {
  Result<wire::Header> header = wire::parse_header(message.header.view());
  if (!header.ok()) return drop(Channel::kNotification, header.status());
  const std::string& msg_type = header.value().msg_type;
  const double now = seconds_since_epoch();
  if (msg_type == "shutdown_notification") {
    const std::lock_guard lock(mutex_);
    state_.on_lost("the controller at " + endpoint_ + " is gone: it was shut down", now);
    state_.on_closed(state_.lost(), now);
    finished_.store(true, std::memory_order_release);
    changed_.notify_all();
    return;
  }
  if (msg_type != "registration_notification" && msg_type != "unregistration_notification") return;
  Result<EngineEntry> engine = read_engine(message.content.view(), reader_);
  if (!engine.ok()) return drop(Channel::kNotification, engine.status());
  const std::lock_guard lock(mutex_);
  if (msg_type == "registration_notification") {
    state_.on_engine_joined(engine.value());
  } else {
    state_.on_engine_left(engine.value(), now);
  }
  changed_.notify_all();
}

}  // namespace engineroom::client
