// controller/routing_direct.h — mux and control: a client addresses one engine, and the reply finds
// its way back.
//
// Both pass messages on as they are, signature included, and only swap the first two identities:
//   client → [client, engine, …] → [engine, client, …] → engine, and the same back.
//
// Mux requests are remembered until their reply, for the record and for two promises: a request to
// an engine that is not there is answered at once, and a reply that nobody waits for any more (the
// client was told that the engine died) is not delivered. Requests of an engine that dies are *not*
// answered: clients learn of it from the notification and fail their requests themselves; a second
// answer would confuse stock ones.
//
// Control requests are not remembered: clients match their replies by id, and the reply to a
// shutdown_request comes after the engine has already left.
//
// Threads: the loop thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "controller/core.h"

namespace engineroom::controller {

class MuxRoute {
 public:
  explicit MuxRoute(Core& core) : core_(core) {}

  void on_request(Frames frames, Time now);
  // False if the reply came from somebody who is no engine.
  bool on_reply(Frames frames, Time now);
  void on_engine_lost(const Engine& engine, Time now);

  // A request without a reply that the journal has of an earlier controller.
  void restore(const std::string& msg_id, const JournalRecord& record);
  // An awaited engine has said what it holds: the rest is sent again.
  void on_engine_returned(const Engine& engine, const std::unordered_set<std::string>& held,
                          Time now);

  std::size_t pending_count() const { return pending_.size(); }

 private:
  struct Pending {
    EngineId engine;
    Bytes client;
    // Of the request, for the record should the engine die.
    Bytes header;
    std::string msg_type;
    std::size_t bytes = 0;
  };

  std::optional<std::string> admit(std::string_view msg_id, const Bytes& client, std::size_t bytes);
  StringMap<Pending>::iterator forget(StringMap<Pending>::iterator item);

  void refuse(const wire::Message& request, const wire::Header& header, Time now);

  Core& core_;
  StringMap<Pending> pending_;
};

class ControlRoute {
 public:
  // Called with the ids that a client wants aborted, wherever they are.
  using OnAbort = std::function<void(const std::vector<std::string>& msg_ids, Time now)>;

  ControlRoute(Core& core, OnAbort on_abort) : core_(core), on_abort_(std::move(on_abort)) {}

  void on_request(Frames frames, Time now);
  bool on_reply(Frames frames, Time now);

  // Requests by the controller itself; their replies are dropped.
  void send_own(const Engine& engine, std::string_view type, std::string content, Time now);
  // Asks an engine to exit that is none of ours any more.
  void shut_down_stranger(std::string_view uuid);

 private:
  void snoop_abort(const wire::Message& request, Time now);
  void refuse(const wire::Message& request, const wire::Header& header);

  Core& core_;
  OnAbort on_abort_;
  // A client that aborts load-balanced tasks says so to every engine, with the same content each
  // time.
  Bytes last_abort_;
  Time last_abort_at_{};
};

}  // namespace engineroom::controller
