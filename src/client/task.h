// client/task.h — one request and all that comes back for it.
//
// A Task is a handle shared by whoever submitted it, by the session until it is done, and by nobody
// else: a hundred thousand outstanding ones must be cheap, and what is done must vanish with its
// last holder. Hence no futures library: a task is a few hundred bytes, and those who want to know
// of its progress subscribe a Watcher (see waiter.h and watches.h).
//
// Threads: all members may be called from any thread. What was given at submission never changes;
// `status`, `output_done` and `sent` are atomics for cheap looks; the rest is behind the task's own
// mutex. Watchers are called without that mutex, on the thread that brings the news (the I/O
// thread, or whoever closes the session), which may hold the session's mutex: a Watcher must
// neither block nor call the session.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "client/releases.h"

namespace engineroom::client {

// The way a request takes. kQuery goes to the controller itself.
enum class Route : std::uint8_t { kDirect, kBalanced, kBroadcast, kControl, kQuery };

enum class TaskStatus : std::uint8_t { kPending, kOk, kError, kAborted };

const char* to_string(TaskStatus status);

// What the reply said. JSON stays text: whoever does not look never pays for parsing.
struct Reply {
  std::string msg_type;
  Bytes header;
  Bytes metadata;
  Bytes content;
  Frames buffers = {};
};

// One iopub message.
struct Output {
  std::string msg_type = {};
  Bytes content = {};
  Frames buffers = {};
  double received = 0;  // seconds since the epoch
};

class Watcher {
 public:
  virtual ~Watcher() = default;
  // What it subscribed for (see Task::Until) has come about for the task it knows as `index`.
  virtual void on_done(std::size_t index, TaskStatus status) = 0;
  virtual void on_output(std::size_t /*index*/, const Output& /*output*/) {}
};

class Task {
 public:
  struct Origin {
    std::string msg_id = {};
    Route route = Route::kBalanced;
    std::string msg_type = {};
    std::string target = {};                           // engine uuid of direct requests, else ""
    std::shared_ptr<const std::string> metadata = {};  // JSON; shared by tasks submitted together
    // The engines that a coalescing broadcast waits for; empty for all else.
    std::vector<std::string> coalesced_targets = {};
    double submitted = 0;  // seconds since the epoch
    // Told of a result that an engine keeps when the last holder is gone; may be null.
    std::shared_ptr<Releases> releases = {};
  };

  // `inputs`: tasks whose results it is given; they are held until it is done.
  explicit Task(Origin origin, std::vector<std::shared_ptr<Task>> inputs = {});
  ~Task();
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  // ---- constant ----
  const std::string& msg_id() const { return origin_.msg_id; }
  const Origin& origin() const { return origin_; }

  // ---- progress ----
  TaskStatus status() const { return status_.load(std::memory_order_acquire); }
  bool done() const { return status() != TaskStatus::kPending; }
  // No more output will come. May precede the reply.
  bool output_done() const { return output_done_.load(std::memory_order_acquire); }
  bool sent() const { return sent_.load(std::memory_order_acquire); }
  double received() const;          // seconds since the epoch, 0 while pending
  std::string engine_uuid() const;  // where it ran; the target, or "", while that is unknown
  std::shared_ptr<const Reply> reply() const;            // null while pending
  std::vector<Output> outputs() const;                   // in order of arrival
  std::string stream_text(std::string_view name) const;  // "stdout" or "stderr"

  // Drops content, buffers and outputs; header and metadata stay.
  void release();

  // ---- being told ----
  enum class Until : std::uint8_t {
    kReplied,     // on_done() once there is a reply
    kOutputDone,  // on_done() once there is a reply and all output
    kReleased,    // never on_done(), but on_output() for each output from now on
  };
  // False, and nothing happens, if what it asks for has come about already.
  bool subscribe(std::shared_ptr<Watcher> watcher, std::size_t index, Until until);
  void unsubscribe(const Watcher* watcher);

  // ---- for the session ----
  struct Completion {
    TaskStatus status = TaskStatus::kOk;
    Reply reply;
    std::string engine_uuid;   // "" keeps the target
    double received = 0;       // seconds since the epoch
    bool output_done = false;  // nothing will follow on iopub
    bool is_kept = false;      // the engine keeps the result until it is told
    // Of a coalesced broadcast: engines that will not say idle, because they have said nothing.
    std::size_t quiet_engines = 0;
  };
  // False, and nothing happens, if the task is done already.
  bool complete(Completion completion);
  // `stream_name` is "stdout" or "stderr" for streams, whose text is also collected; else empty.
  void add_output(Output output, std::string_view stream_name, std::string_view stream_text);
  // One engine has said that it is idle. True if that was the last one to wait for.
  bool engine_idle();
  void mark_sent() { sent_.store(true, std::memory_order_release); }

 private:
  struct Subscription {
    std::shared_ptr<Watcher> watcher;
    std::size_t index;
    Until until;
  };
  struct Collected {
    std::vector<Output> outputs;
    std::string stdout_text;
    std::string stderr_text;
  };

  bool satisfied(Until until) const;
  std::vector<Subscription> take_satisfied_locked();
  void tell(const std::vector<Subscription>& subscriptions) const;

  const Origin origin_;
  std::atomic<TaskStatus> status_{TaskStatus::kPending};
  std::atomic<bool> output_done_{false};
  std::atomic<bool> sent_{false};

  mutable std::mutex mutex_;
  // Guarded by mutex_ from here on.
  std::vector<std::shared_ptr<Task>> inputs_;
  bool is_kept_ = false;
  std::string engine_uuid_;
  double received_ = 0;
  std::size_t busy_engines_ = 1;  // that have not said idle
  std::shared_ptr<const Reply> reply_;
  std::unique_ptr<Collected> collected_;
  std::vector<Subscription> subscriptions_;
};

using TaskPtr = std::shared_ptr<Task>;

}  // namespace engineroom::client
