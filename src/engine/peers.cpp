#include "engine/peers.h"

#include <utility>

#include <simdjson.h>

#include "base/id.h"
#include "engine/control.h"
#include "transport/host.h"

namespace engineroom::engine {
namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;
using transport::Socket;
using transport::SocketOptions;
using transport::SocketType;

constexpr const char* kQuestion = "result_request";
constexpr const char* kAnswer = "result_reply";

SocketOptions listening_options(const wire::ConnectionInfo& connection, std::string_view uuid,
                                std::int64_t max_bytes) {
  SocketOptions options;
  options.identity = uuid;
  options.max_message_bytes = max_bytes;
  if (!connection.curve_serverkey.empty()) {
    options.curve = transport::make_curve_keys();
    options.curve->is_server = true;
  }
  return options;
}

}  // namespace

Peers::Peers(transport::Context& context, const wire::ConnectionInfo& connection,
             MessageMaker& maker, bool enabled)
    : context_(context),
      maker_(maker),
      listening_(listening_options(connection, maker.uuid(), kMaxQuestionBytes)),
      questions_(context, SocketType::kRouter, listening_),
      key_(connection.key),
      host_(transport::this_host()),
      is_encrypted_(listening_.curve.has_value()),
      enabled_(enabled) {}

Status Peers::listen() {
  if (!enabled_) return {};
  // Drawn, so that the name tells nothing and no other process can have taken it.
  url_ = "ipc://@engineroom-" + new_session_id();
  Result<std::string> bound = questions_.bind(url_);
  if (!bound.ok()) return bound.status();
  lanes_.emplace(key_, url_);
  JsonWriter w;
  w.begin_object().key("url").value(url_).key("host").value(host_);
  if (is_encrypted_) w.key("key").value(listening_.curve->public_key);
  w.key("host_buffers").value(true);
  address_ = w.end_object().take();
  return {};
}

// ---- questions of others ----

std::optional<wire::Message> Peers::receive(Socket& socket, std::string_view type,
                                            transport::Lane* lane) {
  while (std::optional<transport::Received> received = socket.receive()) {
    if (lane != nullptr) lane->resolve(received->frames, false);
    Result<wire::Message> message =
        wire::decode(std::move(received->frames), maker_.signer(), &replays_);
    Status status = message.ok() ? Status() : message.status();
    if (status.ok()) {
      Result<wire::Header> header = wire::parse_header(message.value().header.view());
      if (header.ok() && header.value().msg_type == type) return message.take();
      status = header.ok() ? Status(ErrorCode::kMalformed, "another type") : header.status();
    }
    if (complaints_.first_time(to_string(status.code()))) {
      ER_LOG_WARN("dropping messages of other engines: {} (said once)", status.to_string());
    }
  }
  return std::nullopt;
}

std::optional<Peers::Question> Peers::next_question() {
  std::optional<wire::Message> message = receive(questions_, kQuestion);
  if (!message) return std::nullopt;
  std::string msg_id = read_string(message->content.view(), "id", json_);
  bool is_relayed = false;
  Result<element> content = json_.parse(message->content.view());
  if (!content.ok() || content.value()["relayed"].get(is_relayed) != SUCCESS) is_relayed = false;
  return Question{std::move(*message), std::move(msg_id), is_relayed};
}

void Peers::say_coming(const Question& question) {
  JsonWriter w;
  w.begin_object().key("id").value(question.msg_id).key("status").value("coming").end_object();
  static_cast<void>(transport::send_by(
      *lanes_, questions_, maker_.answer(question.message, kAnswer, w.take(), Frames())));
}

void Peers::answer(const Question& question, const KeptPtr& kept, const std::string& why) {
  JsonWriter w;
  w.begin_object().key("id").value(question.msg_id);
  w.key("status").value(!kept ? "missing" : kept->ok ? "ok" : "error");
  if (!kept) w.key("why").value(why);
  if (kept && !kept->ok) w.key("content").raw(kept->content.view());
  w.end_object();
  const Frames frames =
      maker_.answer(question.message, kAnswer, w.take(), kept ? kept->buffers : Frames());
  // Who does not wait for it any more is gone.
  static_cast<void>(transport::send_by(*lanes_, questions_, frames));
}

// ---- our own ----

