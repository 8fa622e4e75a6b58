// engine/workbench.h — where the I/O thread lays requests and Python takes them, and where Python
// lays replies and output and the I/O thread takes them.
//
// Python holds the interpreter's lock for as long as it likes; the I/O thread must never wait for
// that. So the two meet only here, under a mutex that is held for a few instructions at a time.
// Whoever sleeps says so first, and is woken only then: a busy engine makes no system calls for it.
//
// What is laid out keeps its order: the output of a task, its reply, its idle status. A status
// "busy" is held back for a millisecond, so that it leaves in one go with the rest of a short task.
//
// No sockets in here, and no clock but the wall's, for records: the tests (workbench_test.cpp) call
// both sides from one thread.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "engine/messages.h"
#include "engine/request.h"
#include "engine/task_queue.h"
#include "engine/wake_up.h"

namespace engineroom::engine {

using Outgoing = std::variant<Reply, Publication>;

// Why the running request is to stop.
enum class Interruption { kNone, kAborted, kTimeLimit };

class Workbench {
 public:
  // How long a task runs before its clients are told that it does.
  static constexpr Duration kBusyAfter = std::chrono::milliseconds(1);
  // How long text waits for more text.
  static constexpr Duration kFlushAfter = std::chrono::milliseconds(50);
  static constexpr std::size_t kFlushBytes = 64 * 1024;
  // A task that goes on after its time limit is interrupted again and again, and after a while its
  // client is told.
  static constexpr Duration kInterruptEvery = std::chrono::seconds(1);
  static constexpr Duration kReportAfter = std::chrono::seconds(5);

  // ---- Python's side ----

  // The next request, which is then running; null if there is none. REQUIRES: nothing is running.
  RequestPtr take(Time now);
  // Ends the running request. `reply.request`, `started` and `silent` are filled in here. Nothing
  // is sent for comm messages. With `abort_executes`, what the same client has queued to execute is
  // aborted.
  void finish(Reply reply, bool abort_executes = false);
  // Output of the running request (of the last one, if none is running).
  void publish(Publication publication);
  void write(std::string_view stream, std::string_view text, Time now);
  // Sends what was written without waiting for more.
  void flush();
  // Sleeps until there may be something to take, or a signal came; see WakeUp::wait() for `mask`.
  void wait_for_request(const sigset_t* mask = nullptr);
  bool is_running() const;
  // Of the running request. An interrupt may come late: this says whether it is meant.
  Interruption interruption() const;
  // Of the running request; zero if it has none.
  Duration time_limit() const;

  // ---- the I/O thread's side ----

  void deliver(RequestPtr request);
  // Lays out the reply to a request that never gets to Python.
  void answer(Reply reply);
  // True if the request with this id is queued or running.
  bool holds(std::string_view msg_id) const;
  // True if deliver() would answer the request with this id as aborted.
  bool is_aborted(const std::string& msg_id) const;
  void abort(const std::vector<std::string>& msg_ids);
  void abort_all();
  // Like abort(), and the running request is to stop if it is one of these. True: it is, and Python
  // has to be sent a signal.
  bool interrupt(const std::vector<std::string>& msg_ids);
  // The same for a running request that has reached its time limit.
  bool interrupt_overdue(Time now);
  // The ids of all that has come and was not replied to by what collect() gave.
  std::vector<std::string> held() const;
  // Forgets which requests must not run when they come.
  void forget_aborts();
  // Forgets what is queued and laid out: the controller does not know us any more.
  void drop_all();
  // Moves what is to be sent now to `out`, in order. If it is empty, the next call of anything on
  // Python's side that changes this notifies io_wake().
  void collect(Time now, std::vector<Outgoing>& out);
  // When collect() will have something although nobody calls; none if never.
  std::optional<Time> deadline(Time now) const;
  // Makes wait_for_request() return, and all later ones.
  void end();

  const WakeUp& io_wake() const { return io_wake_; }
  const WakeUp& work_wake() const { return work_wake_; }

 private:
  struct Running {
    RequestPtr request;
    Time since{};
    std::string started;
    bool busy_sent = false;
    bool output = false;
    Interruption interruption = Interruption::kNone;
    std::optional<Time> interrupt_at = {};  // only if it has a time limit
    bool is_reported = false;               // as one that goes on all the same
  };
  struct Text {
    std::string stream;
    std::string text;
    Bytes parent;
  };

  void push_locked(Outgoing outgoing);
  void push_aborted_locked(std::vector<RequestPtr> requests);
  void push_busy_locked();
  void report_overdue_locked();
  void flush_locked();
  void wake_io_locked();

  WakeUp io_wake_;
  WakeUp work_wake_;

  mutable std::mutex mutex_;
  // All below is guarded by mutex_.
  TaskQueue queue_;
  std::optional<Running> running_;
  Bytes parent_;  // header of the request taken last
  std::vector<Outgoing> outbox_;
  std::vector<Text> texts_;
  std::size_t text_bytes_ = 0;
  std::optional<Time> flush_at_;
  bool io_asleep_ = false;
  bool worker_asleep_ = false;
  bool ended_ = false;
};

}  // namespace engineroom::engine
