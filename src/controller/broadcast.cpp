#include "controller/broadcast.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <simdjson.h>

#include "controller/json_object.h"

namespace engineroom::controller {
namespace {

// [uuid, id] of one target; nullopt if it is something else.
std::optional<std::pair<std::string, std::string>> read_target(simdjson::dom::element element) {
  simdjson::dom::array pair;
  std::string_view uuid;
  if (element.get(pair) != simdjson::SUCCESS || pair.size() == 0) return std::nullopt;
  if (pair.at(0).get(uuid) != simdjson::SUCCESS || uuid.empty()) return std::nullopt;
  return std::pair(std::string(uuid), simdjson::minify(element));
}

}  // namespace

// ---- requests ----

std::optional<BroadcastRoute::Pending> BroadcastRoute::read_request(wire::Message message,
                                                                    wire::Header header) {
  const auto metadata = read_object(core_.json, message.metadata.view());
  const auto targets = metadata ? metadata->array("targets") : std::nullopt;
  if (!targets || targets->size() == 0 || targets->size() > kMaxTargets) return std::nullopt;
  Pending pending;
  pending.msg_id = std::move(header.msg_id);
  pending.msg_type = std::move(header.msg_type);
  pending.is_coalescing = metadata->flag("is_coalescing").value_or(false);
  for (const simdjson::dom::element element : *targets) {
    auto target = read_target(element);
    if (!target) return std::nullopt;
    Target& added = pending.targets.emplace_back();
    added.uuid = std::move(target->first);
    added.json = std::move(target->second);
  }
  pending.by_uuid.resize(pending.targets.size());
  std::iota(pending.by_uuid.begin(), pending.by_uuid.end(), std::size_t{0});
  std::sort(pending.by_uuid.begin(), pending.by_uuid.end(),
            [&pending](std::size_t a, std::size_t b) {
              return pending.targets[a].uuid < pending.targets[b].uuid;
            });
  const auto same = std::adjacent_find(pending.by_uuid.begin(), pending.by_uuid.end(),
                                       [&pending](std::size_t a, std::size_t b) {
                                         return pending.targets[a].uuid == pending.targets[b].uuid;
                                       });
  if (same != pending.by_uuid.end()) return std::nullopt;
  pending.missing = pending.targets.size();
  pending.request = std::move(message);
  return pending;
}

void BroadcastRoute::on_request(Frames frames, Time now) {
  auto message =
      core_.accept(Channel::kBroadcastClient, std::move(frames), 1, &core_.requests_seen);
  if (!message) return;
  const Bytes client = message->identities.front();
  const auto header = core_.accept_header(Channel::kBroadcastClient, message->header, client);
  if (!header) return;
  // After a restart clients ask again what may have been lost, and may be too early.
  if (core_.journal != nullptr && core_.journal->has_seen(header->msg_id)) return;
  auto pending = read_request(std::move(*message), *header);
  if (!pending || pending_.contains(header->msg_id)) {
    return core_.drop(
        Drop::kMalformed, Channel::kBroadcastClient, client,
        pending ? "this id is taken" : "metadata.targets is no list of different [uuid, id]");
  }
  record(*pending, *header, now);
  if (core_.journal != nullptr) {
    core_.journal->note_request(Channel::kBroadcastClient, header->msg_id,
                                wire::join(pending->request), false, core_.wall_time(now));
  }
  // The engines' copies hold the arguments; what stays here is counted as a request of no size.
  const auto refusal = core_.clients.admit(client.view(), 0);
  pending->is_admitted = !refusal;
  const auto item = pending_.emplace(header->msg_id, std::move(*pending)).first;
  for (Target& target : item->second.targets) {
    const Engine* engine = core_.registry.find(std::string_view(target.uuid));
    if (refusal) {
      fail(item->second, target, {"TaskRejectError", *refusal}, now);
    } else if (engine != nullptr && engine->is_awaited) {
      continue;  // it gets it when it is back
    } else if (engine != nullptr) {
      send_child(item->second, target, *engine, now);
    } else {
      fail_dead(item->second, target, now);
    }
  }
  // The engines' copies hold the arguments now; what is left is needed for replies only.
  item->second.request.buffers.clear();
  finish_if_done(item, now);
}

// Clients ask for results by the ids they wait for: one per engine, or the request's own if
// coalescing.
void BroadcastRoute::record(const Pending& pending, const wire::Header& header, Time now) {
  constexpr store::QueueKind kQueue = store::QueueKind::kBroadcast;
  const std::string label = label_of(core_.json, pending.request.metadata);
  if (pending.is_coalescing) {
    return record_request(core_, kQueue, pending.msg_id, pending.request, header, label, now);
  }
  for (const Target& target : pending.targets) {
    if (target.is_answered) continue;
    const std::string id = child_id(pending, target);
    record_request(core_, kQueue, id, pending.request, header, label, now);
    (void)core_.store.mark_sent(id, target.uuid);
  }
}

void BroadcastRoute::send_child(const Pending& pending, const Target& target, const Engine& engine,
                                Time now) {
  // Nothing below can fail: both frames were read as objects before.
  const auto header = wire::with_key(pending.request.header.view(), "msg_id",
                                     json_quote(child_id(pending, target)));
  auto metadata =
      wire::with_key(pending.request.metadata.view(), "targets", "[" + target.json + "]");
  if (metadata.ok()) {
    metadata = wire::with_key(metadata.value(), "original_msg_id", json_quote(pending.msg_id));
  }
  if (!header.ok() || !metadata.ok()) return;
  wire::Message child = pending.request;
  child.header = Bytes(header.value());
  child.metadata = Bytes(metadata.value());
  core_.host_buffers.share(child, child_id(pending, target), engine, now);
  core_.delivery.to_engine(Channel::kBroadcastEngine, engine,
                           core_.messages.seal(child, Side::kEngines), now);
}

// ---- replies ----

BroadcastRoute::Target* BroadcastRoute::find_target(Pending& pending, std::string_view uuid) {
  const auto found = std::lower_bound(pending.by_uuid.begin(), pending.by_uuid.end(), uuid,
                                      [&pending](std::size_t at, std::string_view value) {
                                        return pending.targets[at].uuid < value;
                                      });
  if (found == pending.by_uuid.end() || pending.targets[*found].uuid != uuid) return nullptr;
  return &pending.targets[*found];
}

bool BroadcastRoute::on_reply(Frames frames, Time now) {
  auto message = core_.accept(Channel::kBroadcastEngine, std::move(frames), 2, &core_.replies_seen);
  if (!message) return true;
  const Bytes uuid = message->identities[0];
  Engine* engine = core_.registry.find(uuid.view());
  const auto parent = core_.accept_header(Channel::kBroadcastEngine, message->parent_header, uuid);
  if (!parent) return true;
  if (engine != nullptr) core_.note_receipt(*engine, parent->msg_id, now);

  // "<original>_<uuid>"
  std::string_view original = parent->msg_id;
  const bool is_child = original.size() > uuid.size() && original.ends_with(uuid.view());
  if (is_child) original.remove_suffix(uuid.size() + 1);
  const auto item = pending_.find(original);
  Target* target =
      is_child && item != pending_.end() ? find_target(item->second, uuid.view()) : nullptr;
  if (engine == nullptr || target == nullptr || target->is_answered) {
    core_.drop(Drop::kStale, Channel::kBroadcastEngine, uuid, "nobody waits for " + parent->msg_id);
    return engine != nullptr;
  }

  Pending& pending = item->second;
  const ReplyFacts facts = read_reply_facts(core_.json, message->metadata.view());
  target->is_answered = true;
  --pending.missing;
  ++engine->completed;
  if (pending.is_coalescing) {
    coalesce(*target, *message, facts);
    note_answer(pending, *target);
  } else {
    record_reply(core_, parent->msg_id, *message, facts, engine->uuid, now);
    message->identities = {pending.request.identities.front()};
    target->is_ok = facts.status == "ok";
    deliver(pending, *target, core_.messages.relay(*message, Side::kClients), now);
  }
  finish_if_done(item, now);
  return true;
}

void BroadcastRoute::coalesce(Target& target, const wire::Message& reply, const ReplyFacts& facts) {
  target.is_ok = facts.status == "ok";
  target.is_quiet = facts.is_idle || facts.status == "aborted";
  target.content = reply.content;
  if (target.is_ok) target.buffers = reply.buffers;
  target.started = facts.started;
}

// Coalescing only: the others' replies are in the journal themselves.
void BroadcastRoute::note_answer(const Pending& pending, const Target& target) {
  if (core_.journal == nullptr) return;
  core_.journal->note_part(pending.msg_id, target.uuid, target.is_ok, to_frames(target));
}

void BroadcastRoute::fail_dead(Pending& pending, Target& target, Time now) {
  fail(pending, target, engine_died(target.uuid, child_id(pending, target)), now);
}

void BroadcastRoute::fail(Pending& pending, Target& target, const RemoteError& error, Time now) {
  const std::string id = child_id(pending, target);
  target.is_answered = true;
  --pending.missing;
  target.is_quiet = true;
  target.content = Bytes(to_content(error));
  if (pending.is_coalescing) return note_answer(pending, target);

  JsonWriter w;
  w.begin_object().key("status").value("error").key("engine").value(target.uuid);
  w.key("is_broadcast").value(true).key("is_coalescing").value(false);
  w.key("original_msg_id").value(pending.msg_id).key("dependencies_met").value(true).end_object();
  const auto parent = wire::with_key(pending.request.header.view(), "msg_id", json_quote(id));
  if (!parent.ok()) return;
  const std::string type = reply_type(pending.msg_type);
  const wire::Message reply =
      core_.messages.compose({.identities = {pending.request.identities.front()},
                              .type = type,
                              .parent_header = Bytes(parent.value()),
                              .metadata = w.take(),
                              .content = target.content.str()});
  record_reply(core_, id, reply, {}, target.uuid, now);
  deliver(pending, target, core_.messages.seal(reply, Side::kClients), now);
}

// A reply to one part goes to the client by itself.
void BroadcastRoute::deliver(const Pending& pending, const Target& target, const Frames& frames,
                             Time now) {
  if (core_.journal != nullptr) {
    core_.journal->note_part_reply(pending.msg_id, target.uuid, target.is_ok, frames,
                                   core_.wall_time(now));
  }
  core_.delivery.to_client(Channel::kBroadcastClient, frames);
}

void BroadcastRoute::send_coalesced(const Pending& pending, Time now) {
  const auto failed = std::find_if(pending.targets.begin(), pending.targets.end(),
                                   [](const Target& target) { return !target.is_ok; });
  const bool is_ok = failed == pending.targets.end();
  ReplyFacts facts;
  facts.status = is_ok ? "ok" : "error";
  // The earliest: ISO 8601 text compares like time.
  for (const Target& target : pending.targets) {
    if (target.started.empty()) continue;
    if (facts.started.empty() || target.started < facts.started) facts.started = target.started;
  }
  const auto n_quiet = std::count_if(pending.targets.begin(), pending.targets.end(),
                                     [](const Target& target) { return target.is_quiet; });

  JsonWriter w;
  w.begin_object();
  if (n_quiet > 0) w.key("quiet_engines").value(static_cast<std::int64_t>(n_quiet));
  if (!facts.started.empty()) w.key("started").value(facts.started);
  w.key("dependencies_met").value(true);
  w.key("engine").value(is_ok ? pending.targets.front().uuid : failed->uuid);
  w.key("is_broadcast").value(true).key("is_coalescing").value(true);
  w.key("original_msg_id").value(pending.msg_id).key("status").value(facts.status);
  w.key("broadcast_targets").begin_array();
  for (const Target& target : pending.targets) w.raw(target.json);
  w.end_array().end_object();

  Frames buffers;
  if (is_ok) {
    for (const Target& target : pending.targets) {
      buffers.insert(buffers.end(), target.buffers.begin(), target.buffers.end());
    }
  }
  const std::string type = reply_type(pending.msg_type);
  const wire::Message reply =
      core_.messages.compose({.identities = {pending.request.identities.front()},
                              .type = type,
                              .parent_header = pending.request.header,
                              .metadata = w.take(),
                              .content = (is_ok ? pending.targets.front() : *failed).content.str(),
                              .buffers = std::move(buffers)});
  record_reply(core_, pending.msg_id, reply, facts, {}, now);
  const Frames frames = core_.messages.seal(reply, Side::kClients);
  if (core_.journal != nullptr) {
    core_.journal->note_reply(pending.msg_id, is_ok, std::nullopt, frames, core_.wall_time(now));
  }
  core_.delivery.to_client(Channel::kBroadcastClient, frames);
}

void BroadcastRoute::finish_if_done(StringMap<Pending>::iterator item, Time now) {
  if (item->second.missing > 0) return;
  if (item->second.is_coalescing) {
    send_coalesced(item->second, now);
  } else if (core_.journal != nullptr) {
    core_.journal->note_reply(item->first, true, std::nullopt, {}, core_.wall_time(now));
  }
  if (item->second.is_admitted) {
    core_.clients.release(item->second.request.identities.front().view(), 0);
  }
  pending_.erase(item);
}

// ---- after a restart ----

Frames BroadcastRoute::to_frames(const Target& target) {
  Frames frames = {Bytes::of_static(target.is_quiet ? "quiet" : ""), Bytes(target.started),
                   target.content};
  frames.insert(frames.end(), target.buffers.begin(), target.buffers.end());
  return frames;
}

// The first frame is the uuid.
void BroadcastRoute::from_frames(const Frames& frames, Target& target) {
  if (frames.size() < 4) return;
  target.is_quiet = !frames[1].empty();
  target.started = frames[2].str();
  target.content = Bytes::copy_of(frames[3].view());
  for (std::size_t i = 4; i < frames.size(); ++i) {
    target.buffers.push_back(Bytes::copy_of(frames[i].view()));
  }
}

void BroadcastRoute::restore_part(Pending& pending, const Journal::Part& part) {
  Target* target = find_target(pending, part.uuid);
  if (target == nullptr || target->is_answered) return;
  target->is_answered = true;
  --pending.missing;
  if (!pending.is_coalescing) return;
  std::string storage;
  const auto record = core_.journal->load(part.extent, storage);
  if (!record.ok()) return;
  target->is_ok = record.value().flag;
  from_frames(record.value().frames, *target);
}

void BroadcastRoute::restore(const Journal::OpenRequest& open, const std::string& msg_id,
                             const JournalRecord& record, Time now) {
  Frames frames;
  for (const Bytes& frame : record.frames) frames.push_back(Bytes::copy_of(frame.view()));
  auto message = wire::split(std::move(frames));
  if (!message.ok() || message.value().identities.empty()) return;
  const auto header = wire::parse_header(message.value().header.view());
  if (!header.ok()) return;
  auto pending = read_request(message.take(), header.value());
  if (!pending || pending_.contains(msg_id)) return;
  for (const Journal::Part& part : open.parts) restore_part(*pending, part);
  this->record(*pending, header.value(), now);
  pending->request.buffers.clear();
  core_.clients.count(pending->request.identities.front().view(), 0);
  const auto item = pending_.emplace(msg_id, std::move(*pending)).first;
  for (Target& target : item->second.targets) {
    const bool is_there = core_.registry.find(std::string_view(target.uuid)) != nullptr;
    if (!target.is_answered && !is_there) fail_dead(item->second, target, now);
  }
  finish_if_done(item, now);
}

void BroadcastRoute::on_engine_returned(const Engine& engine,
                                        const std::unordered_set<std::string>& held, Time now) {
  std::vector<std::string> missing;
  for (auto& [msg_id, pending] : pending_) {
    const Target* target = find_target(pending, engine.uuid);
    const bool is_waiting = target != nullptr && !target->is_answered;
    if (is_waiting && !held.contains(child_id(pending, *target))) missing.push_back(msg_id);
  }
  core_.journal->sort_by_arrival(missing);
  for (const std::string& msg_id : missing) {
    Pending& pending = pending_.find(msg_id)->second;
    auto message = wire::split(core_.journal->request_frames(msg_id));
    if (!message.ok()) {
      ER_LOG_ERROR("journal: '{}' is lost: {}", msg_id, message.status().message());
      continue;
    }
    pending.request.buffers = std::move(message.value().buffers);
    send_child(pending, *find_target(pending, engine.uuid), engine, now);
    pending.request.buffers.clear();
  }
}

void BroadcastRoute::on_engine_lost(const Engine& engine, Time now) {
  for (auto item = pending_.begin(); item != pending_.end();) {
    const auto next = std::next(item);
    Target* target = find_target(item->second, engine.uuid);
    if (target != nullptr && !target->is_answered) {
      fail_dead(item->second, *target, now);
      finish_if_done(item, now);
    }
    item = next;
  }
}

}  // namespace engineroom::controller
