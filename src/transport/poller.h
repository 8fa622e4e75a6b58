// transport/poller.h — waiting for several sockets, with as few system calls as that can take.
//
// zmq_poll() asks every socket for its state before and after it sleeps, and each answer costs a
// system call. But a socket that was read until nothing came announces whatever arrives by its file
// descriptor; so this one sleeps on the descriptors alone, and then only those that fired are read.
//
//   poller.sleep(poller.must_look() ? 0 : timeout_ms);
//   for each socket i: if (poller.ready(i)) receive until there is nothing
//                      if (poller.monitor_ready(i)) read connection events until there is none
//
// Threads: a Poller belongs to one thread. sleep() touches no socket, so that another thread may
// use them meanwhile, under a mutex that also covers must_look() and receiving; if that thread
// sends and then finds a socket readable(), it has to wake the sleeper: the announcement may be
// gone.
#pragma once

#include <cstddef>
#include <vector>

#include <poll.h>

#include "base/clock.h"
#include "transport/socket.h"

namespace engineroom::transport {

class Poller {
 public:
  // `sockets` must outlive this and must not move. `wake_fd`: -1 for none.
  Poller(std::vector<Socket*> sockets, int wake_fd);

  // True if there are messages that no descriptor will announce: sleep with a time-out of 0 then.
  bool must_look();
  // -1: for ever. Interrupted sleeps end early.
  void sleep(int timeout_ms);
  // The same, but for `spin` it looks again and again instead of sleeping.
  void sleep(int timeout_ms, Duration spin);
  // On `wake_fd` alone.
  void sleep_on_wake_fd(int timeout_ms);

  // What the last must_look() and sleep() found out.
  bool ready(std::size_t socket) const { return ready_[socket]; }
  bool monitor_ready(std::size_t socket) const { return monitor_ready_[socket]; }
  // The last sleep() ended because of `wake_fd`.
  bool woken() const { return items_.back().revents != 0; }

 private:
  // Whether there was anything.
  bool poll(int timeout_ms);
  void note_events();

  const std::vector<Socket*> sockets_;
  std::vector<pollfd> items_;  // sockets, their monitors, and the wake_fd last
  std::vector<bool> ready_;
  std::vector<bool> monitor_ready_;
};

}  // namespace engineroom::transport
