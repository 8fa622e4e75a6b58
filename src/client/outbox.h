// client/outbox.h — the way from any thread to the I/O thread: messages ready to send, and a bell.
//
// The bell (an eventfd) is rung only when the I/O thread sleeps or is about to; while it is busy, a
// submission costs a lock and a push. take_or_sleep() and awake() are the I/O thread's half of that
// protocol; both sides set `sleeping_` under the mutex, so no ring is lost.
//
// Threads: as said at each function.
#pragma once

#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "client/channel.h"
#include "client/task.h"

namespace engineroom::client {

struct Outgoing {
  Channel channel;
  Frames frames;
  TaskPtr task;                    // told when it is sent; may be null
  std::vector<TaskPtr> more = {};  // further ones, of a broadcast
};

class Outbox {
 public:
  Outbox();
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Any thread. In order; messages of several threads may be interleaved.
  void push(Outgoing message);
  void push(std::vector<Outgoing> messages);
  // Any thread.
  bool empty();
  // Any thread: makes the I/O thread take a turn although there is nothing to send.
  void ring();

  // I/O thread. All that was pushed. If that is nothing, the next push will ring.
  std::vector<Outgoing> take_or_sleep();
  // I/O thread, after it has slept: no need to ring any more.
  void awake();
  // What the I/O thread polls, -1 if the system refused one.
  int bell() const { return bell_; }

 private:
  void ring_if_asleep(std::unique_lock<std::mutex> lock);

  const int bell_;
  std::mutex mutex_;
  std::vector<Outgoing> messages_;  // guarded by mutex_
  bool sleeping_ = false;           // guarded by mutex_
};

}  // namespace engineroom::client
