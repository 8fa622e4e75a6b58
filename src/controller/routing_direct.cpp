#include "controller/routing_direct.h"

#include <utility>

#include "controller/journal.h"
#include "controller/json_object.h"

namespace engineroom::controller {
namespace {

// Where the controller's own control requests come from; clients' identities are never text.
constexpr std::string_view kOwnIdentity = "engineroom-controller";

RemoteError no_such_engine(std::string_view engine_uuid, std::string_view msg_id) {
  return {"EngineError", fmt::format("Engine b'{}' is not there: cannot run '{}'",
                                     engine_uuid.substr(0, 255), msg_id)};
}

// The frames for an engine, less its own identity, from a request whose first identities are
// [client, engine].
Frames for_engine(wire::Message message) {
  message.identities.erase(message.identities.begin() + 1);
  return wire::join(message);
}

// [engine, client, …] → [client, engine, …]
Frames for_client(wire::Message message) {
  std::swap(message.identities[0], message.identities[1]);
  return wire::join(message);
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
  const Engine* engine = core_.registry.find(message->identities[1].view());
  if (engine == nullptr) return refuse(*message, *header, now);

  if (expects_reply(header->msg_type)) {
    record_request(core_, store::QueueKind::kMux, header->msg_id, *message, *header,
                   label_of(core_.json, message->metadata), now);
    (void)core_.store.mark_sent(header->msg_id, engine->uuid);
    pending_.insert_or_assign(header->msg_id,
                              Pending{engine->id, client, message->header, header->msg_type});
  }
  core_.delivery.to_engine(Channel::kMuxEngine, *engine, for_engine(std::move(*message)), now);
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
  core_.delivery.to_client(Channel::kMuxClient, core_.messages.seal(reply));
}

bool MuxRoute::on_reply(Frames frames, Time now) {
  auto message = core_.accept(Channel::kMuxEngine, std::move(frames), 2, &core_.replies_seen);
  if (!message) return true;
  const Bytes uuid = message->identities[0];
  Engine* engine = core_.registry.find(uuid.view());
  const auto parent = core_.accept_header(Channel::kMuxEngine, message->parent_header, uuid);
  if (!parent) return true;
  const auto found = pending_.find(parent->msg_id);
  if (engine == nullptr || found == pending_.end() || found->second.engine != engine->id) {
    core_.drop(Drop::kStale, Channel::kMuxEngine, uuid, "nobody waits for " + parent->msg_id);
    return engine != nullptr;
  }
  record_reply(core_, parent->msg_id, *message,
               read_reply_facts(core_.json, message->metadata.view()), engine->uuid, now);
  ++engine->completed;
  // The identity that asked, not the one that came back: a reply goes nowhere else.
  message->identities[1] = found->second.client;
  pending_.erase(found);
  core_.delivery.to_client(Channel::kMuxClient, for_client(std::move(*message)));
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
    item = pending_.erase(item);
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
  core_.delivery.to_engine(Channel::kControlEngine, *engine, for_engine(std::move(*message)), now);
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
  const Bytes& engine = request.identities[1];
  const std::string type = reply_type(header.msg_type);
  core_.delivery.to_client(
      Channel::kControlClient,
      core_.messages.make({.identities = {request.identities[0], engine},
                           .type = type,
                           .parent_header = request.header,
                           .metadata = reply_metadata("error", engine.view()),
                           .content = to_content(no_such_engine(engine.view(), header.msg_id))}));
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
  core_.delivery.to_client(Channel::kControlClient, for_client(std::move(*message)));
  return is_engine;
}

void ControlRoute::send_own(const Engine& engine, std::string_view type, std::string content,
                            Time now) {
  core_.delivery.to_engine(Channel::kControlEngine, engine,
                           core_.messages.make({.identities = {Bytes::of_static(kOwnIdentity)},
                                                .type = type,
                                                .content = std::move(content)}),
                           now);
}

void ControlRoute::shut_down_stranger(std::string_view uuid) {
  core_.delivery.to_client(
      Channel::kControlEngine,
      core_.messages.make({.identities = {Bytes::copy_of(uuid), Bytes::of_static(kOwnIdentity)},
                           .type = "shutdown_request",
                           .content = R"({"restart":false})"}));
}

}  // namespace engineroom::controller
