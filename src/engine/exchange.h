// engine/exchange.h — results that are arguments: keeps those made here, gives them to other
// engines, and gets what the requests of this one are given.
//
// It joins what keeps results (kept_results.h) and what waits for them (inputs.h) to the ways that
// they take: peers.h from engine to engine, relay.h by the controller. A request whose inputs are
// all here is delivered at once; another one is parked, while the I/O thread asks for what is
// missing: this engine itself, if the task that makes it has not finished yet; the engine that the
// controller named; or the controller, which asks that engine where we cannot, and looks into its
// records when no engine has it.
//
// Who asks for a result too early (direct requests may be overtaken by those that need them) is
// answered when it is there; one for a task that nobody has heard of, after kGrace.
//
// The same ways are taken by large buffers of requests that came to another engine of this host
// (docs/dev/host_buffers.md): arrivals.h holds back what waits for them. An engine that takes the
// place of one that failed gets them from the controller, for itself and for those that ask it.
//
// Threads: the I/O thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "engine/arrivals.h"
#include "engine/inputs.h"
#include "engine/kept_results.h"
#include "engine/peers.h"
#include "engine/relay.h"
#include "engine/workbench.h"

namespace engineroom::engine {

class Exchange {
 public:
  static constexpr Duration kGrace = std::chrono::seconds(5);
  // Buffers may be long on their way; who asks for one looks elsewhere long before that.
  static constexpr Duration kBufferGrace = std::chrono::minutes(10);
  static constexpr std::size_t kCopiedBytes = std::size_t{64} << 10;

  // Puts large frames into memory that other engines of this host can be given.
  using Share = std::function<void(Frames& frames)>;

  // `send`: to the controller.
  Exchange(Workbench& bench, Peers& peers, KeepOptions keep, Relay::Send send, Share share);

  // Delivers the request to the bench now, or when its buffers and inputs are here; or answers it
  // with an error.
  void deliver(std::shared_ptr<Request> request, Time now);
  // A reply that is about to be sent, whose frames are not Python's.
  void keep(const Reply& reply);
  // Answers of others, and questions.
  void serve(Time now);
  // The same by the controller.
  void on_relayed_question(const wire::Message& message, Time now);
  void on_relayed_answer(const wire::Message& message, Time now);
  // The controller was started anew.
  void on_returned(Time now) { relay_.ask_again(now); }
  std::optional<Time> deadline() const;

  void abort(const std::vector<std::string>& msg_ids, Time now);
  // The bench, which knows that they are aborted, answers those of these that are parked.
  void deliver_parked(const std::vector<std::string>& msg_ids, Time now);
  void abort_all();
  void drop_all();
  // The controller that is there now knows nothing of buffers that are with other engines: what
  // waits for them, and what is behind that, is as if it had never come.
  void drop_incomplete();
  // The ids of all that waits, here or on the bench.
  std::vector<std::string> held() const;
  // Nobody needs these results any more.
  void release(const std::vector<std::string>& msg_ids);

  // True if `reply` may be an argument of another task.
  static bool is_kept(const Reply& reply);

 private:
  // Who wants a result of a task that has not finished here; nobody else: this engine itself.
  struct Asker {
    std::variant<std::monostate, Peers::Question, Relay::Question> who;
    Time since{};
  };

  // What has all its buffers.
  void pass_on(std::shared_ptr<Request> request, Time now);
  void keep_buffers(Request& request, Time now);
  void keep_buffer(const std::string& id, Bytes& buffer, Time now);
  KeptPtr find_shared(const std::string& id);
  void perform(Arrivals::Effects& effects, Time now);
  void reject_incomplete(const Arrivals::Effects::Failure& failure);
  void fetch_buffer(const wire::HostBuffer& buffer, Time now);
  void fetch_elsewhere(const std::string& id, std::string_view address, Time now);
  void follow(const Answer& answer, Time now);
  void offer_buffer(const std::string& id, const KeptPtr& kept);
  void give_buffer(const Answer& answer, Time now);
  void serve_buffer_question(Peers::Question question, Time now);
  void look_after_buffers(Time now);
  void answer_error(const std::shared_ptr<Request>& request, std::string content);
  // What these have been is answered by the bench: as aborted.
  void deliver_aborted(std::vector<std::shared_ptr<Request>> requests);
  void perform(Inputs::Effects& effects, Time now);
  void fetch(const InputPlace& place, Time now);
  void fetch_relayed(const std::string& msg_id, bool recorded, Time now);
  void wait_here(const std::string& msg_id, Asker asker);
  void serve_questions(Time now);
  void serve_answers(Time now);
  void give_up_late(Time now);
  // Answers whoever waits here for it. True: this engine, too.
  bool answer_askers(const std::string& msg_id, const KeptPtr& kept, const std::string& why);
  void give(const Answer& answer, Time now);
  void keep_small(const Answer& answer);
  void reject(const Inputs::Effects::Failure& failure);
  bool is_expected(const std::string& msg_id) const;

  Workbench& bench_;
  Peers& peers_;
  KeptResults results_;
  Inputs inputs_;
  // Of requests, by which others of this host know them.
  ResultShelf buffers_;
  Arrivals arrivals_;
  const Relay::Send send_;
  const Share share_;
  Relay relay_;
  std::unordered_map<std::string, std::vector<Asker>> askers_;  // by the id of the result
  JsonReader json_;
};

}  // namespace engineroom::engine
