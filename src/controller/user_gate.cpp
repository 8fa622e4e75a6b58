#include "controller/user_gate.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

#include "controller/user_messages.h"

namespace engineroom::controller {
namespace {

// What users may ask of the hub.
constexpr std::array<std::string_view, 9> kQueries = {
    "connection_request", "queue_request",    "result_request",  "history_request", "purge_request",
    "db_request",         "resubmit_request", "received_notice", "resume_request"};
// What they may have an engine do. (Not history_request: that is what everybody typed there; and
// not comm_info_request: a comm's id, which nobody can guess, lets one talk to somebody's widget.)
constexpr std::array<std::string_view, 9> kRequests = {
    "apply_request",    "execute_request", "kernel_info_request",
    "complete_request", "inspect_request", "is_complete_request",
    "comm_open",        "comm_msg",        "comm_close"};
// And past the queue, with what they name.
constexpr std::array<std::string_view, 2> kWithIds = {"abort_request", "release_request"};

template <std::size_t n>
bool is_one_of(std::string_view type, const std::array<std::string_view, n>& types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace

UserGate::UserGate(std::vector<User> users, std::string_view client_key, Outbox& owner,
                   UserOutbox& outbox)
    : core_signer_(client_key), owner_(owner), outbox_(outbox) {
  gates_.reserve(users.size());
  for (User& user : users) {
    Scope scope(user.name);
    gates_.push_back({std::move(user.name), std::move(scope), MessageMaker(user.key, user.key),
                      wire::ReplayGuard()});
  }
}

// ---- from users ----

std::optional<Frames> UserGate::admit(std::size_t user, Channel channel, Frames frames) {
  Gate& gate = gates_[user];
  auto decoded =
      wire::decode(std::move(frames), gate.messages.signer(Side::kClients), &gate.replays);
  if (!decoded.ok() || decoded.value().identities.empty()) {
    drop(user, channel, decoded.ok() ? "it has no sender" : decoded.status().message());
    return std::nullopt;
  }
  wire::Message message = decoded.take();
  const auto header = wire::parse_header(message.header.view());
  if (!header.ok()) {
    drop(user, channel, header.status().message());
    return std::nullopt;
  }
  if (!mark(user, channel, message, header.value())) return std::nullopt;
  message.identities[0] = Bytes(marked_identity(gate.name, message.identities[0].view()));
  return wire::encode(message, core_signer_);
}

bool UserGate::mark(std::size_t user, Channel channel, wire::Message& message,
                    const wire::Header& header) {
  const std::string& type = header.msg_type;
  const auto is_refused = [&](std::string_view why) {
    refuse(user, channel, message, header, why);
    return false;
  };
  switch (channel) {
    case Channel::kQuery:
      // The controller knows whom it answers (queries.h).
      return is_one_of(type, kQueries) || is_refused("this is for the owner of the cluster");
    case Channel::kMuxClient:
    case Channel::kTaskClient:
    case Channel::kBroadcastClient:
      if (!is_one_of(type, kRequests)) return is_refused("users of a cluster cannot send this");
      break;
    case Channel::kControlClient:
      if (type == "kernel_info_request") break;
      if (!is_one_of(type, kWithIds)) {
        return is_refused("engines are used by others, too: this is for the owner of the cluster");
      }
      if (!mark_ids_in_content(message, gates_[user].scope, json_)) {
        return is_refused("name the tasks: others have tasks there, too");
      }
      break;
    default:
      drop(user, channel, "nobody writes to this");
      return false;
  }
  mark_request(message, header, gates_[user].name, gates_[user].scope, json_);
  return true;
}

void UserGate::refuse(std::size_t user, Channel channel, const wire::Message& request,
                      const wire::Header& header, std::string_view why) {
  const std::string type =
      channel == Channel::kQuery ? std::string("hub_error") : reply_type(header.msg_type);
  const std::string content =
      to_content({"PermissionError", fmt::format("{}: {}", header.msg_type.substr(0, 100), why)});
  (void)outbox_.send_to(user, channel,
                        gates_[user].messages.make({.identities = request.identities,
                                                    .type = type,
                                                    .parent_header = request.header,
                                                    .metadata = reply_metadata("error", {}),
                                                    .content = content},
                                                   Side::kClients));
}

void UserGate::drop(std::size_t user, Channel channel, std::string_view why) {
  ++dropped_;
  const std::string& name = gates_[user].name;
  if (!complaints_.first_time(fmt::format("{}/{}", name, to_string(channel)))) return;
  ER_LOG_WARN("dropped a message at the sockets of user {}, {}: {}; further ones are only counted",
              name, to_string(channel), why);
}

// ---- to users ----

SendResult UserGate::send(Channel channel, const Frames& frames) {
  switch (channel) {
    case Channel::kNotification:
    case Channel::kIopubClient:
      publish(channel, frames);
      break;
    case Channel::kQuery:
    case Channel::kMuxClient:
    case Channel::kTaskClient:
    case Channel::kBroadcastClient:
    case Channel::kControlClient:
      if (const auto to = read_marked(frames.front().view())) return reply(channel, *to, frames);
      break;
    default:
      break;
  }
  return owner_.send(channel, frames);
}

SendResult UserGate::reply(Channel channel, const MarkedIdentity& to, const Frames& frames) {
  const auto found = std::find_if(gates_.begin(), gates_.end(),
                                  [&to](const Gate& gate) { return gate.name == to.user; });
  // Of before a restart, with other users.
  if (found == gates_.end()) return SendResult::kNoPeer;
  const auto user = static_cast<std::size_t>(found - gates_.begin());
  auto message = wire::split(frames);
  const bool is_theirs =
      message.ok() && (channel == Channel::kQuery || unmark_parent(message.value(), found->scope));
  if (!is_theirs) {
    drop(user, channel, "it is no answer to a request of theirs");
    return SendResult::kSent;
  }
  message.value().identities[0] = Bytes::copy_of(to.identity);
  return outbox_.send_to(user, channel, found->messages.seal(message.value(), Side::kClients));
}

void UserGate::publish(Channel channel, const Frames& frames) {
  auto message = wire::split(frames);
  if (!message.ok()) return;
  for (std::size_t user = 0; user < gates_.size(); ++user) {
    Gate& gate = gates_[user];
    const bool is_output = channel == Channel::kIopubClient;
    if (is_output && !unmark_parent(message.value(), gate.scope)) continue;
    (void)outbox_.send_to(user, channel, gate.messages.seal(message.value(), Side::kClients));
    if (is_output) return;
  }
}

}  // namespace engineroom::controller
