#include "controller/socket_tuning.h"

#include <zmq.h>

namespace engineroom::controller {
namespace {

// Connections that wait to be accepted. Beyond, TCP tries again only after a second; the system may
// allow fewer (net.core.somaxconn).
constexpr int kBacklog = 4096;

void set(transport::Socket& socket, int option, int value) {
  if (socket.handle() != nullptr) zmq_setsockopt(socket.handle(), option, &value, sizeof value);
}

}  // namespace

void tune(transport::Socket& socket, transport::SocketType type) {
  set(socket, ZMQ_BACKLOG, kBacklog);
  if (type == transport::SocketType::kRouter) set(socket, ZMQ_ROUTER_MANDATORY, 1);
  if (type == transport::SocketType::kXpub) set(socket, ZMQ_XPUB_VERBOSE, 1);
}

}  // namespace engineroom::controller
