// controller/delivery.h — sending to a peer, and waiting for an engine that is not connected
// everywhere yet.
//
// An engine has a connection per channel, and they are not ready at the same moment: when its
// heartbeat says that it is alive, its task connection may still be shaking hands (with a thousand
// engines at once, for seconds). ZeroMQ drops what is sent then; a task lost that way would never
// be answered. So a message to a live engine that has no peer yet waits here and is tried again.
//
// Clients get no such patience: a client that cannot be reached has gone.
//
// Threads: the loop thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "base/log.h"
#include "controller/channels.h"
#include "controller/counters.h"
#include "controller/registry.h"

namespace engineroom::controller {

class Delivery {
 public:
  static constexpr Duration kRetryEvery = std::chrono::milliseconds(2);
  static constexpr Duration kPatience = std::chrono::seconds(30);
  // Messages waiting per engine and channel; more are dropped.
  static constexpr std::size_t kMaxWaiting = 10'000;

  Delivery(Outbox& outbox, Counters& counters) : outbox_(outbox), counters_(counters) {}

  // `frames` without the engine's identity, which is put in front. Keeps the order of messages per
  // channel.
  void to_engine(Channel channel, const Engine& engine, Frames frames, Time now);
  // `frames` start with the client's identity where the channel is a ROUTER.
  void to_client(Channel channel, const Frames& frames);

  // What still waits for this engine is dropped.
  void forget(EngineId engine);

  void on_time(Time now);
  std::optional<Time> next_deadline() const;

 private:
  struct Waiting {
    Frames frames;
    Time since;
  };
  using Line = std::pair<EngineId, Channel>;

  SendResult send(Channel channel, const Frames& frames);
  void drop(Drop why, Channel channel, const Bytes& peer);
  // True once nothing waits in the line any more.
  bool advance(Line line, std::deque<Waiting>& waiting, Time now);

  Outbox& outbox_;
  Counters& counters_;
  std::map<Line, std::deque<Waiting>> waiting_;
  std::optional<Time> retry_at_;
  LogOncePer complaints_;
};

// A peer's identity for the log: as it is if printable, else in hex.
std::string printable(const Bytes& identity);

}  // namespace engineroom::controller