bool Peers::ask(const std::string& address, const std::string& msg_id, Time now, bool is_relayed) {
  if (!enabled_) return false;
  std::string_view url;
  std::string_view host;
  std::string_view key;
  Result<element> root = json_.parse(address);
  if (!root.ok() || root.value()["url"].get(url) != SUCCESS ||
      root.value()["host"].get(host) != SUCCESS || host != host_) {
    return false;
  }
  if (root.value()["key"].get(key) != SUCCESS) key = {};
  if (key.empty() == is_encrypted_) return false;
  const std::string name(url);
  auto found = peers_.find(name);
  if (found == peers_.end()) {
    SocketOptions options;
    options.identity = maker_.uuid();
    if (is_encrypted_) {
      options.curve = transport::make_curve_keys();
      options.curve->server_key = key;
    }
    auto peer = std::make_unique<Peer>(Socket(context_, SocketType::kDealer, options));
    if (!peer->socket.watch_connections().ok() || !peer->socket.connect(name).ok()) return false;
    peer->give_up = now + kPatience;
    peer->address = address;
    peer->lane = transport::Lane::connect(key_, maker_.uuid(), name);
    found = peers_.emplace(name, std::move(peer)).first;
  }
  JsonWriter w;
  w.begin_object().key("id").value(msg_id);
  if (is_relayed) w.key("relayed").value(true);
  w.end_object();
  if (!found->second->socket.send(maker_.request(kQuestion, w.take())).ok()) return false;
  found->second->asked.insert(msg_id);
  return true;
}

void Peers::take_answers(Time now, std::vector<Received>& out) {
  for (auto it = peers_.begin(); it != peers_.end();) {
    Peer& peer = *it->second;
    const bool is_there = serve(peer, out) && !(peer.give_up && now >= *peer.give_up);
    if (is_there) {
      ++it;
      continue;
    }
    for (const std::string& msg_id : peer.asked) {
      out.push_back({{msg_id, nullptr, "the engine that had it is gone"}, peer.address, true});
    }
    it = peers_.erase(it);
  }
}

// False if it is gone.
bool Peers::serve(Peer& peer, std::vector<Received>& out) {
  bool is_there = true;
  using Kind = transport::ConnectionEvent::Kind;
  while (std::optional<transport::ConnectionEvent> event = peer.socket.next_connection_event()) {
    if (event->kind == Kind::kConnected) peer.give_up.reset();
    if (event->kind == Kind::kClosed || event->kind == Kind::kHandshakeFailed) is_there = false;
  }
  // After the events: what came before the end still counts.
  while (std::optional<wire::Message> message =
             receive(peer.socket, kAnswer, peer.lane ? &*peer.lane : nullptr)) {
    Received received = read_answer(*message);
    received.address = peer.address;
    const std::string& msg_id = received.answer.msg_id;
    if (received.is_coming ? peer.asked.contains(msg_id) : peer.asked.erase(msg_id) > 0) {
      out.push_back(std::move(received));
    }
  }
  return is_there;
}

Peers::Received Peers::read_answer(const wire::Message& message) {
  Received received;
  Answer& answer = received.answer;
  Result<element> root = json_.parse(message.content.view());
  std::string_view id;
  std::string_view status;
  std::string_view why = "it is not there any more";
  if (!root.ok() || root.value()["id"].get(id) != SUCCESS ||
      root.value()["status"].get(status) != SUCCESS) {
    return received;
  }
  answer.msg_id = id;
  received.is_coming = status == "coming";
  if (received.is_coming) return received;
  if (status == "ok") {
    answer.kept = std::make_shared<Kept>(Kept{true, {}, message.buffers});
  } else if (element content; root.value()["content"].get(content) == SUCCESS) {
    answer.kept = std::make_shared<Kept>(Kept{false, Bytes(simdjson::minify(content)), {}});
  } else {
    if (root.value()["why"].get(why) != SUCCESS) why = "it is not there any more";
    answer.why = why;
  }
  return received;
}

std::optional<Time> Peers::deadline() const {
  std::optional<Time> first;
  for (const auto& [url, peer] : peers_) {
    if (peer->give_up) first = first ? std::min(*first, *peer->give_up) : *peer->give_up;
  }
  return first;
}

void Peers::add_sockets(std::vector<const Socket*>& sockets) const {
  sockets.push_back(&questions_);
  for (const auto& [url, peer] : peers_) sockets.push_back(&peer->socket);
}

void Peers::close() {
  questions_.close();
  peers_.clear();
}

}  // namespace engineroom::engine
