#include "controller/core.h"

#include <utility>

namespace engineroom::controller {
namespace {

Drop drop_of(ErrorCode code) {
  if (code == ErrorCode::kUnauthenticated) return Drop::kBadSignature;
  if (code == ErrorCode::kResourceExhausted) return Drop::kTooLarge;
  return Drop::kMalformed;
}

}  // namespace

Core::Core(ControllerConfig config_in, Outbox& outbox, store::Store& store_in, Journal* journal_in)
    : config(std::move(config_in)),
      store(store_in),
      journal(journal_in),
      host_buffers(registry, config.host),
      messages(config.client_key, config.engine_key),
      delivery(outbox, counters),
      clients(config.client_limits) {
  set_clocks(Clock::now(), std::chrono::system_clock::now());
}

std::optional<wire::Message> Core::accept(Channel channel, Frames frames,
                                          std::size_t min_identities, wire::ReplayGuard* replays) {
  const Bytes peer = frames.empty() ? Bytes() : frames.front();
  Result<wire::Message> message =
      wire::decode(std::move(frames), messages.signer(side_of(channel)), replays);
  if (!message.ok()) {
    drop(drop_of(message.status().code()), channel, peer, message.status().message());
    return std::nullopt;
  }
  if (message.value().identities.size() < min_identities) {
    drop(Drop::kMalformed, channel, peer, "it does not say whom it is for");
    return std::nullopt;
  }
  return message.take();
}

std::optional<wire::Header> Core::accept_header(Channel channel, const Bytes& json,
                                                const Bytes& peer) {
  Result<wire::Header> header = wire::parse_header(json.view());
  if (header.ok()) return header.take();
  drop(Drop::kMalformed, channel, peer, header.status().message());
  return std::nullopt;
}

void Core::drop(Drop why, Channel channel, const Bytes& peer, std::string_view detail) {
  ++counters[why];
  const char* reason = kDropNames[static_cast<std::size_t>(why)];
  const std::string name = printable(peer);
  if (!complaints_.first_time(fmt::format("{}/{}/{}", to_string(channel), name, reason))) return;
  ER_LOG_WARN("dropped a message from {} on {}: {} ({}); further ones are only counted", name,
              to_string(channel), reason, detail);
}

void Core::refuse(Channel channel, const wire::Message& request, const wire::Header& header,
                  const RemoteError& error, std::string_view engine_uuid) {
  const std::string type = reply_type(header.msg_type);
  delivery.to_client(channel, messages.make({.identities = request.identities,
                                             .type = type,
                                             .parent_header = request.header,
                                             .metadata = reply_metadata("error", engine_uuid),
                                             .content = to_content(error)},
                                            Side::kClients));
}

// After a restart the first of them may have been for the earlier controller. Clients then ask what
// became of this one, and send it again with all that it needs.
void Core::refuse_incomplete(Channel channel, const wire::Message& request,
                             const wire::Header& header) {
  if (delivery.is_patient()) return;
  refuse(channel, request, header,
         {"InputLost",
          "what this request has in common with others of its call, and came with the "
          "first of them, is not here any more; submit it again"});
}

store::WallTime Core::wall_time(Time now) const {
  return store::WallTime(
      std::chrono::duration_cast<store::WallTime::duration>(now.time_since_epoch()) + wall_offset_);
}

std::string journal_json(const Core& core) {
  JsonWriter w;
  w.begin_object().key("id").value(core.journal->id()).key("start").value(core.journal->start());
  w.key("patience").value(to_seconds(core.config.restart_patience)).end_object();
  return w.take();
}

}  // namespace engineroom::controller
