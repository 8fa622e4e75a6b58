// client/session.h — a client's connection to a controller: what the C++ Client and the Python
// package are both made of.
//
// Submitters encode and sign on their own thread, note the task in the SessionState, and send it
// there if the sockets are free. What comes back is read, verified and noted by the I/O thread, or
// by whichever thread waits for it (see IoLoop). Python's lock plays no part in any of it.
//
// Threads: all public functions may be called from any thread, except close() and the destructor,
// which must not run while another call is under way. Covered by session_test.cpp (against a small
// controller in the same process) and session_state_test.cpp.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/log.h"
#include "base/status.h"
#include "client/blocking.h"
#include "client/common_buffers.h"
#include "client/events.h"
#include "client/io_loop.h"
#include "client/outbox.h"
#include "client/request_encoder.h"
#include "client/session_state.h"
#include "client/task.h"
#include "client/waiter.h"
#include "client/watches.h"
#include "wire/connection_file.h"

namespace engineroom::client {

struct SessionOptions {
  double timeout_s = 10;      // for the controller's first answer
  std::string username = {};  // in headers; empty = the login name
  bool debug = false;         // logs each message
};

struct Request {
  Route route = Route::kBalanced;
  std::string target = {};  // engine uuid for direct and control, else ""
  std::string msg_type = {};
  std::string metadata = "{}";
  std::string content = "{}";
  Frames buffers = {};
  bool expect_reply = true;
  std::vector<TaskPtr> inputs = {};  // tasks of this session whose results it is given
};

// Tasks alike but for their last buffers.
struct RequestBatch {
  Route route = Route::kBalanced;
  std::vector<std::string> targets = {};  // one per task, or one for all
  std::string msg_type = {};
  std::string metadata = "{}";
  std::string content = "{}";
  Frames shared_buffers = {};
  std::vector<Frames> own_buffers = {};  // one entry per task
};

class Session : private IoLoop::Handler {
 public:
  // kTimeout if the controller does not answer in time, kClosed if interrupted.
  static Result<std::unique_ptr<Session>> connect(const wire::ConnectionInfo& info,
                                                  const SessionOptions& options = {},
                                                  const Interrupt& interrupt = {});
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::string& id() const { return encoder_.session(); }
  const std::string& key() const { return encoder_.key(); }
  bool closed() const;
  // "" while the controller is there, else why it is not.
  std::string lost() const;

  // ---- requests ----
  TaskPtr submit(Request request);
  // kInvalidArgument if the number of targets fits neither rule.
  Result<std::vector<TaskPtr>> submit_many(RequestBatch batch);
  // One message to all of `targets`. `request.metadata` is without what says that it is a
  // broadcast. Coalescing: one task; else a task per target, in that order.
  Result<std::vector<TaskPtr>> submit_broadcast(const std::vector<EngineEntry>& targets,
                                                Request request, bool coalescing);
  // Asks the controller. kTimeout, kUnavailable if it is gone, kClosed if interrupted or closed.
  Result<std::shared_ptr<const Reply>> query(const std::string& msg_type, std::string content,
                                             double timeout_s = -1,
                                             const Interrupt& interrupt = {});
  // As wait_for_tasks(), for tasks of this session; the fastest way.
  WaitResult wait(std::span<const TaskPtr> tasks, double timeout_s, WaitMode mode,
                  Task::Until until, const Interrupt& interrupt = {});
  // msg_ids without a reply; a task of these by its msg_id, or null.
  std::vector<std::string> outstanding() const;
  TaskPtr find(const std::string& msg_id) const;
  // A task for a msg_id of another session, completed by finish() only.
  TaskPtr adopt(const std::string& msg_id) const;
  void finish(const TaskPtr& task, Task::Completion completion);

  // ---- engines ----
  std::map<std::int64_t, std::string> engines() const;
  std::uint64_t engines_version() const;
  std::optional<std::string> uuid_of(std::int64_t id) const;
  std::optional<std::int64_t> id_of(const std::string& uuid) const;
  // kReady once there are `n`. kTimeout also when an engine leaves or the controller is lost
  // meanwhile: the caller looks and decides.
  WaitResult wait_for_engines(std::size_t n, double timeout_s, const Interrupt& interrupt = {});

