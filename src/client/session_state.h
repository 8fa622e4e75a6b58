// client/session_state.h — the bookkeeping of a session: which requests are out, which output
// belongs to which, which engines live, whether the controller is there.
//
// A pure state machine: no sockets, no clock (times are arguments), no thread. Whatever arrives is
// an on_…() call; what follows from it shows in the tasks and in the event queue. That a request
// never hangs is its main duty: a task whose engine dies, whose controller vanishes or whose
// session closes gets an error instead of a reply.
//
//   pending ──reply──▶ done ──idle──▶ done, output done      the session lets go at the last step;
//      └──engine left, controller lost, closed──▶ error      between them it holds the task weakly
//
// Threads: guarded by its owner's mutex. Covered by session_state_test.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "client/channel.h"
#include "client/engine_table.h"
#include "client/events.h"
#include "client/reply_facts.h"
#include "client/task.h"
#include "wire/message.h"

namespace engineroom::client {

class SessionState {
 public:
  explicit SessionState(EventQueue& events) : events_(events) {}

  // ---- submission ----
  // From now on replies find the task. It fails at once if its engine or the controller is gone.
  // `now`, here and below: seconds since the epoch.
  void add(const TaskPtr& task, double now);
  // Of a task that was added: what it was sent as, in case the controller is killed before it has
  // noted it.
  void keep_request(const Task& task, Channel channel, std::shared_ptr<const Frames> frames);
  // No reply is expected any more; the task stays as it is.
  void forget(const Task& task);
  // Completes a task by hand.
  void finish(const TaskPtr& task, Task::Completion completion);
  TaskPtr find(const std::string& msg_id) const;
  // msg_ids of the requests to engines that have no reply.
  std::vector<std::string> outstanding() const;

  // ---- arrivals ----
  void on_reply(const ReplyFacts& facts, const wire::Message& message, double now);
  void on_output(const OutputFacts& facts, const wire::Message& message, double now);
  void on_engine_joined(const EngineEntry& engine);
  void on_engine_left(const EngineEntry& engine, double now);
  // The controller's list, asked for when engines().version() was `asked_at`.
  void on_engine_list(const std::vector<EngineEntry>& list, std::uint64_t asked_at, double now);
  // The controller does not answer any more: all that is pending fails. It may come back.
  void on_lost(const std::string& reason, double now);
  void on_found();
  // The controller was killed, and another has gone on with its journal. Requests of before
  // `down_at` that no journal has become errors; returned are the ids of those that it should have.
  std::vector<std::string> on_restarted(double down_at, double now);
  // What it has said to that: requests to be sent again, oldest first, each once.
  struct Again {
    Channel channel{};
    std::shared_ptr<const Frames> frames;
  };
  std::vector<Again> on_resumed(const Resumed& resumed, double now);
  // Another controller has taken its place, which knows nothing of the requests of before
  // `down_at`.
  void on_replaced(const std::string& reason, double down_at, double now);
  // The end of an output that was lost with the controller is not awaited for ever. When to call
  // again; nullopt: never.
  std::optional<double> on_time(double now);
  // For good.
  void on_closed(const std::string& reason, double now);

  // ---- state ----
  const EngineTable& engines() const { return engines_; }
  const std::string& lost() const { return lost_; }  // "" while the controller is there
  bool closed() const { return closed_; }
  // True if a reply or the end of an output is awaited.
  bool expects_news() const { return !pending_.empty() || !awaiting_output_.empty(); }
  // Replies to requests that were done already, or are unknown.
  std::uint64_t stray_replies() const { return stray_replies_; }

  // Asserts every cross-reference. For tests.
  void sanity_check() const;

 private:
  TaskPtr find_for_reply(const ReplyFacts& facts) const;
  TaskPtr find_for_output(const std::string& parent_id);
  TaskPtr find_output_receiver(const std::string& msg_id);
  void complete(const TaskPtr& task, Task::Completion completion);
  void fail(const TaskPtr& task, const std::string& reason, const std::string& engine_uuid,
            double now);
  void fail_tasks_of(const EngineEntry& engine, double now);
  void fail_all(const std::string& reason, double now);
  void end_outputs();
  void fail_if(const std::function<bool(const Task&)>& is_hit, const std::string& reason,
               double now);
  void remove_pending(const Task& task);
  void count_bound(const Task& task, int change);

  EventQueue& events_;
  EngineTable engines_;
  // The keys are views of the tasks' own msg_ids.
  std::unordered_map<std::string_view, TaskPtr> pending_;
  struct KeptRequest {
    std::uint64_t order = 0;
    Again request;
  };
  std::unordered_map<std::string_view, KeptRequest> requests_;
  std::uint64_t request_count_ = 0;
  // Pending when the controller was started anew, and of these: replied since, with output to come;
  // until when.
  std::unordered_set<std::string> crossed_;
  std::deque<std::pair<double, std::string>> late_outputs_;
  // Replied, but their output is not complete.
  std::unordered_map<std::string, std::weak_ptr<Task>> awaiting_output_;
  // Engine → how many pending tasks only it can answer. Spares the search when an engine without
  // any leaves.
  std::unordered_map<std::string, std::size_t> bound_;
  std::string lost_;
  std::string closed_reason_;
  bool closed_ = false;
  std::uint64_t stray_replies_ = 0;
};

}  // namespace engineroom::client
