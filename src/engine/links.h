// engine/links.h — an engine's sockets: which ones there are, where they connect, what waits in
// them.
//
// All connect, none binds, so an engine needs no open port. The shell is one ROUTER connected to
// several ROUTERs of the controller (direct, balanced, broadcast); a reply finds its way by the
// identity its request came with.
//
// Belongs to the I/O thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "transport/lane.h"
#include "transport/shared_bytes.h"
#include "transport/socket.h"
#include "wire/connection_file.h"

namespace engineroom::engine {

class Links {
 public:
  Links(const wire::ConnectionInfo& connection, const std::string& uuid, int linger_ms);

  // Connects everything but the broadcast leaf, which depends on the engine's id.
  Status connect();
  // Connects to the leaf of this id, instead of an earlier one.
  Status join_broadcast(int engine_id);
  // The way for large buffers, if the controller is on this machine. When it may be another one.
  void join_lane();
  // What socket.receive() and socket.send() do, with large buffers going by the lane.
  std::optional<transport::Received> receive(transport::Socket& socket);
  Status send(transport::Socket& socket, const Frames& frames);
  // Puts copies in shared memory in the place of large frames, if others can be given them.
  void share(Frames& frames);
  // Puts copies in shared memory, or in our own, in the place of frames that belong to Python.
  void own(Frames& frames);
  // Gives back the memory of what was sent by the lane. The next time to call this, if any.
  std::optional<Time> on_time(Time now) { return pool_.on_time(now); }
  // Forwards heartbeats byte for byte; the number of those that came.
  int forward_heartbeats();
  // True once someone has subscribed to iopub. What is published before that is lost: connecting
  // takes a moment, and subscribing another one.
  bool is_heard();
  // Sleeps until something arrives, `wake_fd` is readable or the time is up.
  void poll(int wake_fd, int timeout_ms, const std::vector<const transport::Socket*>& others);
  void close();

  transport::Context& context() { return context_; }
  transport::Socket& registration() { return registration_; }
  transport::Socket& shell() { return shell_; }
  transport::Socket& control() { return control_; }
  transport::Socket& iopub() { return iopub_; }

 private:
  const wire::ConnectionInfo connection_;
  transport::Context context_;
  transport::SocketOptions options_;
  transport::Socket registration_;
  transport::Socket shell_;
  transport::Socket control_;
  transport::Socket iopub_;
  transport::Socket ping_;
  transport::Socket pong_;
  transport::PollSet poll_set_;
  int subscriptions_ = 0;
  std::optional<transport::Lane> lane_;
  transport::SharedPool pool_;
  std::string broadcast_leaf_;  // url; empty = none yet
};

}  // namespace engineroom::engine
