#include "controller/routing_direct.h"

#include <utility>

#include "controller/json_object.h"
#include "controller/recording.h"

namespace engineroom::controller {
namespace {

// Where the controller's own control requests come from; clients' identities are never text.
constexpr std::string_view kOwnIdentity = "engineroom-controller";

RemoteError no_such_engine(std::string_view engine_uuid, std::string_view msg_id) {
  return {"EngineError", fmt::format("Engine b'{}' is not there: cannot run '{}'",
                                     engine_uuid.substr(0, 255), msg_id)};
}

// The frames for an engine, less its own identity, from a request whose first identities are
// [client, engine]. Changed ones are signed anew.
Frames for_engine(MessageMaker& messages, wire::Message message, bool has_changed = false) {
  message.identities.erase(message.identities.begin() + 1);
  return has_changed ? messages.seal(message, Side::kEngines)
                     : messages.relay(message, Side::kEngines);
}

// [engine, client, …] → [client, engine, …]
Frames for_client(MessageMaker& messages, wire::Message message) {
  std::swap(message.identities[0], message.identities[1]);
  return messages.relay(message, Side::kClients);
}

bool expects_reply(std::string_view msg_type) { return !msg_type.starts_with("comm_"); }

}  // namespace

// ---- mux ----

void MuxRoute::on_request(Frames frames, Time now) {
  auto message = core_.accept(Channel::kMuxClient, std::move(frames), 2, &core_.requests_seen);
  if (!message) return;
  const Bytes client = message->identities[0];
  const auto header = core_.accept_header(Channel::kMuxClient, message->header, client);
  if (!header) return;
  const bool is_whole = core_.batches.complete(*message, core_.json, now);
  // After a restart clients ask again what may have been lost, and may be too early.
  if (core_.journal != nullptr && core_.journal->has_seen(header->msg_id)) return;
  if (!is_whole) return core_.refuse_incomplete(Channel::kMuxClient, *message, *header);
  const Engine* engine = core_.registry.find(message->identities[1].view());
  if (engine == nullptr) return refuse(*message, *header, now);

  if (expects_reply(header->msg_type)) {
    const std::size_t bytes = bytes_of(*message);
    if (auto why = admit(header->msg_id, client, bytes)) {
      return core_.refuse(Channel::kMuxClient, *message, *header,
                          {"TaskRejectError", std::move(*why)}, engine->uuid);
    }
    record_request(core_, store::QueueKind::kMux, header->msg_id, *message, *header,
                   label_of(core_.json, message->metadata), now);
    (void)core_.store.mark_sent(header->msg_id, engine->uuid);
    if (core_.journal != nullptr) {
      core_.journal->note_request(Channel::kMuxClient, header->msg_id, wire::join(*message), false,
                                  core_.wall_time(now));
    }
    pending_.emplace(header->msg_id,
                     Pending{engine->id, client, message->header, header->msg_type, bytes});
  }
  // One that is awaited gets it when it is back.
  if (engine->is_awaited && expects_reply(header->msg_type)) return;
  const bool has_changed = expects_reply(header->msg_type) &&
                           core_.host_buffers.share(*message, header->msg_id, *engine, now);
  core_.delivery.to_engine(Channel::kMuxEngine, *engine,
                           for_engine(core_.messages, std::move(*message), has_changed), now);
}

std::optional<std::string> MuxRoute::admit(std::string_view msg_id, const Bytes& client,
                                           std::size_t bytes) {
  // The same id again: the earlier request is answered to nobody.
  const auto found = pending_.find(msg_id);
  if (found != pending_.end()) forget(found);
  return core_.clients.admit(client.view(), bytes);
}

StringMap<MuxRoute::Pending>::iterator MuxRoute::forget(StringMap<Pending>::iterator item) {
  core_.clients.release(item->second.client.view(), item->second.bytes);
  return pending_.erase(item);
}

void MuxRoute::refuse(const wire::Message& request, const wire::Header& header, Time now) {
  const Bytes& client = request.identities[0];
  const Bytes& engine = request.identities[1];
  if (!expects_reply(header.msg_type)) {
    return core_.drop(Drop::kUnknownEngine, Channel::kMuxClient, client, "no such engine");
  }
  record_request(core_, store::QueueKind::kMux, header.msg_id, request, header,
                 label_of(core_.json, request.metadata), now);
  const std::string type = reply_type(header.msg_type);
  wire::Message reply =
      core_.messages.compose({.identities = {client, engine},
                              .type = type,
                              .parent_header = request.header,
                              .metadata = reply_metadata("error", engine.view()),
                              .content = to_content(no_such_engine(engine.view(), header.msg_id))});
  record_reply(core_, header.msg_id, reply, {}, engine.view(), now);
  core_.delivery.to_client(Channel::kMuxClient, core_.messages.seal(reply, Side::kClients));
}

bool MuxRoute::on_reply(Frames frames, Time now) {
  auto message = core_.accept(Channel::kMuxEngine, std::move(frames), 2, &core_.replies_seen);
  if (!message) return true;
  const Bytes uuid = message->identities[0];
  Engine* engine = core_.registry.find(uuid.view());
  const auto parent = core_.accept_header(Channel::kMuxEngine, message->parent_header, uuid);
  if (!parent) return true;
  if (engine != nullptr) core_.note_receipt(*engine, parent->msg_id, now);
  const auto found = pending_.find(parent->msg_id);
  if (engine == nullptr || found == pending_.end() || found->second.engine != engine->id) {
    core_.drop(Drop::kStale, Channel::kMuxEngine, uuid, "nobody waits for " + parent->msg_id);
    return engine != nullptr;
  }
  const ReplyFacts facts = read_reply_facts(core_.json, message->metadata.view());
  record_reply(core_, parent->msg_id, *message, facts, engine->uuid, now);
  ++engine->completed;
  // The identity that asked, not the one that came back: a reply goes nowhere else.
  message->identities[1] = found->second.client;
  forget(found);
  const Frames reply = for_client(core_.messages, std::move(*message));
  if (core_.journal != nullptr) {
    core_.journal->note_reply(parent->msg_id, facts.status == "ok", engine->id, reply,
                              core_.wall_time(now));
  }
  core_.delivery.to_client(Channel::kMuxClient, reply);
  return true;
}

void MuxRoute::on_engine_lost(const Engine& engine, Time now) {
  for (auto item = pending_.begin(); item != pending_.end();) {
    const auto& [msg_id, pending] = *item;
    if (pending.engine != engine.id) {
      ++item;
      continue;
    }
    const std::string type = reply_type(pending.msg_type);
    const wire::Message reply =
        core_.messages.compose({.identities = {},
                                .type = type,
                                .parent_header = pending.header,
                                .metadata = reply_metadata("error", engine.uuid),
                                .content = to_content(engine_died(engine.uuid, msg_id))});
    record_reply(core_, msg_id, reply, {}, engine.uuid, now);
    if (core_.journal != nullptr) {
      core_.journal->note_reply(msg_id, false, std::nullopt, {}, core_.wall_time(now));
    }
    item = forget(item);
  }
}

void MuxRoute::restore(const std::string& msg_id, const JournalRecord& record) {
  auto message = wire::split(record.frames);
  if (!message.ok() || message.value().identities.size() < 2) return;
  const wire::Message& request = message.value();
  const Engine* engine = core_.registry.find(request.identities[1].view());
  const auto header = wire::parse_header(request.header.view());
  if (engine == nullptr || !header.ok()) return;
  const std::size_t bytes = bytes_of(request);
  const Pending pending{engine->id, Bytes::copy_of(request.identities[0].view()),
                        Bytes::copy_of(request.header.view()), header.value().msg_type, bytes};
  const bool is_new = pending_.emplace(msg_id, pending).second;
  if (is_new) core_.clients.count(request.identities[0].view(), bytes);
}

void MuxRoute::on_engine_returned(const Engine& engine, const std::unordered_set<std::string>& held,
                                  Time now) {
  std::vector<std::string> missing;
  for (const auto& [msg_id, pending] : pending_) {
    if (pending.engine == engine.id && !held.contains(msg_id)) missing.push_back(msg_id);
  }
  core_.journal->sort_by_arrival(missing);
  for (const std::string& msg_id : missing) {
    auto message = wire::split(core_.journal->request_frames(msg_id));
    if (!message.ok()) {
      ER_LOG_ERROR("journal: '{}' is lost: {}", msg_id, message.status().message());
      continue;
    }
    core_.delivery.to_engine(Channel::kMuxEngine, engine,
                             for_engine(core_.messages, message.take()), now);
  }
}

// ---- control ----

void ControlRoute::on_request(Frames frames, Time now) {
  auto message = core_.accept(Channel::kControlClient, std::move(frames), 2, &core_.requests_seen);
  if (!message) return;
  const auto header =
      core_.accept_header(Channel::kControlClient, message->header, message->identities[0]);
  if (!header) return;
  if (header->msg_type == "abort_request") snoop_abort(*message, now);
  const Engine* engine = core_.registry.find(message->identities[1].view());
  if (engine == nullptr) return refuse(*message, *header);
  core_.delivery.to_engine(Channel::kControlEngine, *engine,
                           for_engine(core_.messages, std::move(*message)), now);
}

void ControlRoute::snoop_abort(const wire::Message& request, Time now) {
  if (request.content == last_abort_ && now - last_abort_at_ < std::chrono::seconds(1)) return;
  last_abort_ = request.content;
  last_abort_at_ = now;
  const auto content = read_object(core_.json, request.content.view());
  if (!content) return;
  const std::vector<std::string> msg_ids = content->texts("msg_ids");
  if (!msg_ids.empty()) on_abort_(msg_ids, now);
}

void ControlRoute::refuse(const wire::Message& request, const wire::Header& header) {
  const std::string_view engine = request.identities[1].view();
  core_.refuse(Channel::kControlClient, request, header, no_such_engine(engine, header.msg_id),
               engine);
}

bool ControlRoute::on_reply(Frames frames, Time) {
  auto message = core_.accept(Channel::kControlEngine, std::move(frames), 2, &core_.replies_seen);
  if (!message) return true;
  const Bytes uuid = message->identities[0];
  const bool is_engine = core_.registry.find(uuid.view()) != nullptr;
  if (!is_engine && core_.registry.find_departed(uuid.view()) == nullptr) {
    core_.drop(Drop::kUnknownEngine, Channel::kControlEngine, uuid, "never registered");
    return true;
  }
  if (message->identities[1] == kOwnIdentity) return is_engine;
  core_.delivery.to_client(Channel::kControlClient,
                           for_client(core_.messages, std::move(*message)));
  return is_engine;
}

void ControlRoute::send_own(const Engine& engine, std::string_view type, std::string content,
                            Time now) {
  core_.delivery.to_engine(Channel::kControlEngine, engine,
                           core_.messages.make({.identities = {Bytes::of_static(kOwnIdentity)},
                                                .type = type,
                                                .content = std::move(content)},
                                               Side::kEngines),
                           now);
}

void ControlRoute::shut_down_stranger(std::string_view uuid) {
  core_.delivery.to_client(
      Channel::kControlEngine,
      core_.messages.make({.identities = {Bytes::copy_of(uuid), Bytes::of_static(kOwnIdentity)},
                           .type = "shutdown_request",
                           .content = R"({"restart":false})"},
                          Side::kEngines));
}

}  // namespace engineroom::controller
