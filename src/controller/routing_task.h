// controller/routing_task.h — load-balanced tasks: the scheduler decides, this does.
//
// The scheduler knows small ids and no messages; here message ids and uuids become such ids,
// requests are kept until their task is done, and effects become messages. A reply is delivered
// only if the scheduler says that it is the one: what an engine sends for a task that was meanwhile
// given to another is dropped.
//
// A task's id in the scheduler is the 64-bit hash of its message id. So nothing is kept here of a
// finished task, and "is this a task you ever saw" (dependencies) is the scheduler's to answer,
// whose memory is bounded. Two ids with the same hash meet once in 10^13 pairs of remembered tasks;
// the second one is refused like a repeated id.
//
// Threads: the loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "controller/core.h"
#include "controller/recording.h"
#include "controller/task_draft.h"

namespace engineroom::controller {

class TaskRoute {
 public:
  // Asks an engine to give a task back that it has not started.
  using TakeBack = std::function<void(const Engine& engine, const std::string& msg_id, Time now)>;

  TaskRoute(Core& core, TakeBack take_back);

  void on_request(Frames frames, Time now);
  // False if the reply came from somebody who is no engine.
  bool on_reply(Frames frames, Time now);
  void on_abort_requested(const std::vector<std::string>& msg_ids, Time now);
  // Runs the request of a record again, as a new task with the same engines, dependencies, retries
  // and label. Nobody is sent its result: it is asked for by the id that this returns.
  // kInvalidArgument if the record's header is none.
  Result<std::string> resubmit(const store::Record& record, Time now);

  // What the journal has of an earlier controller, in this order: engines and finished tasks, then
  // each request without a reply.
  void restore_past(const Journal& journal);
  void restore(const Journal::OpenRequest& open, const std::string& msg_id,
               const JournalRecord& record, Time now);
  // Of a task that is with engine `at`: who has this input, null if no engine; nullopt if it is
  // given no such thing.
  std::optional<const Engine*> find_holder(std::string_view msg_id, std::string_view input,
                                           EngineId at);

  // An awaited engine has said what it holds.
  void on_engine_returned(const Engine& engine, const std::unordered_set<std::string>& held,
                          Time now);

  void on_engine_joined(const Engine& engine, Time now);
  // The engine as it was; the registry has forgotten it.
  void on_engine_lost(const Engine& engine, Time now);
  void on_engines_expected(scheduler::Scheduler::Expected expected, Time now);
  void on_time(Time now);
  std::optional<Time> next_deadline() const { return scheduler_.next_deadline(); }

  const scheduler::Scheduler& scheduler() const { return scheduler_; }
  std::size_t live_count() const { return live_.size(); }
  void sanity_check() const;

 private:
  static constexpr std::size_t kKeptBuckets = 4096;
  static constexpr std::size_t kMaxAbortedEarly = 10'000;
  static constexpr std::size_t kMaxFailures = 1024;

  struct Live {
    std::string msg_id;
    std::string msg_type;
    // As the client sent it: identities [client], signature and all.
    wire::Message request;
    int retries_left = 0;
    bool has_timeout = false;
    // Submitted by the controller: signed here, and its reply goes to nobody.
    bool is_own = false;
    std::vector<Input> inputs = {};
    int attempts = 0;     // times sent to an engine
    EngineId engine{-1};  // where it was sent last
    // The reply of a failed attempt, in case no other follows.
    std::unique_ptr<wire::Message> last_failure = {};
  };
  // The reply being handled, for the effects it causes.
  struct Current {
    wire::Message message;
    ReplyFacts facts;
    EngineId engine;
  };

  Live* find_live(std::string_view msg_id);
  void submit(wire::Message request, wire::Header header, TaskDraft draft, bool is_own, Time now);
  void note_finished(const Live& live, const Frames& reply, const ReplyFacts& facts,
                     std::optional<EngineId> engine, Time now);
  void note_aborted_early(TaskId task);
  void refuse_repeated(const wire::Message& request, const wire::Header& header);
  std::string uuid_of(EngineId id) const;
  // The request for its next attempt.
  Frames next_attempt(Live& live, const Engine& engine, Time now);
  bool tell_scheduler(TaskId task, const Current& reply, Time now);

  void perform_effects(Time now);
  void perform(const scheduler::Send& effect, Time now);
  void perform(const scheduler::Deliver& effect, Time now);
  void perform(const scheduler::Reject& effect, Time now);
  void perform(const scheduler::Retry& effect, Time now);
  void perform(const scheduler::TakeBack& effect, Time now);
  void reject(TaskId task, scheduler::Failure why, std::string_view engine_uuid, Time now);
  void reject_for_input(TaskId task, TaskId input, Time now);
  void remember_failure(TaskId task, const Bytes& content);

  // Hands the reply to the client, and the task is done. A reply of our own has no identities and
  // no signature yet.
  void finish(TaskId task, wire::Message reply, const ReplyFacts& facts,
              std::string_view engine_uuid, std::optional<EngineId> engine, Time now);

  Core& core_;
  TakeBack take_back_;
  scheduler::Scheduler scheduler_;
  std::unordered_map<TaskId, Live> live_;
  // Aborts come on another connection than tasks, and may be here first: ids that were aborted and
  // are not known yet, the oldest in front. Of those that came since, the list still has some.
  std::unordered_set<TaskId> aborted_early_;
  std::deque<TaskId> aborted_early_order_;
  // What the tasks that failed last said, for those that were to be given their results.
  std::unordered_map<TaskId, Bytes> failures_;
  std::deque<TaskId> failures_order_;
  // Set while a reply, or the loss of an engine, is handled.
  Current* current_ = nullptr;
  const Engine* lost_ = nullptr;
  scheduler::Effects effects_;
};

}  // namespace engineroom::controller
