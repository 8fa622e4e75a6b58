// controller/delivery.h — sending to a peer, and waiting for an engine that is not connected
// everywhere yet.
//
// An engine has a connection per channel, and they are not ready at the same moment: when its
// heartbeat says that it is alive, its task connection may still be shaking hands (with a thousand
// engines at once, for seconds). ZeroMQ drops what is sent then; a task lost that way would never
// be answered. So a message to a live engine that has no peer yet waits here and is tried again.
//
// Clients get no such patience: a client that cannot be reached has gone. But after a restart of
// the controller they are all just connecting (set_patient()).
//
// Threads: the loop thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

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

  // From one to the other, messages wait and then go out in their order: a journal that has to be
  // written before them is written once for all. Time passes only between batches.
  void begin_batch() { is_batching_ = true; }
  void end_batch(Time now);

  // Whether what clients are to get waits for them, too.
  void set_patient(bool is_patient) { is_patient_ = is_patient; }
  bool is_patient() const { return is_patient_; }

  // With a journal: a frame that says which controller a message to an engine is from, of those
  // that were started one after the other. Stands before the client's identity.
  void set_epoch(std::int64_t start) { epoch_ = Bytes(fmt::format("@{}", start)); }
  // What goes to this engine waits: it has not said yet what it holds.
  void hold(EngineId engine) { held_.insert(engine); }
  void release(EngineId engine) { held_.erase(engine); }

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

  struct Batched {
    Channel channel{};
    std::optional<EngineId> engine;  // none: to a client
    Frames frames;
  };

  SendResult send(Channel channel, const Frames& frames);
  void send_to_client(Channel channel, const Frames& frames);
  void send_to_engine(Channel channel, EngineId engine, Frames frames, Time now);
  void drop(Drop why, Channel channel, const Bytes& peer);
  // True once nothing waits in the line any more.
  bool advance(Line line, std::deque<Waiting>& waiting, Time now);

  void advance_clients(Time now);

  Outbox& outbox_;
  Counters& counters_;
  std::map<Line, std::deque<Waiting>> waiting_;
  struct WaitingForClient {
    Channel channel{};
    Frames frames;
    std::optional<Time> since;
  };
  std::deque<WaitingForClient> waiting_for_clients_;
  bool is_patient_ = false;
  bool is_batching_ = false;
  std::vector<Batched> batch_;
  Bytes epoch_;
  std::set<EngineId> held_;
  std::optional<Time> retry_at_;
  LogOncePer complaints_;
};

// A peer's identity for the log: as it is if printable, else in hex.
std::string printable(const Bytes& identity);

}  // namespace engineroom::controller
