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
#include "controller/batch_buffers.h"
#include "controller/channels.h"
#include "controller/client_limits.h"
#include "controller/counters.h"
#include "controller/delivery.h"
#include "controller/host_buffers.h"
#include "controller/journal.h"
#include "controller/message_maker.h"
#include "controller/receipts.h"
#include "controller/registry.h"
#include "scheduler/scheduler.h"
#include "store/store.h"
#include "wire/message.h"

namespace engineroom::controller {

struct ControllerConfig {
  // HMAC keys; empty = unsigned
  std::string client_key;
  std::string engine_key;
  Duration heartbeat_period = std::chrono::milliseconds(3000);
  int max_heartbeat_misses = 10;
  // How long an engine may take from registration to its first heartbeat; zero = 30 s, or ten
  // heartbeat periods if that is longer.
  Duration registration_timeout{};
  scheduler::SchedulerConfig scheduler;
  ClientLimits::Limits client_limits;
  // How long peers and a controller that is started again wait for each other.
  Duration restart_patience = std::chrono::seconds(30);
  // Tells this controller from others at the same address; empty: clients are not told.
  std::string instance;
  // As in `Engine::host`: this controller's own.
  std::string host;
  // JSON: the ports in the engines' connection file, repeated in registration replies.
  std::string engine_ports = "{}";
};

struct Core {
  Core(ControllerConfig config, Outbox& outbox, store::Store& store, Journal* journal);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Splits and verifies a message, which must have at least `min_identities` in front. A bad one is
  // counted, logged once per peer, and dropped: nullopt.
  std::optional<wire::Message> accept(Channel channel, Frames frames, std::size_t min_identities,
                                      wire::ReplayGuard* replays);
  // The same for a header frame.
  std::optional<wire::Header> accept_header(Channel channel, const Bytes& json, const Bytes& peer);
  void drop(Drop why, Channel channel, const Bytes& peer, std::string_view detail);

  // For a request whose buffers came with another one of its batch, and are not here.
  void refuse_incomplete(Channel channel, const wire::Message& request, const wire::Header& header);
  // Answers a client's request with an error, and nothing else becomes of it.
  void refuse(Channel channel, const wire::Message& request, const wire::Header& header,
              const RemoteError& error, std::string_view engine_uuid = {});

  // The engine has answered this request; it is to be told that it need not keep its reply.
  void note_receipt(const Engine& engine, std::string msg_id, Time now) {
    host_buffers.on_received(engine.id, msg_id, now);
    if (journal != nullptr && engine.is_ours()) receipts.note(engine.uuid, std::move(msg_id), now);
  }

  // The wall clock's reading at `now`, without asking it per message.
  store::WallTime wall_time(Time now) const;
  void set_clocks(Time now, store::WallTime wall) {
    wall_offset_ = wall.time_since_epoch() - now.time_since_epoch();
  }

  const ControllerConfig config;
  store::Store& store;
  // Null: nothing of this controller survives it.
  Journal* const journal;
  Receipts receipts;
  Counters counters;
  Registry registry;
  HostBuffers host_buffers;
  BatchBuffers batches;
  MessageMaker messages;
  Delivery delivery;
  ClientLimits clients;
  JsonReader json;
  // One memory per direction: where both sides have one key a message is passed on verbatim, so the
  // same signature legally exists on both.
  wire::ReplayGuard requests_seen;
  wire::ReplayGuard replies_seen;

 private:
  std::chrono::system_clock::duration wall_offset_{};
  LogOncePer complaints_;
};

// What peers are told of the journal: {"id":…,"start":…,"patience":seconds}. REQUIRES: there is
// one.
std::string journal_json(const Core& core);

}  // namespace engineroom::controller
