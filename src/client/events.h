// client/events.h — what a session tells a program that listens instead of waiting: a queue of
// events, filled by the I/O thread and emptied by whichever thread calls next().
//
// Futures, progress bars and the relay of widget messages in the Python package are one thread that
// loops over next(); the native core itself never calls into Python.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "base/bytes.h"
#include "client/blocking.h"

namespace engineroom::client {

// All tasks of a watch() are done.
struct TasksDone {
  std::int64_t token;
};
// One task of a watch_each() is.
struct TaskDone {
  std::int64_t token;
  std::size_t index;
};
// A task of a watch_output() has written something.
struct TaskOutput {
  std::int64_t token;
  std::size_t index;
  std::string msg_type;
  Bytes content;
};
struct EngineJoined {
  std::int64_t id;
  std::string uuid;
};
struct EngineLeft {
  std::int64_t id;
  std::string uuid;
};
// comm_open, comm_msg or comm_close from an engine (widgets).
struct CommMessage {
  std::string msg_type;
  Bytes header;
  Bytes content;
  Bytes metadata;
  Frames buffers;
};
struct SessionLost {
  std::string reason;
};
struct SessionClosed {};

using Event = std::variant<TasksDone, TaskDone, TaskOutput, EngineJoined, EngineLeft, CommMessage,
                           SessionLost, SessionClosed>;

// Threads: any.
class EventQueue {
 public:
  // Until then, push_notice() drops what it is given: few programs look.
  void enable_notices();
  // Events that nobody asked for by token.
  void push_notice(Event event);
  void push(Event event);
  // Queues SessionClosed; nothing can be pushed afterwards.
  void close();
  // The oldest event; nullopt when the time is up, when interrupted, or when it is closed and
  // empty.
  std::optional<Event> next(std::optional<Time> deadline, const Interrupt& interrupt);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  bool notices_enabled_ = false;
  bool closed_ = false;
};

}  // namespace engineroom::client
