// controller/channels.h — the controller's sockets as the core sees them: names, and a way to send.
//
// The core (Controller and its parts) knows messages, not sockets. It is told "these frames came in
// on this channel" and says "send these frames on that channel"; server.h joins it to ZeroMQ, the
// tests to a list (fake_outbox.h). A channel that serves both sides, clients and engines, on two
// sockets is two channels here.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/bytes.h"

namespace engineroom::controller {

enum class Channel {
  kRegistration,     // ROUTER: engines come and go
  kQuery,            // ROUTER: what clients ask about engines and records
  kNotification,     // PUB: engines come and go
  kMuxClient,        // ROUTER: requests to one engine …
  kMuxEngine,        // ROUTER: … and the replies
  kTaskClient,       // ROUTER: load-balanced requests …
  kTaskEngine,       // ROUTER: … and the replies
  kBroadcastClient,  // ROUTER: one request to many engines …
  kBroadcastEngine,  // ROUTER: … and the replies
  kControlClient,    // ROUTER: abort, clear, shutdown, signals …
  kControlEngine,    // ROUTER: … and the replies
  kIopubEngine,      // SUB: output of engines …
  kIopubClient,      // PUB: … passed on to clients
  kPing,             // XPUB: heartbeats to engines; tells when somebody subscribes
  kPong,             // ROUTER: their echo
};

inline constexpr std::size_t kChannelCount = 15;

inline constexpr std::array<std::string_view, kChannelCount> kChannelNames = {
    "registration", "query",     "notification",     "mux",     "mux_engine",     "task",
    "task_engine",  "broadcast", "broadcast_engine", "control", "control_engine", "iopub_engine",
    "iopub",        "hb_ping",   "hb_pong"};

constexpr std::size_t index_of(Channel channel) { return static_cast<std::size_t>(channel); }
constexpr std::string_view to_string(Channel channel) { return kChannelNames[index_of(channel)]; }

// Clients and engines have keys of their own: nobody can pass for the other.
enum class Side { kClients, kEngines };

constexpr Side side_of(Channel channel) {
  switch (channel) {
    case Channel::kRegistration:
    case Channel::kMuxEngine:
    case Channel::kTaskEngine:
    case Channel::kBroadcastEngine:
    case Channel::kControlEngine:
    case Channel::kIopubEngine:
    case Channel::kPing:
    case Channel::kPong:
      return Side::kEngines;
    default:
      return Side::kClients;
  }
}

enum class SendResult {
  kSent,
  // The peer is not (or not yet) connected to this channel.
  kNoPeer,
  // The peer's queue is full: it does not read.
  kQueueFull,
};

// Where the core's messages go. Frames start with the identity of the peer where the channel is a
// ROUTER.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual SendResult send(Channel channel, const Frames& frames) = 0;
};

}  // namespace engineroom::controller
