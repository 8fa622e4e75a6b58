// transport/socket.h — ZeroMQ behind a small interface: multipart send and receive, no exceptions,
// no JSON.
//
// libzmq's C interface is used directly: its errors are return codes, which become Status here at
// once, and the rest of the program never includes zmq.h.
//
// Threads: a Context may be shared; a Socket belongs to the thread that uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace engineroom::transport {

enum class SocketType { kRouter, kDealer, kPub, kSub, kXpub, kXsub, kPair };

// CURVE keys, Z85. A server has secret_key + public_key; a client has all three (its own pair is
// throw-away).
struct CurveKeys {
  std::string public_key;
  std::string secret_key;
  std::string server_key;
  bool is_server = false;
};
// A fresh key pair.
CurveKeys make_curve_keys();

class Context {
 public:
  explicit Context(int io_threads = 1);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  void* handle() const { return context_; }

 private:
  void* context_;
};

struct SocketOptions {
  std::string identity;             // ROUTING_ID; empty = chosen by ZeroMQ
  int send_high_water_mark = 0;     // messages; 0 = unlimited
  int receive_high_water_mark = 0;  // messages; 0 = unlimited
  // A frame claiming more closes its connection; -1 = unlimited. Set it wherever a stranger can
  // connect: ZeroMQ allocates what a peer claims before it has come or is checked in any way.
  std::int64_t max_message_bytes = -1;
  int linger_ms = 0;
  int kernel_buffer_bytes = 0;  // SO_SNDBUF/SO_RCVBUF; 0 = the system's default
  std::optional<CurveKeys> curve;
};

struct Received {
  Frames frames;
  // The connection the message came in on (ZMQ_SRCFD) or -1; joins messages to connection-closed
  // events.
  int connection = -1;
};

// Events are reported in the order in which they happened, but independently of messages: messages
// that came in before a connection closed may still wait in receive(), and the number of a closed
// connection is soon used again by another. Drain receive() before acting on kClosed.
struct ConnectionEvent {
  // kAccepted on a bound socket, kConnected on a connecting one (which ZeroMQ connects again by
  // itself after kClosed).
  enum class Kind { kAccepted, kConnected, kClosed, kHandshakeFailed } kind;
  int connection;  // file descriptor number; -1 for kHandshakeFailed, which is followed by a
                   // kClosed that has it
};

class Socket {
 public:
  Socket(Context& context, SocketType type, const SocketOptions& options = {});
  ~Socket();
  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) noexcept;

  // "tcp://127.0.0.1:*" binds a free port; the result is the actual endpoint. An ipc:// path left
  // behind by a process that died is taken over; one that somebody listens on, or that is no
  // socket, is an error. Who may connect to it is up to the permissions of its folder.
  Result<std::string> bind(const std::string& endpoint);
  Status connect(const std::string& endpoint);
  Status disconnect(const std::string& endpoint);
  Status subscribe(std::string_view prefix);

  // Sends all frames or nothing. kUnavailable if it would block (a ROUTER never does: what it
  // cannot deliver, it drops). REQUIRES: at least one frame. Frames of `kZeroCopyBytes` and more
  // are passed by reference and kept alive until sent; smaller ones are copied, which is cheaper.
  Status send(const Frames& frames);
  static constexpr std::size_t kZeroCopyBytes = 8192;

  // The next message, or nullopt if there is none now. Never blocks.
  std::optional<Received> receive();

  // Starts reporting the connections that this socket accepts, makes and loses.
  Status watch_connections();
  std::optional<ConnectionEvent> next_connection_event();

  // For Poller: file descriptors that become readable when something happened, -1 for none; the
  // second is that of connection events.
  int fd() const;
  int monitor_fd() const;
  // True if receive() would return a message.
  bool readable();
  // True unless the last thing done with it was to find nothing, by receive() or readable(). Only
  // then is all that arrives announced by fd(): sending, and receiving something, may swallow an
  // announcement.
  bool may_have_more() const;
  // The same for connection events.
  bool may_have_more_events() const;

  void* handle() const;
  // The socket that connection events arrive on; null unless they are watched.
  void* monitor_handle() const;
  // Replaces the option of that name: how long what is not sent yet may delay the context's end.
  void set_linger(int linger_ms);
  // Closes with the given linger; further calls are errors. Called by the destructor.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Waits until one of `sockets` is readable or, if watched, has a connection event, or `wake_fd` (an
// eventfd, -1 for none) is, or the time is up. Returns the number of ready items, 0 on time-out;
// interrupted waits (EINTR) return 0.
struct PollSet {
  std::vector<const Socket*> sockets;
  int wake_fd = -1;
};
int poll(const PollSet& set, int timeout_ms);

}  // namespace engineroom::transport
