// engine/peers.h — the way from engine to engine, for results that are arguments elsewhere.
//
// Every engine answers questions for results on a Unix socket of its own (an abstract name, which
// leaves no file behind), and asks others on theirs. Messages are signed with the cluster's key as
// everywhere; with CURVE the socket is encrypted with a key pair of the engine's own, of which the
// public half is in its registration. Results that are in shared memory go by a lane beside it
// (transport/lane.h): their pages are not copied, however many engines look at them. Both sides run
// on their I/O threads: an engine whose Python is busy for an hour still gives results away.
//
//   result_request {"id": …}          →
//                                     ← result_reply {"id": …, "status": …, …}, buffers
//
// Who asks for a large buffer that is still on its way is told so at once ("coming"), each time: by
// that it knows that the engine there has not stopped.
//
// Who asks also learns of it when the other engine is gone. Engines of other hosts are not reached
// by it; see exchange.h for what then happens.
//
// Threads: the I/O thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/messages.h"
#include "engine/request.h"
#include "engine/result_shelf.h"
#include "transport/lane.h"
#include "transport/socket.h"
#include "wire/connection_file.h"

namespace engineroom::engine {

class Peers {
 public:
  // Not `enabled`: nobody is asked, and nobody asks.
  Peers(transport::Context& context, const wire::ConnectionInfo& connection, MessageMaker& maker,
        bool enabled);

  // Starts to listen. Without that the others still work.
  Status listen();
  const std::string& uuid() const { return maker_.uuid(); }
  bool is_encrypted() const { return is_encrypted_; }
  // How others reach this engine, for its registration; JSON. Empty if they do not.
  const std::string& address() const { return address_; }

  // Somebody wants a result.
  struct Question {
    wire::Message message;
    std::string msg_id;
    bool is_relayed = false;  // as in wire::HostBuffer::Holder

    // By the same engine.
    bool is_same(const Question& other) const {
      return msg_id == other.msg_id && message.identities == other.message.identities;
    }
  };
  std::optional<Question> next_question();
  // `kept` null: it is not to be had, because of `why`.
  void answer(const Question& question, const KeptPtr& kept, const std::string& why);
  // Not yet.
  void say_coming(const Question& question);

  // False if the engine there cannot be reached from here.
  bool ask(const std::string& address, const std::string& msg_id, Time now,
           bool is_relayed = false);
  struct Received {
    Answer answer;
    std::string address;     // as it was asked
    bool is_gone = false;    // the engine, or it cannot be reached: it has not said so itself
    bool is_coming = false;  // no answer yet
  };
  // Answers that have come; for engines that have gone, or were not found, null ones.
  void take_answers(Time now, std::vector<Received>& out);
  std::optional<Time> deadline() const;

  // For the poll set.
  void add_sockets(std::vector<const transport::Socket*>& sockets) const;
  void close();

 private:
  // How long an engine of this machine may take to accept a connection.
  static constexpr Duration kPatience = std::chrono::seconds(5);
  static constexpr std::int64_t kMaxQuestionBytes = 1 << 20;

  struct Peer {
    explicit Peer(transport::Socket connected) : socket(std::move(connected)) {}
    transport::Socket socket;
    std::string address;
    // For large results, which are in shared memory; none with CURVE.
    std::optional<transport::Lane> lane;
    std::unordered_set<std::string> asked;
    std::optional<Time> give_up;  // until it is connected
  };

  std::optional<wire::Message> receive(transport::Socket& socket, std::string_view type,
                                       transport::Lane* lane = nullptr);
  bool serve(Peer& peer, std::vector<Received>& out);
  Received read_answer(const wire::Message& message);

  transport::Context& context_;
  MessageMaker& maker_;
  transport::SocketOptions listening_;
  transport::Socket questions_;
  std::optional<transport::LaneHub> lanes_;
  const std::string key_;
  std::string host_;
  std::string url_;
  std::string address_;
  bool is_encrypted_;
  const bool enabled_;
  std::unordered_map<std::string, std::unique_ptr<Peer>> peers_;  // by URL
  wire::ReplayGuard replays_;
  JsonReader json_;
  LogOncePer complaints_;
};

}  // namespace engineroom::engine
