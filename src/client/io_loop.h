// client/io_loop.h — a client's sockets, and the thread that tends them when nobody else does.
//
// A turn reads what has arrived and hands it to a Handler; the Handler does its bookkeeping there.
// It knows neither tasks nor JSON, and never takes the GIL. Who takes turns?
//
// - A thread of its own, the I/O thread, usually.
// - A thread that waits for something (lead()), as long as it waits: the news then reaches it
//   without passing through another thread, which saves a tenth of the time of a round trip. The
//   I/O thread steps aside meanwhile, and for kLease after it, since who waits once tends to wait
//   again.
//
// Likewise a message is sent by the thread that submits it if the sockets are free, and goes
// through the outbox if not. All use of the sockets is under one mutex; nobody sleeps with it.
//
// Threads: connect(), start() and stop() from the owner's thread; try_send() and lead() from any.
// The Handler is called by one thread at a time, with the mutex held. Covered by session_test.cpp.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "client/blocking.h"
#include "client/channel.h"
#include "client/outbox.h"
#include "transport/lane.h"
#include "transport/poller.h"
#include "transport/shared_bytes.h"
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
    // Now and then. When it wants to be called again at the latest; nullopt: when there is news.
    virtual std::optional<Time> on_turn(Time now) = 0;
    // True if somebody waits for something that has not come yet.
    virtual bool expects_news() = 0;
    // True ends the thread.
    virtual bool finished() = 0;
  };

  IoLoop(Outbox& outbox, Handler& handler);
  ~IoLoop();
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  Status connect(const wire::ConnectionInfo& info);
  void start();
  // Sends what is in the outbox, gives the network `linger_ms` to take it, and ends the thread.
  // Idempotent.
  void stop(int linger_ms);
  // After a fork, in the child: the thread does not exist there, and must not be waited for.
  void abandon();

  // Any thread: moves large buffers to where engines of this machine can look at them.
  void share_large(Frames& buffers);
  // Any thread: the controller is on this machine, and gets large buffers without copies.
  bool has_lane() const { return has_lane_.load(std::memory_order_relaxed); }
  // Sends the message at once if that needs no waiting. False: put it into the outbox.
  bool try_send(const Outgoing& message);

  // Takes turns on the calling thread until done(), and returns what the wait came to; nullopt, at
  // once, if another thread leads or the loop has ended. Whoever makes done() true on another
  // thread calls ring_leader().
  std::optional<WaitResult> lead(const std::function<bool()>& done, std::optional<Time> deadline,
                                 const Interrupt& interrupt);
  void ring_leader();

 private:
  static constexpr std::chrono::milliseconds kLease{5};

  transport::Socket& socket(Channel channel) {
    return *sockets_[static_cast<std::size_t>(channel)];
  }
  Status open(Channel channel, transport::SocketType type, const std::string& url,
              const wire::ConnectionInfo& info);
  void close_sockets();

  void run();
  bool begin_lead();
  void end_lead();
  void silence_leader_bell();
  WaitResult lead_turns(const std::function<bool()>& done, std::optional<Time> deadline,
                        const Interrupt& interrupt, Time spin_until);

  // With sockets_mutex_ held.
  void send_outbox();
  bool send(const Outgoing& message);
  void send_backlog();
  void join_lane();
  void read_ready(const transport::Poller& poller);
  void read_channel(Channel channel);
  void read_connection_events();
  // How long the I/O thread leaves the sockets to others; nullopt: not at all.
  std::optional<Duration> leave_to_others(Time now) const;

  Outbox& outbox_;
  Handler& handler_;
  std::unique_ptr<transport::Context> context_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> linger_ms_{0};
  std::atomic<bool> has_lane_{false};
  std::string key_;
  const std::string identity_;  // of all sockets
  transport::SharedPool pool_;
  const int leader_bell_;

  std::mutex sockets_mutex_;
  // Guarded by sockets_mutex_ from here on.
  std::array<std::optional<transport::Socket>, kChannels> sockets_;
  std::optional<transport::Lane> lane_;
  std::vector<Outgoing> backlog_;  // what a socket did not take, in order
  bool open_ = false;
  bool leading_ = false;
  bool spins_ = true;  // the leader's: the last wait was short
  Time led_since_{};
  Time lease_until_{};

  std::optional<transport::Poller> poller_;         // the I/O thread's
  std::optional<transport::Poller> leader_poller_;  // the leader's
};

}  // namespace engineroom::client
