// transport/socket.h — ZeroMQ behind a small interface: multipart send and receive, no exceptions, no JSON.
//
// Why not cppzmq everywhere: the rest of the program must be testable without sockets (see fake_transport.h)
// and must not see ZeroMQ's exceptions, which are caught here at once and turned into Status.
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

// CURVE keys, Z85. A server has secret_key + public_key; a client has all three (its own pair is throw-away).
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
  std::string identity;                    // ROUTING_ID; empty = chosen by ZeroMQ
  int send_high_water_mark = 0;            // messages; 0 = unlimited
  int receive_high_water_mark = 0;         // messages; 0 = unlimited
  std::int64_t max_message_bytes = -1;     // a frame claiming more closes the connection; -1 = unlimited
  int linger_ms = 0;
  int kernel_buffer_bytes = 0;             // SO_SNDBUF/SO_RCVBUF; 0 = the system's default
  std::optional<CurveKeys> curve;
};

struct Received {
  Frames frames;
  // The connection the message came in on (ZMQ_SRCFD) or -1; joins messages to connection-closed events.
  int connection = -1;
};

struct ConnectionEvent {
  enum class Kind { kAccepted, kClosed, kHandshakeFailed } kind;
  int connection;  // file descriptor number
};

class Socket {
 public:
  Socket(Context& context, SocketType type, const SocketOptions& options = {});
  ~Socket();
  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) noexcept;

  // "tcp://127.0.0.1:*" binds a free port; the result is the actual endpoint.
  Result<std::string> bind(const std::string& endpoint);
  Status connect(const std::string& endpoint);
  Status disconnect(const std::string& endpoint);
  Status subscribe(std::string_view prefix);

  // Sends all frames or nothing. kUnavailable if it would block. Frames of `kZeroCopyBytes` and more are passed
  // by reference and kept alive until sent; smaller ones are copied, which is cheaper.
  Status send(const Frames& frames);
  static constexpr std::size_t kZeroCopyBytes = 8192;

  // The next message, or nullopt if there is none now. Never blocks.
  std::optional<Received> receive();

  // Starts reporting accepted and closed connections of this (bound) socket.
  Status watch_connections();
  std::optional<ConnectionEvent> next_connection_event();

  void* handle() const;
  // Closes with the given linger; further calls are errors. Called by the destructor.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Waits until one of `sockets` is readable, or `wake_fd` (an eventfd, -1 for none) is, or the time is up.
// Returns the number of ready items, 0 on time-out; interrupted waits (EINTR) return 0.
struct PollSet {
  std::vector<const Socket*> sockets;
  int wake_fd = -1;
};
int poll(const PollSet& set, int timeout_ms);

}  // namespace engineroom::transport
