#include "controller/lifecycle.h"

#include <algorithm>
#include <utility>

#include "controller/resources.h"

namespace engineroom::controller {
namespace {

// How often a returning engine is told that it has to register anew.
constexpr Duration kTellAgainAfter = std::chrono::seconds(5);
// ZeroMQ's limit for an identity.
constexpr std::size_t kMaxUuid = 255;
// It goes along with every task that is given results of this engine.
constexpr std::size_t kMaxPeer = 1024;

Duration registration_timeout(const ControllerConfig& config) {
  if (config.registration_timeout > Duration::zero()) return config.registration_timeout;
  return std::max<Duration>(std::chrono::seconds(30), 10 * config.heartbeat_period);
}

std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

Amounts offer_of(const JsonObject& content) {
  if (!content.element("resources")) return usual_offer();
  return read_amounts(content, "resources").value_or(Amounts());
}

void set_peer(Engine& engine, const JsonObject& content) {
  engine.peer = content.json("peer", "");
  if (engine.peer.size() > kMaxPeer) engine.peer.clear();
  engine.host.clear();
  const auto peer = content.object("peer");
  if (engine.peer.empty() || !engine.is_ours() || !peer) return;
  if (!peer->flag("host_buffers").value_or(false)) return;
  engine.host = peer->text("host").value_or("");
}

bool is_usable(std::string_view uuid) {
  // A leading zero byte is ZeroMQ's own.
  return !uuid.empty() && uuid.size() <= kMaxUuid && uuid.front() != '\0';
}

}  // namespace

std::string engine_content(EngineId id, std::string_view uuid) {
  JsonWriter w;
  w.begin_object().key("id").value(number(id)).key("uuid").value(uuid).end_object();
  return w.take();
}

Lifecycle::Lifecycle(Core& core, Events events)
    : core_(core),
      events_(std::move(events)),
      hearts_(core.config.heartbeat_period, core.config.max_heartbeat_misses),
      registration_timeout_(registration_timeout(core.config)) {}

// ---- coming ----

void Lifecycle::on_registration_request(const wire::Message& request, int connection, Time now) {
  const auto content = read_object(core_.json, request.content.view());
  const auto uuid = content ? content->text("uuid") : std::nullopt;
  if (!uuid || !is_usable(*uuid)) return reply_error(request, "content.uuid is no usable name");
  if (welcome_back(*content, request, connection, now)) return;
  if (core_.registry.find(*uuid) != nullptr) {
    return reply_error(request, fmt::format("uuid '{}' is in use", *uuid));
  }
  std::optional<int> requested;
  if (const auto id = content->integer("id"); id && *id >= 0 && *id <= Registry::kMaxRequestedId) {
    requested = static_cast<int>(*id);
  }
  const std::string version(content->text(kOwnEngineKey).value_or(""));
  Amounts offer = offer_of(*content);
  Engine& engine = core_.registry.add(std::string(*uuid), requested, now);
  engine.registration_identity = request.identities.front();
  engine.connection = connection;
  engine.version = version;
  set_peer(engine, *content);
  engine.offer = std::move(offer);
  ER_LOG_INFO("engine {} ({}) is registering", number(engine.id), engine.uuid);
  reply_ok(engine, request);
  hearts_.want_extra_ping(now);
}

void Lifecycle::reply_ok(const Engine& engine, const wire::Message& request) {
  JsonWriter w;
  w.begin_object().key("id").value(number(engine.id)).key("status").value("ok");
  w.key("hb_period").value(milliseconds(core_.config.heartbeat_period));
  if (core_.journal != nullptr && engine.is_ours()) {
    w.key("journal").raw(journal_json(core_));
    w.key("returned").value(engine.is_awaited);
  }
  w.key("connection_info").raw(core_.config.engine_ports).end_object();
  core_.delivery.to_client(
      Channel::kRegistration,
      core_.messages.make(
          {.identities = request.identities, .type = "registration_reply", .content = w.take()},
          Side::kEngines));
}

// True if it is an engine of before the restart, which will say next what it holds.
bool Lifecycle::welcome_back(const JsonObject& content, const wire::Message& request,
                             int connection, Time now) {
  Engine* engine = core_.registry.find(content.text("uuid").value_or(""));
  if (engine == nullptr || !engine->is_awaited) return false;
  if (content.text("journal") != core_.journal->id()) {
    // It has forgotten what it held. (Losing it reads JSON, which ends `content`.)
    lose(engine->id, Departure::kUnregistered, now);
    on_registration_request(request, connection, now);
    return true;
  }
  engine->registration_identity = request.identities.front();
  engine->connection = connection;
  set_peer(*engine, content);
  reply_ok(*engine, request);
  hearts_.want_extra_ping(now);
  return true;
}

void Lifecycle::reply_error(const wire::Message& request, std::string evalue) {
  ER_LOG_WARN("refused to register {}: {}", printable(request.identities.front()), evalue);
  core_.delivery.to_client(
      Channel::kRegistration,
      core_.messages.make({.identities = request.identities,
                           .type = "registration_reply",
                           .content = to_content({"KeyError", std::move(evalue)})},
                          Side::kEngines));
}

void Lifecycle::on_pong(Frames frames, Time now) {
  if (frames.size() != 2) {
    const Bytes peer = frames.empty() ? Bytes() : frames.front();
    return core_.drop(Drop::kMalformed, Channel::kPong, peer, "no pong");
  }
  Engine* engine = core_.registry.find(frames[0].view());
  if (engine == nullptr) return on_stranger(frames[0].view(), now);
  if (!hearts_.is_recent(frames[1].view())) return;
  engine->has_answered = true;
  if (!engine->is_registered) complete_registration(*engine, now);
}

void Lifecycle::complete_registration(Engine& engine, Time now) {
  engine.is_registered = true;
  ++core_.counters.engines_joined;
  if (core_.journal != nullptr) core_.journal->note_engine(engine);
  ER_LOG_INFO("engine {} ({}) is registered", number(engine.id), engine.uuid);
  notify("registration_notification", engine);
  events_.on_joined(engine, now);
}

void Lifecycle::notify(std::string_view type, const Engine& engine) {
  core_.delivery.to_client(
      Channel::kNotification,
      core_.messages.make(
          {.identities = {}, .type = type, .content = engine_content(engine.id, engine.uuid)},
          Side::kClients));
}

// ---- going ----

void Lifecycle::on_unregistration_request(const wire::Message& request, Time now) {
  const auto content = read_object(core_.json, request.content.view());
  const auto id = content ? content->integer("id") : std::nullopt;
  // An engine that gave up before it had an id says null.
  if (!id || *id < 0 || *id > std::numeric_limits<int>::max()) return;
  lose(EngineId{static_cast<int>(*id)}, Departure::kUnregistered, now);
}

void Lifecycle::on_connection_closed(int connection, Time now) {
  const Engine* engine = core_.registry.find_connection(connection);
  if (engine != nullptr) lose(engine->id, Departure::kConnectionClosed, now);
}

void Lifecycle::on_shutdown_announced(std::string_view uuid, Time now) {
  const Engine* engine = core_.registry.find(uuid);
  if (engine != nullptr) lose(engine->id, Departure::kUnregistered, now);
}

void Lifecycle::retire(EngineId id, Time now) {
  const Engine* engine = core_.registry.find(id);
  if (engine == nullptr) return;
  const std::string uuid = engine->uuid;
  lose(id, Departure::kRetired, now);
  core_.registry.find_departed(uuid)->told = now;
  events_.on_unwanted(uuid);
}

void Lifecycle::lose(EngineId id, Departure why, Time now) {
  const std::optional<Engine> engine = core_.registry.remove(id, why);
  if (!engine) return;
  ER_LOG_INFO("engine {} ({}) is gone: {}", number(id), engine->uuid, to_string(why));
  core_.delivery.forget(id);
  core_.receipts.forget(engine->uuid);
  if (core_.journal != nullptr) core_.journal->note_engine_left(id);
  if (!engine->is_registered) return;
  ++core_.counters.engines_lost;
  // Tasks are answered or moved before clients hear of the loss: a client fails what it still waits
  // for then.
  events_.on_lost(*engine, now);
  core_.store.forget_engine(engine->uuid);
  notify("unregistration_notification", *engine);
}

void Lifecycle::give_up_pending(Time now) {
  std::vector<EngineId> late;
  for (const auto& [id, engine] : core_.registry.all()) {
    if (!engine.is_registered && now - engine.since > registration_timeout_) late.push_back(id);
  }
  for (const EngineId id : late) lose(id, Departure::kNeverStarted, now);
}

void Lifecycle::give_up_awaited(Time now) {
  if (!awaited_until_ || now < *awaited_until_) return;
  awaited_until_.reset();
  std::vector<EngineId> missing;
  for (const auto& [id, engine] : core_.registry.all()) {
    if (engine.is_awaited) missing.push_back(id);
  }
  for (const EngineId id : missing) lose(id, Departure::kNeverReturned, now);
}

Time Lifecycle::next_deadline() const {
  const Time next = hearts_.next_deadline();
  return awaited_until_ ? std::min(next, *awaited_until_) : next;
}

void Lifecycle::on_time(Time now) {
  give_up_awaited(now);
  if (now < hearts_.next_deadline()) return;
  const HeartMonitor::Beat beat = hearts_.on_time(now, core_.registry);
  for (const EngineId id : beat.dead) lose(id, Departure::kHeartStopped, now);
  if (!beat.ping) return;
  give_up_pending(now);
  core_.delivery.to_client(Channel::kPing, {Bytes(*beat.ping)});
}

// ---- after a restart of the controller ----

void Lifecycle::restore(Time now) {
  core_.registry.reserve_ids(core_.journal->next_engine_id());
  for (const auto& [id, known] : core_.journal->engines()) {
    Engine& engine = core_.registry.restore(id, known.uuid, now);
    engine.version = known.version;
    engine.peer = known.peer;  // for those who are back before it, and are given its results
    engine.registration_identity = Bytes(known.registration_identity);
    const auto offer = read_object(core_.json, known.offer);
    engine.offer = offer ? offer_of(*offer) : usual_offer();
  }
  awaited_until_ = now + core_.config.restart_patience;
}

void Lifecycle::give_up_strangers(Time now) {
  std::vector<EngineId> strangers;
  for (const auto& [id, engine] : core_.registry.all()) {
    if (engine.is_awaited && !engine.is_ours()) strangers.push_back(id);
  }
  for (const EngineId id : strangers) lose(id, Departure::kNeverReturned, now);
}

void Lifecycle::on_returned(Engine& engine, Time now) {
  ER_LOG_INFO("engine {} ({}) is back", number(engine.id), engine.uuid);
  engine.is_awaited = false;
  engine.since = now;
  engine.misses = 0;
  engine.has_answered = true;
  ++core_.counters.engines_joined;
}

// ---- coming back ----

void Lifecycle::on_stranger(std::string_view uuid, Time now) {
  Departed* departed = core_.registry.find_departed(uuid);
  if (departed == nullptr) {
    return core_.drop(Drop::kUnknownEngine, Channel::kPong, Bytes::copy_of(uuid),
                      "never registered");
  }
  // One that said good-bye may still have messages on the way.
  if (departed->why == Departure::kUnregistered) return;
  if (departed->told && now - *departed->told < kTellAgainAfter) return;
  departed->told = now;
  const bool is_wanted = departed->is_ours && departed->why != Departure::kRetired;
  ER_LOG_INFO("engine {} ({}) was given up and is back: {}", number(departed->id), uuid,
              is_wanted ? "it has to register anew" : "it is told to exit");
  if (!is_wanted) return events_.on_unwanted(uuid);
  core_.delivery.to_client(Channel::kRegistration,
                           core_.messages.make({.identities = {Bytes::copy_of(uuid)},
                                                .type = "unregistration_notification",
                                                .content = engine_content(departed->id, uuid)},
                                               Side::kEngines));
}

}  // namespace engineroom::controller
