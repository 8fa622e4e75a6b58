// controller/core.h — what all parts of the controller share: who the engines are, how to check,
// send and record.
//
// The parts (routes, queries, lifecycle) hold a reference to the one Core and nothing of each
// other; Controller joins them. Threads: the loop thread only.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/log.h"
#include "controller/channels.h"
#include "controller/counters.h"
#include "controller/delivery.h"
#include "controller/message_maker.h"
#include "controller/registry.h"
#include "scheduler/scheduler.h"
#include "store/store.h"
#include "wire/message.h"

namespace engineroom::controller {

struct ControllerConfig {
  std::string key;  // HMAC key; empty = unsigned
  Duration heartbeat_period = std::chrono::milliseconds(3000);
  int max_heartbeat_misses = 10;
  // How long an engine may take from registration to its first heartbeat; zero = 30 s, or ten
  // heartbeat periods if that is longer.
  Duration registration_timeout{};
  scheduler::SchedulerConfig scheduler;
  // JSON: the ports in the engines' connection file, repeated in registration replies.
  std::string engine_ports = "{}";
};

struct Core {
  Core(ControllerConfig config, Outbox& outbox, store::Store& store);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Splits and verifies a message, which must have at least `min_identities` in front. A bad one is
  // counted, logged once per peer, and dropped: nullopt.
  std::optional<wire::Message> accept(Channel channel, Frames frames, std::size_t min_identities,
                                      wire::ReplayGuard* replays);
  // The same for a header frame.
  std::optional<wire::Header> accept_header(Channel channel, const Bytes& json, const Bytes& peer);
  void drop(Drop why, Channel channel, const Bytes& peer, std::string_view detail);

  // The wall clock's reading at `now`, without asking it per message.
  store::WallTime wall_time(Time now) const;
  void set_clocks(Time now, store::WallTime wall) {
    wall_offset_ = wall.time_since_epoch() - now.time_since_epoch();
  }

  const ControllerConfig config;
  store::Store& store;
  Counters counters;
  Registry registry;
  MessageMaker messages;
  Delivery delivery;
  JsonReader json;
  // One memory per direction: a message is passed on verbatim, so the same signature legally exists
  // on both.
  wire::ReplayGuard requests_seen;
  wire::ReplayGuard replies_seen;

 private:
  std::chrono::system_clock::duration wall_offset_{};
  LogOncePer complaints_;
};

}  // namespace engineroom::controller