  // ---- events ----
  Watches& watches() { return watches_; }
  EventQueue& events() { return events_; }

  // Sends what was submitted, as far as that takes at most `linger_s`. What is outstanding becomes
  // an error. Idempotent.
  void close(double linger_s = 1.0);

 private:
  Session(const wire::ConnectionInfo& info, const SessionOptions& options);
  Status await_connection(double timeout_s, const Interrupt& interrupt);
  Status connection_timeout(double timeout_s) const;

  // ---- how requests leave: session_submission.cpp ----

  TaskPtr make_task(std::string msg_id, const Request& request,
                    std::shared_ptr<const std::string> metadata, double now) const;
  struct Batch;
  // `common`: what only the first that is sent has; null: each is sent in full.
  std::vector<TaskPtr> submit_batch(const RequestBatch& requests, const CommonBuffers* common);
  std::vector<Outgoing> encode(Batch& batch, std::size_t begin, std::size_t end,
                               const Timestamp& now);
  // With mutex_ held. False if all its tasks have failed at once: it need not be sent.
  bool add(const Outgoing& message, double now);
  void add_and_send(Outgoing message, double now);
  void send(Outgoing message);

  // ---- called by the loop, by one thread at a time: session_arrivals.cpp ----

  void on_frames(Channel channel, Frames frames) override;
  void on_connection(bool up, Time now) override;
  std::optional<Time> on_turn(Time now) override;
  bool expects_news() override;
  bool finished() override { return finished_.load(std::memory_order_acquire); }
  void on_reply(Channel channel, const wire::Message& message);
  void on_iopub(const wire::Message& message);
  void on_notification(const wire::Message& message);
  void on_engine_list(const ReplyFacts& facts, const wire::Message& message);
  bool is_for_us(const Frames& frames) const;
  void drop(Channel channel, const Status& why);
  // Asks for the list of engines.
  void resynchronise();
  void send_releases();
  // Sends the controller a message of the session's own; its msg_id.
  std::string tell(std::string_view msg_type, std::string content);
  // The controller has said which one it is, and what journal it keeps.
  void on_controller(std::string instance, ControllerJournal journal, double now);
  void ask_for_pending(double now);
  void on_resumed(const wire::Message& message);
  void acknowledge(Time now);

  const std::string endpoint_;  // of the controller, for messages to people
  const bool debug_;
  const pid_t pid_;
  RequestEncoder encoder_;
  EventQueue events_;
  Watches watches_{events_};
  Outbox outbox_;
  const std::shared_ptr<Releases> releases_ =
      std::make_shared<Releases>([this] { outbox_.ring(); });

  mutable std::mutex mutex_;
  std::condition_variable changed_;         // engines, connection
  SessionState state_{events_};             // guarded by mutex_
  bool connected_ = false;                  // guarded by mutex_: the controller has answered once
  std::string instance_;                    // guarded by mutex_: which controller it is
  ControllerJournal journal_;               // guarded by mutex_
  std::atomic<bool> takes_batches_{false};  // that controller
  std::atomic<bool> finished_{false};
  std::atomic<std::uint64_t> rejected_{0};  // messages with a wrong signature

  // Used by the loop's calls only.
  wire::Signer signer_;
  wire::ReplayGuard replays_;
  JsonReader reader_;
  LogOncePer logged_;
  std::optional<Time> down_since_;
  double down_at_ = 0;    // the same by the wall's clock
  Duration patience_{0};  // how long to wait for a controller to be started anew
  std::unordered_set<std::string> resume_queries_;
  // Replies that the controller need not keep any more, and when it is told.
  std::vector<std::string> received_;
  std::optional<Time> acknowledge_at_;
  std::vector<Time> resynchronise_at_;
  std::unordered_map<std::string, std::uint64_t> engine_queries_;  // msg_id → version asked at

  std::mutex close_mutex_;
  IoLoop loop_{outbox_, *this};  // last: its thread uses all of the above
};

}  // namespace engineroom::client
