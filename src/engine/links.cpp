#include "engine/links.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace engineroom::engine {
namespace {

// That are polled.
constexpr std::size_t kOwnSockets = 5;

using transport::Socket;
using transport::SocketType;

transport::SocketOptions socket_options(const wire::ConnectionInfo& connection,
                                        const std::string& uuid, int linger_ms) {
  transport::SocketOptions options;
  options.identity = uuid;
  options.linger_ms = linger_ms;
  if (!connection.curve_serverkey.empty()) {
    options.curve = transport::make_curve_keys();
    options.curve->server_key = connection.curve_serverkey;
  }
  return options;
}

}  // namespace

Links::Links(const wire::ConnectionInfo& connection, const std::string& uuid, int linger_ms)
    : connection_(connection),
      options_(socket_options(connection, uuid, linger_ms)),
      registration_(context_, SocketType::kDealer, options_),
      shell_(context_, SocketType::kRouter, options_),
      control_(context_, SocketType::kRouter, options_),
      iopub_(context_, SocketType::kXpub, options_),
      ping_(context_, SocketType::kSub, options_),
      pong_(context_, SocketType::kDealer, options_) {
  // In the order in which they are served: control first, so that an abort overtakes the tasks.
  poll_set_.sockets = {&control_, &registration_, &ping_, &shell_, &iopub_};
  assert(poll_set_.sockets.size() == kOwnSockets);
}

Status Links::connect() {
  if (Status status = registration_.watch_connections(); !status.ok()) return status;
  if (Status status = ping_.subscribe(""); !status.ok()) return status;
  const struct {
    Socket& socket;
    int port;
  } connections[] = {
      {registration_, connection_.registration},
      {control_, connection_.control},
      {shell_, connection_.mux},
      {shell_, connection_.task},
      {iopub_, connection_.iopub},
      {ping_, connection_.hb_ping},
      {pong_, connection_.hb_pong},
  };
  for (const auto& [socket, port] : connections) {
    if (Status status = socket.connect(connection_.url(port)); !status.ok()) return status;
  }
  return {};
}

Status Links::join_broadcast(int engine_id) {
  const std::size_t leaves = connection_.broadcast.size();
  if (leaves == 0 || engine_id < 0) return {};
  const int port = connection_.broadcast[static_cast<std::size_t>(engine_id) % leaves];
  const std::string url = connection_.url(port);
  if (url == broadcast_leaf_) return {};
  if (!broadcast_leaf_.empty()) {
    if (Status status = shell_.disconnect(broadcast_leaf_); !status.ok()) return status;
  }
  broadcast_leaf_ = url;
  return shell_.connect(url);
}

void Links::join_lane() {
  if (lane_ && lane_->check_open()) return;
  lane_ = transport::Lane::connect(connection_.key, options_.identity);
}

std::optional<transport::Received> Links::receive(Socket& socket) {
  std::optional<transport::Received> received = socket.receive();
  if (received && lane_) lane_->resolve(received->frames, false);
  return received;
}

Status Links::send(Socket& socket, const Frames& frames) {
  if (!lane_ || std::none_of(frames.begin(), frames.end(), transport::is_large))
    return socket.send(frames);
  Frames shared = frames;
  pool_.copy_large(shared, Clock::now());
  return transport::send_by(*lane_, socket, shared);
}

void Links::share(Frames& frames) {
  // Without a key there are no lanes.
  if (!connection_.key.empty()) pool_.copy_large(frames, Clock::now());
}

void Links::own(Frames& frames) {
  pool_.copy_large(frames, Clock::now());
  for (Bytes& frame : frames) {
    if (!transport::is_shared(frame)) frame = Bytes::copy_of(frame.view());
  }
}

int Links::forward_heartbeats() {
  int count = 0;
  while (std::optional<transport::Received> ping = ping_.receive()) {
    // If it cannot be sent there is no connection, which is noticed elsewhere.
    static_cast<void>(pong_.send(ping->frames));
    ++count;
  }
  return count;
}

bool Links::is_heard() {
  while (std::optional<transport::Received> notice = iopub_.receive()) {
    const std::string_view text = notice->frames.front().view();
    if (text.empty()) continue;
    // ZeroMQ also withdraws the subscriptions of a connection that was lost.
    subscriptions_ += text.front() == 1 ? 1 : text.front() == 0 ? -1 : 0;
  }
  return subscriptions_ > 0;
}

void Links::poll(int wake_fd, int timeout_ms, const std::vector<const Socket*>& others) {
  poll_set_.wake_fd = wake_fd;
  poll_set_.sockets.resize(kOwnSockets);
  poll_set_.sockets.insert(poll_set_.sockets.end(), others.begin(), others.end());
  transport::poll(poll_set_, timeout_ms);
}

void Links::close() {
  for (Socket* socket : {&registration_, &shell_, &control_, &iopub_, &ping_, &pong_}) {
    socket->close();
  }
}

}  // namespace engineroom::engine
