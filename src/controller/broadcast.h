// controller/broadcast.h — one request to many engines.
//
// The client sends one message that names its targets; each engine gets a copy of its own (signed
// anew, because its id is "<original>_<engine uuid>"), the buffers shared between all copies. Stock
// controllers do this with a tree of processes; in one process the tree is a loop, and the bytes of
// a large argument are never copied.
//
// Replies. *Plain*: each is passed on as it comes; the client waits for one per engine.
// *Coalescing*: one reply for all, with the buffers in the order of the request's targets; if any
// child failed, it is the error of the first that did. An engine that is not there, or dies, counts
// as failed at once, so that no request waits for ever.
//
// Threads: the loop thread only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "controller/core.h"
#include "controller/recording.h"

namespace engineroom::controller {

class BroadcastRoute {
 public:
  // Targets that one request may name.
  static constexpr std::size_t kMaxTargets = 100'000;

  explicit BroadcastRoute(Core& core) : core_(core) {}

  void on_request(Frames frames, Time now);
  // False if the reply came from somebody who is no engine.
  bool on_reply(Frames frames, Time now);
  void on_engine_lost(const Engine& engine, Time now);

  // A request without all of its replies that the journal has of an earlier controller.
  void restore(const Journal::OpenRequest& open, const std::string& msg_id,
               const JournalRecord& record, Time now);
  // An awaited engine has said what it holds: the rest is sent again.
  void on_engine_returned(const Engine& engine, const std::unordered_set<std::string>& held,
                          Time now);

  std::size_t pending_count() const { return pending_.size(); }

 private:
  struct Target {
    std::string uuid;
    // As the client gave it, [uuid, id]: JSON.
    std::string json;
    bool is_answered = false;
    // Coalescing only: what it answered.
    bool is_ok = false;
    bool is_quiet = false;  // no idle status of it will follow
    Bytes content;
    std::string started;
    Frames buffers;
  };
  struct Pending {
    std::string msg_id;
    std::string msg_type;
    bool is_coalescing = false;
    wire::Message request;
    // In the client's order.
    std::vector<Target> targets;
    // Positions in `targets`, by uuid, so that a reply finds its own.
    std::vector<std::size_t> by_uuid;
    std::size_t missing = 0;
    bool is_admitted = true;  // counts for its client
  };

  static std::string child_id(const Pending& pending, const Target& target) {
    return pending.msg_id + "_" + target.uuid;
  }
  // What the coalesced reply needs of an answered target, as the journal has it.
  static Frames to_frames(const Target& target);
  static void from_frames(const Frames& frames, Target& target);
  void restore_part(Pending& pending, const Journal::Part& part);
  static Target* find_target(Pending& pending, std::string_view uuid);

  std::optional<Pending> read_request(wire::Message message, wire::Header header);
  void record(const Pending& pending, const wire::Header& header, Time now);
  void send_child(const Pending& pending, const Target& target, const Engine& engine, Time now);

  // The target has failed without an answer of its own.
  void fail(Pending& pending, Target& target, const RemoteError& error, Time now);
  void fail_dead(Pending& pending, Target& target, Time now);
  static void coalesce(Target& target, const wire::Message& reply, const ReplyFacts& facts);
  void note_answer(const Pending& pending, const Target& target);
  void deliver(const Pending& pending, const Target& target, const Frames& frames, Time now);
  void send_coalesced(const Pending& pending, Time now);
  // Forgets it once everybody has answered.
  void finish_if_done(StringMap<Pending>::iterator item, Time now);

  Core& core_;
  StringMap<Pending> pending_;
};

}  // namespace engineroom::controller
