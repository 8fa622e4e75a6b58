// controller/user_gate.h — several users of one cluster, who see nothing of each other.
//
// Each user has a connection file with keys of their own, for client-side sockets of their own: who
// gets through to alice's sockets (by CURVE) and signs with alice's key is alice. This gate stands
// between those sockets and the controller:
//
//   alice's sockets ──admit()──► ids get her mark ──► Controller ──send()──► marks go ──► hers
//
//   - A request is verified with her key, marked as hers (user_scope.h), and signed anew.
//   - What would touch others is refused: shutting down, signals, clearing namespaces, aborting
//     without saying what, counters. Everything that is not known to be harmless is.
//   - A reply goes to the user in the marked identity, and to nobody else: another user's socket
//     cannot even have that name.
//   - Output goes to the user whose request it belongs to; news of engines go to everybody. The
//     owner's clients get both.
//
// A cluster without users has no gate. Pure: frames in, frames out. Threads: the loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "controller/channels.h"
#include "controller/message_maker.h"
#include "controller/user_scope.h"
#include "wire/message.h"

namespace engineroom::controller {

// Where what goes to users is sent.
class UserOutbox {
 public:
  virtual ~UserOutbox() = default;
  virtual SendResult send_to(std::size_t user, Channel channel, const Frames& frames) = 0;
};

class UserGate : public Outbox {
 public:
  struct User {
    std::string name;
    std::string key;  // HMAC; empty = unsigned
  };

  // `client_key`: what the controller takes for its clients' key. `owner`: for everything else.
  UserGate(std::vector<User> users, std::string_view client_key, Outbox& owner, UserOutbox& outbox);

  // What came from a client of `user` (an index), as the controller is to get it. nullopt: dropped,
  // or refused and answered.
  std::optional<Frames> admit(std::size_t user, Channel channel, Frames frames);
  // What the controller sends.
  SendResult send(Channel channel, const Frames& frames) override;

  std::uint64_t dropped_count() const { return dropped_; }

 private:
  struct Gate {
    std::string name;
    Scope scope;
    MessageMaker messages;  // signs as the user's side does
    wire::ReplayGuard replays;
  };

  // Marks the ids in the message. False: it was refused.
  bool mark(std::size_t user, Channel channel, wire::Message& message, const wire::Header& header);
  void refuse(std::size_t user, Channel channel, const wire::Message& request,
              const wire::Header& header, std::string_view why);
  void drop(std::size_t user, Channel channel, std::string_view why);
  SendResult reply(Channel channel, const MarkedIdentity& to, const Frames& frames);
  void publish(Channel channel, const Frames& frames);

  std::vector<Gate> gates_;
  wire::Signer core_signer_;
  Outbox& owner_;
  UserOutbox& outbox_;
  JsonReader json_;
  LogOncePer complaints_;
  std::uint64_t dropped_ = 0;
};

}  // namespace engineroom::controller
