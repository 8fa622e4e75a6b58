#include "engine/io_loop.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

#include <fmt/core.h>
#include <simdjson.h>
#include <unistd.h>

#include "engine/control.h"
#include "engineroom/version.h"
#include "transport/log_forwarder.h"

namespace engineroom::engine {
namespace {

int to_milliseconds(Duration duration) {
  // Rounded up: a deadline must have passed when the wait is over.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<std::int64_t>(ms, 0, 60'000));
}

}  // namespace

IoLoop::IoLoop(const EngineOptions& options, Workbench& bench, pthread_t python)
    : options_(options),
      bench_(bench),
      python_(python),
      maker_(options.uuid, options.connection.key),
      links_(options.connection, options.uuid, to_milliseconds(options.linger)),
      peers_(links_.context(), options.connection, maker_, options.asks_engines),
      exchange_(
          bench, peers_, options.keep,
          [this](std::string_view type, std::string content, Frames buffers) {
            send_reply(maker_.request(type, std::move(content), std::move(buffers)),
                       links_.registration());
          },
          [this](Frames& frames) { links_.share(frames); }),
      membership_(options.membership) {}

IoLoop::~IoLoop() = default;

Status IoLoop::connect() {
  if (Status status = peers_.listen(); !status.ok()) {
    ER_LOG_WARN("no other engine can ask for results of this one: {}", status.to_string());
  }
  return links_.connect();
}

void IoLoop::run() {
  apply(membership_.on_start(Clock::now()));
  while (!stop_.load(std::memory_order_acquire)) turn();
  leave();
  peers_.close();
  links_.close();
}

void IoLoop::request_end(Exit exit) {
  wanted_exit_.store(static_cast<int>(exit), std::memory_order_release);
  bench_.io_wake().notify();
}

void IoLoop::request_stop() {
  stop_.store(true, std::memory_order_release);
  bench_.io_wake().notify();
}

std::optional<Exit> IoLoop::exit() const {
  const int code = exit_.load(std::memory_order_acquire);
  if (code == kNoExit) return std::nullopt;
  return static_cast<Exit>(code);
}

void IoLoop::set_kernel_info(std::string json) {
  const std::scoped_lock lock(kernel_info_mutex_);
  kernel_info_ = std::move(json);
}

void IoLoop::turn() {
  const Time now = Clock::now();
  publish_held(now);
  if (bench_.interrupt_overdue(now)) pthread_kill(python_, task_interrupt_signal());
  send_laid_out(now);
  peer_sockets_.clear();
  peers_.add_sockets(peer_sockets_);
  links_.poll(bench_.io_wake().fd(), outgoing_.empty() ? poll_timeout_ms() : 0, peer_sockets_);
  bench_.io_wake().clear();

  serve_requests(links_.control(), Channel::kControl);
  serve_registration();
  if (links_.forward_heartbeats() > 0) membership_.on_ping(now);
  serve_requests(links_.shell(), Channel::kShell);
  exchange_.serve(now);

  apply(membership_.on_time(Clock::now()));
  if (const int wanted = wanted_exit_.exchange(kNoExit); wanted != kNoExit) {
    begin_end(static_cast<Exit>(wanted), "");
  }
  if (kill_at_ && Clock::now() >= *kill_at_) kill_process();
}

int IoLoop::poll_timeout_ms() {
  const Time now = Clock::now();
  std::optional<Time> first = membership_.deadline();
  for (const std::optional<Time>& time :
       {bench_.deadline(now), kill_at_, hold_until_, links_.on_time(now), exchange_.deadline()}) {
    if (time) first = first ? std::min(*first, *time) : *time;
  }
  return first ? to_milliseconds(*first - now) : -1;
}

// ---- registration ----

void IoLoop::serve_registration() {
  transport::Socket& socket = links_.registration();
  Decoded decoded;
  for (Next next = next_message(socket, decoded); next != Next::kNone;
       next = next_message(socket, decoded)) {
    if (next == Next::kGood) handle_registration(decoded.message, decoded.header);
  }
  using Kind = transport::ConnectionEvent::Kind;
  while (std::optional<transport::ConnectionEvent> event = socket.next_connection_event()) {
    const Time now = Clock::now();
    if (event->kind == Kind::kConnected) links_.join_lane();
    if (event->kind == Kind::kConnected) apply(membership_.on_connected(now));
    if (event->kind == Kind::kClosed) apply(membership_.on_disconnected(now));
    if (event->kind == Kind::kHandshakeFailed && complaints_.first_time("handshake")) {
      ER_LOG_WARN("the controller refuses the connection; is the connection file up to date?");
    }
  }
}

void IoLoop::handle_registration(const wire::Message& message, const wire::Header& header) {
  const std::string_view content = message.content.view();
  if (header.msg_type == "registration_reply") {
    Result<RegistrationReply> reply = read_registration_reply(content, json_);
    if (!reply.ok()) return ER_LOG_WARN("{}", reply.status().to_string());
    apply(membership_.on_reply(reply.value(), Clock::now()));
  } else if (header.msg_type == "unregistration_notification") {
    if (read_string(content, "uuid", json_) == maker_.uuid()) {
      ER_LOG_WARN("the controller took this engine for dead; registering again");
      apply(membership_.on_unregistered(Clock::now()));
    }
  } else if (header.msg_type == "result_request") {
    exchange_.on_relayed_question(message, Clock::now());
  } else if (header.msg_type == "result_reply") {
    exchange_.on_relayed_answer(message, Clock::now());
  } else if (header.msg_type == "shutdown_request") {
    handle_shutdown(message);
  }
}

void IoLoop::apply(const Membership::Effects& effects) {
  if (effects.drop_queue) {
    exchange_.drop_all();
    unreceived_.clear();
  }
  if (effects.send_registration) send_registration();
  if (effects.forget_replies) unreceived_.clear();
  if (effects.registered) become_registered();
  if (effects.returned) return_to_controller();
  if (effects.exit) begin_end(*effects.exit, effects.reason);
}

void IoLoop::send_registration() {
  JsonWriter content;
  content.begin_object().key("uuid").value(maker_.uuid());
  if (membership_.id() >= 0) {
    content.key("id").value(membership_.id());
  } else if (options_.requested_id >= 0) {
    content.key("id").value(options_.requested_id);
  }
  if (!options_.resources.empty()) content.key("resources").raw(options_.resources);
  if (!peers_.address().empty()) content.key("peer").raw(peers_.address());
  if (!membership_.journal().empty()) content.key("journal").value(membership_.journal());
  content.key("engineroom").value(ENGINEROOM_VERSION).end_object();
  send(maker_.request("registration_request", content.take()), links_.registration());
}

void IoLoop::become_registered() {
  const int id = membership_.id();
  maker_.set_engine_id(id);
  engine_id_.store(id, std::memory_order_release);
  if (Status status = links_.join_broadcast(id); !status.ok()) {
    ER_LOG_ERROR("{}", status.to_string());
  }
  transport::set_log_topic(fmt::format("engine.{}", id));
  // The words that scripts which watch the logs of ipyparallel's engines wait for.
  ER_LOG_INFO("Completed registration with id {}", id);
  publish(maker_.publication(make_status("starting", {})));
}

// What came from the controller before this one and has not been read yet is as if it had never
// come (accept_epoch): this one sends it again.
void IoLoop::return_to_controller() {
  ER_LOG_INFO("the controller was started anew; going on");
  bench_.forget_aborts();
  exchange_.drop_incomplete();
  // What Python has laid out meanwhile counts as sent.
  send_laid_out(Clock::now());
  JsonWriter content;
  content.begin_object().key("uuid").value(maker_.uuid()).key("held").begin_array();
  for (const std::string& msg_id : exchange_.held()) content.value(msg_id);
  for (const Unreceived::Entry& entry : unreceived_.all()) content.value(entry.msg_id);
  content.end_array().end_object();
  send(maker_.request("return_notice", content.take()), links_.registration());
  exchange_.on_returned(Clock::now());
  for (const Unreceived::Entry& entry : unreceived_.all()) {
    send_reply(entry.frames,
               entry.channel == Channel::kControl ? links_.control() : links_.shell());
  }
}

// ---- requests ----

// A controller with a journal says which one it is before the client's identity: [route,
// "@<start>", client, …].
bool IoLoop::accept_epoch(wire::Message& message) const {
  Frames& identities = message.identities;
  if (identities.size() < 3 || !identities[1].view().starts_with('@')) return true;
  const std::string start = identities[1].str().substr(1);
  identities.erase(identities.begin() + 1);
  return std::strtoll(start.c_str(), nullptr, 10) >= membership_.start();
}

void IoLoop::serve_requests(transport::Socket& socket, Channel channel) {
  Decoded decoded;
  for (int i = 0; i < kBatch; ++i) {
    const Next next = next_message(socket, decoded);
    if (next == Next::kNone) return;
    if (next == Next::kGood && accept_epoch(decoded.message)) {
      handle_request(std::move(decoded.message), std::move(decoded.header), channel);
    }
  }
}

IoLoop::Next IoLoop::next_message(transport::Socket& socket, Decoded& out) {
  std::optional<transport::Received> received = links_.receive(socket);
  if (!received) return Next::kNone;
  Result<wire::Message> message =
      wire::decode(std::move(received->frames), maker_.signer(), &replays_);
  Status status = message.ok() ? Status() : message.status();
  if (status.ok()) {
    Result<wire::Header> header = wire::parse_header(message.value().header.view());
    if (header.ok()) {
      out.message = message.take();
      out.header = header.take();
      return Next::kGood;
    }
    status = header.status();
  }
  if (complaints_.first_time(to_string(status.code()))) {
    ER_LOG_WARN("dropping messages: {} (said once)", status.to_string());
  }
  return Next::kBad;
}

void IoLoop::handle_request(wire::Message message, wire::Header header, Channel channel) {
  if (handle_natively(message, header, channel)) return;
  Result<RequestKind> kind = request_kind(header.msg_type);
  Status status = kind.ok() ? Status() : kind.status();
  if (status.ok()) {
    Result<std::shared_ptr<Request>> request = read_request(
        std::move(message), std::move(header), kind.value(), channel, maker_.uuid(), json_);
    if (request.ok()) return exchange_.deliver(request.take(), Clock::now());
    status = request.status();
  }
  // Not answered: clients take an answer of a type that they do not know for an error of theirs.
  if (complaints_.first_time(status.message())) ER_LOG_WARN("{} (said once)", status.to_string());
}

bool IoLoop::handle_natively(const wire::Message& message, const wire::Header& header,
                             Channel channel) {
  const std::string_view type = header.msg_type;
  if (type == "kernel_info_request") {
    std::string info;
    {
      const std::scoped_lock lock(kernel_info_mutex_);
      info = kernel_info_;
    }
    answer(message, "kernel_info_reply", std::move(info), channel);
    return true;
  }
  if (channel != Channel::kControl) return false;
  if (type == "abort_request") {
    handle_abort(message);
  } else if (type == "release_request") {
    exchange_.release(read_ids(message.content.view(), json_));
    answer(message, "release_reply", R"({"status":"ok"})", channel);
  } else if (type == "received_notice") {
    handle_received(message);
  } else if (type == "signal_request") {
    handle_signal(message);
  } else if (type == "interrupt_request") {
    pthread_kill(python_, SIGINT);
    answer(message, "interrupt_reply", R"({"status":"ok"})", channel);
  } else if (type == "shutdown_request") {
    handle_shutdown(message);
  } else {
    return false;
  }
  return true;
}

void IoLoop::handle_abort(const wire::Message& message) {
  const std::vector<std::string> msg_ids = read_ids(message.content.view(), json_);
  if (msg_ids.empty()) {
    exchange_.abort_all();
  } else if (read_flag(message.content.view(), "interrupt", json_)) {
    if (bench_.interrupt(msg_ids)) pthread_kill(python_, task_interrupt_signal());
    exchange_.deliver_parked(msg_ids, Clock::now());
  } else {
    exchange_.abort(msg_ids, Clock::now());
  }
  answer(message, "abort_reply", R"({"status":"ok"})", Channel::kControl);
}

void IoLoop::handle_received(const wire::Message& message) {
  for (const std::string& msg_id : read_ids(message.content.view(), json_)) {
    unreceived_.received(msg_id);
  }
}

void IoLoop::handle_signal(const wire::Message& message) {
  Result<int> signal = read_signal(message.content.view(), json_);
  if (!signal.ok()) {
    answer(message, "signal_reply", error_content("ValueError", signal.status().message()),
           Channel::kControl);
    return;
  }
  // Answered first: the signal may be the last thing this process sees.
  answer(message, "signal_reply", R"({"status":"ok"})", Channel::kControl);
  // Said by us, the controller knows at once and not only when heartbeats fail to come.
  if (signal.value() == SIGKILL) leave();
  deliver_signal(signal.value(), python_);
}

void IoLoop::handle_shutdown(const wire::Message& message) {
  const std::string content = read_flag(message.content.view(), "restart", json_)
                                  ? R"({"status":"ok","restart":true})"
                                  : R"({"status":"ok","restart":false})";
  if (!message.identities.empty()) answer(message, "shutdown_reply", content, Channel::kControl);
  // A controller learns from this that the engine has left.
  Publication notice;
  notice.topic = "shutdown";
  notice.msg_type = "shutdown_reply";
  notice.parent = message.header;
  notice.content = Bytes(content);
  publish(maker_.publication(notice));
  begin_end(Exit::kDone, "");
}

void IoLoop::answer(const wire::Message& to, std::string_view msg_type, std::string content,
                    Channel channel) {
  send(maker_.answer(to, msg_type, std::move(content)),
       channel == Channel::kControl ? links_.control() : links_.shell());
}

// ---- sending ----

void IoLoop::send_laid_out(Time now) {
  bench_.collect(now, outgoing_);
  for (Outgoing& outgoing : outgoing_) {
    if (Reply* reply = std::get_if<Reply>(&outgoing)) {
      if (Exchange::is_kept(*reply)) {
        links_.own(reply->buffers);
        exchange_.keep(*reply);
        // Of large ones it is said, so that the client can say when nobody needs them any more.
        if (reply->bytes() >= kKeptBytes) reply->more_metadata += R"(,"kept":true)";
      }
      const bool control = reply->request->channel == Channel::kControl;
      const Frames frames = maker_.reply(*reply);
      if (!membership_.journal().empty() && !control) {
        unreceived_.add(reply->request->header.msg_id, reply->request->channel, frames);
      }
      send_reply(frames, control ? links_.control() : links_.shell());
    } else {
      publish(maker_.publication(std::get<Publication>(outgoing)));
    }
  }
}

void IoLoop::send(const Frames& frames, transport::Socket& socket) {
  complain_once(socket.send(frames));
}

void IoLoop::send_reply(const Frames& frames, transport::Socket& socket) {
  complain_once(links_.send(socket, frames));
}

void IoLoop::complain_once(const Status& status) {
  if (!status.ok() && complaints_.first_time("send")) {
    ER_LOG_WARN("{} (said once)", status.to_string());
  }
}

void IoLoop::publish(Frames frames) {
  if (held_.empty() && links_.is_heard()) return send(frames, links_.iopub());
  if (!hold_until_) {
    const bool may_return = !membership_.journal().empty();
    hold_until_ = Clock::now() + (may_return ? membership_.patience() : kHoldAtMost);
  }
  if (held_.size() < kMaxHeld) held_.push_back(std::move(frames));
}

void IoLoop::publish_held(Time now) {
  const bool heard = links_.is_heard();
  if (held_.empty() || (!heard && now < *hold_until_)) return;
  for (const Frames& frames : held_) send(frames, links_.iopub());
  held_.clear();
  hold_until_.reset();
}

// ---- the end ----

void IoLoop::begin_end(Exit exit, const std::string& reason) {
  if (kill_at_) return;
  if (!reason.empty()) ER_LOG_ERROR("ending: {}", reason);
  kill_at_ = Clock::now() + options_.exit_grace;
  exit_.store(static_cast<int>(exit), std::memory_order_release);
  bench_.end();
  // A running task may clean up after itself, in the time that it is given.
  if (bench_.is_running()) pthread_kill(python_, SIGINT);
}

void IoLoop::leave() {
  if (std::exchange(left_, true)) return;
  send_laid_out(Clock::now());
  publish_held(Clock::now());
  if (!membership_.registered()) return;
  JsonWriter content;
  content.begin_object().key("id").value(membership_.id()).end_object();
  send(maker_.request("unregistration_request", content.take()), links_.registration());
}

void IoLoop::kill_process() {
  leave();
  links_.close();
  // ZeroMQ's own thread sends what is left; a shutdown reply should not be lost.
  ::usleep(50'000);
  ::_exit(exit_.load());
}

}  // namespace engineroom::engine
