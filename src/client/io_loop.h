// client/io_loop.h — the one thread that owns a client's sockets.
//
// It sends what is in the outbox and hands what arrives to a Handler, in turns. It knows neither
// tasks nor JSON, takes no lock of the session and never the GIL; the Handler does its bookkeeping
// on this thread.
//
// Threads: connect(), start() and stop() from the owner's thread; Handler is called on the I/O
// thread only.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "client/channel.h"
#include "client/outbox.h"
#include "transport/socket.h"
#include "wire/connection_file.h"

namespace engineroom::client {

class IoLoop {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void on_frames(Channel channel, Frames frames) = 0;
    // The registration connection is up, or down; ZeroMQ tries to bring it up again by itself.
    virtual void on_connection(bool up, Time now) = 0;
    // Once per turn. When it wants to be called again at the latest; nullopt: when there is news.
    virtual std::optional<Time> on_turn(Time now) = 0;
    // True ends the thread.
    virtual bool finished() = 0;
  };

  IoLoop(Outbox& outbox, Handler& handler) : outbox_(outbox), handler_(handler) {}
  ~IoLoop() { stop(0); }
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  Status connect(const wire::ConnectionInfo& info);
  void start();
  // Sends what is in the outbox, gives the network `linger_ms` to take it, and ends the thread.
  // Idempotent.
  void stop(int linger_ms);
  // After a fork, in the child: the thread does not exist there, and must not be waited for.
  void abandon();

 private:
  transport::Socket& socket(Channel channel) {
    return *sockets_[static_cast<std::size_t>(channel)];
  }
  Status open(Channel channel, transport::SocketType type, const std::string& url,
              const wire::ConnectionInfo& info);
  void run();
  void send_outbox();
  bool send(const Outgoing& message);
  void send_backlog();
  void receive_all();
  void read_connection_events();
  int timeout_ms(std::optional<Time> until) const;
  void close_sockets();

  Outbox& outbox_;
  Handler& handler_;
  std::unique_ptr<transport::Context> context_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> linger_ms_{0};

  // Owned by the I/O thread once it is started.
  std::array<std::optional<transport::Socket>, kChannels> sockets_;
  transport::PollSet poll_set_;
  std::vector<Outgoing> backlog_;  // what a socket did not take, in order
};

}  // namespace engineroom::client
