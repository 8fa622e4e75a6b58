#include "client/io_loop.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <csignal>
#include <utility>

#include <pthread.h>

namespace engineroom::client {
namespace {

using transport::Socket;
using transport::SocketType;

// How many messages of one channel are read before the others, and what waits to be sent, have
// their turn.
constexpr int kMessagesPerTurn = 200;
constexpr std::chrono::milliseconds kRetrySend{10};

// Blocks all signals for as long as it lives: a thread started meanwhile inherits that. Signals
// then reach the thread that Python expects them on.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t previous_{};
};

transport::SocketOptions options_for(const wire::ConnectionInfo& info) {
  transport::SocketOptions options;
  if (!info.curve_serverkey.empty()) {
    // A pair of our own, made for this connection: possession of the server's key gives access.
    options.curve = transport::make_curve_keys();
    options.curve->server_key = info.curve_serverkey;
  }
  return options;
}

}  // namespace

Status IoLoop::open(Channel channel, SocketType type, const std::string& url,
                    const wire::ConnectionInfo& info) {
  std::optional<Socket>& socket = sockets_[static_cast<std::size_t>(channel)];
  socket.emplace(*context_, type, options_for(info));
  if (type == SocketType::kSub) {
    if (Status status = socket->subscribe(""); !status.ok()) return status;
  }
  if (channel == Channel::kRegistration) {
    if (Status status = socket->watch_connections(); !status.ok()) return status;
  }
  return socket->connect(url);
}

Status IoLoop::connect(const wire::ConnectionInfo& info) {
  struct Endpoint {
    Channel channel;
    SocketType type;
    int port;
  };
  const int broadcast_port = info.broadcast.empty() ? 0 : info.broadcast.front();
  const Endpoint endpoints[] = {
      // What is published must not be missed: first.
      {Channel::kNotification, SocketType::kSub, info.notification},
      {Channel::kIopub, SocketType::kSub, info.iopub},
      {Channel::kRegistration, SocketType::kDealer, info.registration},
      {Channel::kTask, SocketType::kDealer, info.task},
      {Channel::kMux, SocketType::kDealer, info.mux},
      {Channel::kBroadcast, SocketType::kDealer, broadcast_port},
      {Channel::kControl, SocketType::kDealer, info.control},
  };
  context_ = std::make_unique<transport::Context>();
  for (const Endpoint& endpoint : endpoints) {
    Status status = open(endpoint.channel, endpoint.type, info.url(endpoint.port), info);
    if (!status.ok()) {
      close_sockets();
      return status;
    }
  }
  for (const std::optional<Socket>& socket : sockets_) poll_set_.sockets.push_back(&*socket);
  poll_set_.wake_fd = outbox_.bell();
  return {};
}

void IoLoop::start() {
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

void IoLoop::stop(int linger_ms) {
  linger_ms_.store(linger_ms);
  stopping_.store(true);
  outbox_.ring();
  if (thread_.joinable()) {
    thread_.join();
  } else {
    close_sockets();
  }
  context_.reset();
}

void IoLoop::abandon() {
  if (thread_.joinable()) thread_.detach();
  // Closing them would talk to threads that do not exist.
  for (std::optional<Socket>& socket : sockets_) {
    if (socket) static_cast<void>(new Socket(std::move(*socket)));
  }
  static_cast<void>(context_.release());
}

// ---- the I/O thread ----

void IoLoop::run() {
  while (!handler_.finished()) {
    send_outbox();
    // Looked at after the outbox: what was pushed before stop() is sent.
    if (stopping_.load()) break;
    const std::optional<Time> until = handler_.on_turn(Clock::now());
    transport::poll(poll_set_, timeout_ms(until));
    outbox_.awake();
    receive_all();
    read_connection_events();
  }
  close_sockets();
}

int IoLoop::timeout_ms(std::optional<Time> until) const {
  std::optional<Duration> wait;
  if (until) wait = std::max(*until - Clock::now(), Duration::zero());
  if (!backlog_.empty()) wait = std::min<Duration>(wait.value_or(kRetrySend), kRetrySend);
  if (!wait) return -1;
  // Rounded up, so that the deadline has passed when the wait is over.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*wait).count();
  return static_cast<int>(std::min<std::int64_t>(ms, INT_MAX));
}

void IoLoop::send_outbox() {
  send_backlog();
  for (;;) {
    std::vector<Outgoing> messages = outbox_.take_or_sleep();
    if (messages.empty()) return;
    for (Outgoing& message : messages) {
      if (!backlog_.empty() || !send(message)) backlog_.push_back(std::move(message));
    }
  }
}

// False if the socket cannot take it now.
bool IoLoop::send(const Outgoing& message) {
  const Status status = socket(message.channel).send(message.frames);
  if (status.code() == ErrorCode::kUnavailable) return false;
  // Any other failure means that the socket is gone, and its tasks will be told.
  if (message.task != nullptr) message.task->mark_sent();
  for (const TaskPtr& task : message.more) task->mark_sent();
  return true;
}

void IoLoop::send_backlog() {
  const auto stuck = std::find_if(backlog_.begin(), backlog_.end(),
                                  [this](const Outgoing& message) { return !send(message); });
  backlog_.erase(backlog_.begin(), stuck);
}

void IoLoop::receive_all() {
  for (std::size_t i = 0; i < kChannels; ++i) {
    for (int n = 0; n < kMessagesPerTurn; ++n) {
      std::optional<transport::Received> received = sockets_[i]->receive();
      if (!received) break;
      handler_.on_frames(static_cast<Channel>(i), std::move(received->frames));
    }
  }
}

void IoLoop::read_connection_events() {
  using Kind = transport::ConnectionEvent::Kind;
  while (const auto event = socket(Channel::kRegistration).next_connection_event()) {
    if (event->kind == Kind::kConnected) handler_.on_connection(true, Clock::now());
    if (event->kind == Kind::kClosed) handler_.on_connection(false, Clock::now());
  }
}

void IoLoop::close_sockets() {
  for (std::optional<Socket>& socket : sockets_) {
    if (!socket) continue;
    socket->set_linger(linger_ms_.load());
    socket.reset();
  }
}

}  // namespace engineroom::client
