#include "controller/result_relay.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "controller/json_object.h"
#include "controller/recording.h"
#include "wire/pieces.h"

namespace engineroom::controller {

// ---- questions ----

void ResultRelay::on_question(const wire::Message& message, Time now) {
  const Bytes& peer = message.identities.front();
  const Engine* asker = core_.registry.find(peer.view());
  const auto content = read_object(core_.json, message.content.view());
  const auto id = content ? content->text("id") : std::nullopt;
  const std::int64_t from = content ? content->integer("from").value_or(-1) : -1;
  const std::int64_t bytes = content ? content->integer("bytes").value_or(-1) : -1;
  if (asker == nullptr || !id || from < 0 || bytes < 0) {
    return core_.drop(Drop::kMalformed, Channel::kRegistration, peer, "a result_request");
  }
  const Piece piece{std::string(*id), static_cast<std::uint64_t>(from),
                    std::min(static_cast<std::uint64_t>(bytes), kMaxPiece)};
  // Asked of an earlier controller. It asks again when it is back, if it still has to.
  if (asker->is_awaited) return;
  if (wire::is_host_buffer(piece.id)) {
    return answer_from_buffers(*asker, piece, content->text("failed").value_or(""));
  }
  const bool only_records = content->flag("recorded").value_or(false);
  const auto holder = find_holder_(content->text("task").value_or(""), piece.id, asker->id);
  if (!holder) return answer(*asker, piece, "refused", "no task there is given it");
  if (only_records || *holder == nullptr) return answer_from_records(*asker, piece, now);
  pass_on(*asker, **holder, piece);
}

// One that is asked for again, because something was lost, is passed on again.
void ResultRelay::pass_on(const Engine& asker, const Engine& holder, const Piece& piece) {
  const Key key{asker.uuid, piece.id, piece.from};
  if (waiting_.size() >= kMaxWaiting && !waiting_.contains(key)) {
    return answer(asker, piece, "missing", "too many results are being asked for");
  }
  waiting_.insert_or_assign(key, Waiting{holder.id, piece.bytes});
  JsonWriter w;
  w.begin_object().key("id").value(piece.id).key("from").value(piece.from);
  w.key("bytes").value(piece.bytes).key("asker").value(asker.uuid).end_object();
  core_.delivery.to_client(Channel::kRegistration,
                           core_.messages.make({.identities = {holder.registration_identity},
                                                .type = "result_request",
                                                .content = w.take()},
                                               Side::kEngines));
}

// ---- answers ----

void ResultRelay::on_answer(wire::Message message, Time now) {
  const Bytes peer = message.identities.front();
  const Engine* holder = core_.registry.find(peer.view());
  const auto content = read_object(core_.json, message.content.view());
  const auto id = content ? content->text("id") : std::nullopt;
  const auto asker_uuid = content ? content->text("asker") : std::nullopt;
  const std::int64_t from = content ? content->integer("from").value_or(-1) : -1;
  if (holder == nullptr || !id || !asker_uuid || from < 0) {
    return core_.drop(Drop::kMalformed, Channel::kRegistration, peer, "a result_reply");
  }
  const auto found = waiting_.find(
      Key{std::string(*asker_uuid), std::string(*id), static_cast<std::uint64_t>(from)});
  if (found == waiting_.end() || found->second.holder != holder->id) {
    return core_.drop(Drop::kStale, Channel::kRegistration, peer, "nobody waits for this result");
  }
  const Engine* asker = core_.registry.find(std::string_view(std::get<0>(found->first)));
  const Piece piece{std::get<1>(found->first), std::get<2>(found->first), found->second.bytes};
  waiting_.erase(found);
  if (asker == nullptr) return;
  if (content->text("status") == "missing") return answer_from_records(*asker, piece, now);
  tell(*asker, message.content.str(), std::move(message.buffers));
}

void ResultRelay::answer_from_buffers(const Engine& asker, const Piece& piece,
                                      std::string_view failed) {
  HostBuffers::Place place;
  if (piece.from == 0) {
    place = core_.host_buffers.on_question(piece.id, asker, failed);
  } else {
    place.bytes = core_.host_buffers.find(piece.id, asker.id);
  }
  if (place.holder) return answer_with_place(asker, piece, *place.holder);
  if (place.bytes == nullptr) {
    return answer(asker, piece, "missing", "the controller has let go of it");
  }
  const Frames frames = {*place.bytes};
  JsonWriter w;
  w.begin_object()
      .key("id")
      .value(piece.id)
      .key("from")
      .value(piece.from)
      .key("status")
      .value("ok");
  if (piece.from == 0) wire::write_sizes(w, frames);
  tell(asker, w.end_object().take(), {wire::cut_piece(frames, piece.from, piece.bytes)});
}

void ResultRelay::answer_with_place(const Engine& asker, const Piece& piece,
                                    const wire::HostBuffer::Holder& holder) {
  JsonWriter w;
  w.begin_object().key("id").value(piece.id).key("from").value(piece.from);
  w.key("status").value("elsewhere");
  wire::write_holder(w, holder);
  tell(asker, w.end_object().take(), {});
}

void ResultRelay::answer_from_records(const Engine& asker, const Piece& piece, Time now) {
  const Recorded* recorded = find_recorded(piece.id, now);
  if (recorded == nullptr) {
    return answer(asker, piece, "missing",
                  "no engine has it any more, and the controller has no record of it");
  }
  JsonWriter w;
  w.begin_object().key("id").value(piece.id).key("from").value(piece.from);
  w.key("status").value(recorded->ok ? "ok" : "error");
  if (!recorded->ok) w.key("content").raw(recorded->content);
  Frames buffers;
  if (recorded->ok) {
    if (piece.from == 0) wire::write_sizes(w, recorded->buffers);
    buffers = {wire::cut_piece(recorded->buffers, piece.from, piece.bytes)};
  }
  tell(asker, w.end_object().take(), std::move(buffers));
}

void ResultRelay::answer(const Engine& asker, const Piece& piece, std::string_view status,
                         std::string_view why) {
  JsonWriter w;
  w.begin_object().key("id").value(piece.id).key("from").value(piece.from);
  w.key("status").value(status).key("why").value(why).end_object();
  tell(asker, w.take(), {});
}

void ResultRelay::tell(const Engine& asker, std::string content, Frames buffers) {
  core_.delivery.to_client(Channel::kRegistration,
                           core_.messages.make({.identities = {asker.registration_identity},
                                                .type = "result_reply",
                                                .content = std::move(content),
                                                .buffers = std::move(buffers)},
                                               Side::kEngines));
}

// ---- records ----

std::size_t ResultRelay::Recorded::bytes() const {
  std::size_t sum = content.size();
  for (const Bytes& buffer : buffers) sum += buffer.size();
  return sum;
}

const ResultRelay::Recorded* ResultRelay::find_recorded(const std::string& id, Time now) {
  const auto found = std::find_if(recorded_.begin(), recorded_.end(),
                                  [&id](const Recorded& each) { return each.id == id; });
  if (found != recorded_.end()) {
    Recorded again = std::move(*found);
    recorded_.erase(found);
    again.used = now;
    return &recorded_.emplace_back(std::move(again));
  }
  auto record = core_.store.find(id);
  if (!record.ok() || !record.value().is_finished() || record.value().payload_dropped) {
    return nullptr;
  }
  const ReplyFacts facts = read_reply_facts(core_.json, record.value().result_metadata);
  if (facts.status == "aborted" || !facts.dependencies_met) return nullptr;
  recorded_.push_back({id, facts.status == "ok", std::move(record.value().result_content),
                       std::move(record.value().result_buffers), now});
  std::size_t kept = 0;
  for (const Recorded& each : recorded_) kept += each.bytes();
  while (recorded_.size() > 1 && kept > kKeptBytes) {
    kept -= recorded_.front().bytes();
    recorded_.pop_front();
  }
  return &recorded_.back();
}

void ResultRelay::on_time(Time now) {
  while (!recorded_.empty() && now >= recorded_.front().used + kKeptFor) recorded_.pop_front();
}

std::optional<Time> ResultRelay::next_deadline() const {
  if (recorded_.empty()) return std::nullopt;
  return recorded_.front().used + kKeptFor;
}

// ---- engines ----

void ResultRelay::on_engine_lost(const Engine& engine, Time now) {
  std::vector<std::pair<std::string, Piece>> orphans;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto& [asker, id, from] = it->first;
    const bool holder_is_gone = it->second.holder == engine.id;
    if (holder_is_gone) orphans.push_back({asker, {id, from, it->second.bytes}});
    it = holder_is_gone || asker == engine.uuid ? waiting_.erase(it) : std::next(it);
  }
  for (const auto& [uuid, piece] : orphans) {
    const Engine* asker = core_.registry.find(std::string_view(uuid));
    if (asker != nullptr) answer_from_records(*asker, piece, now);
  }
}

}  // namespace engineroom::controller
