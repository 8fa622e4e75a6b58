#include "controller/journal.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include <fmt/core.h>

#include "controller/resources.h"

namespace engineroom::controller {
namespace {

std::int64_t microseconds(store::WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

// The scheduler's name of a task (task_draft.h).
std::int64_t hash_of(std::string_view msg_id) {
  return static_cast<std::int64_t>(std::hash<std::string_view>{}(msg_id));
}

constexpr char kBeforeUuid = '_';

// "<msg_id>_<uuid>": the first part; "" if it is no such id.
std::string_view whole_of(std::string_view part_id) {
  const std::size_t end = part_id.rfind(kBeforeUuid);
  return end == part_id.npos ? std::string_view() : part_id.substr(0, end);
}

std::string text_at(const Frames& frames, std::size_t at) {
  return at < frames.size() ? frames[at].str() : std::string();
}

}  // namespace

Journal::Journal(JournalSink& sink, std::string id) : id_(std::move(id)), sink_(&sink) {
  sink.append(kJournalMagic);
  write({.kind = RecordKind::kStart, .number = start_, .key = id_});
}

Result<Journal> Journal::read(std::string_view file, JournalSink& sink) {
  Journal journal;
  journal.sink_ = &sink;
  journal.is_reading_ = true;
  auto scan = scan_journal(file, [&journal](const JournalRecord& record, const Extent& extent) {
    journal.apply(record, extent);
  });
  if (!scan.ok()) return scan.status();
  if (journal.id_.empty()) {
    return Status(ErrorCode::kMalformed,
                  "the journal is empty; without --restore a new one takes "
                  "its place");
  }
  journal.is_reading_ = false;
  ++journal.start_;
  return journal;
}

// ---- what happens ----

void Journal::write(const JournalRecord& record) {
  scratch_.clear();
  append_record(scratch_, record);
  const Extent extent{sink_->size(), scratch_.size()};
  sink_->append(scratch_);
  apply(record, extent);
  if (scratch_.capacity() > (1u << 20)) scratch_ = std::string();
}

void Journal::note_engine(const Engine& engine) {
  write({.kind = RecordKind::kEngine,
         .engine = number(engine.id),
         .key = engine.uuid,
         .frames = {Bytes::of_static(engine.version), engine.registration_identity,
                    Bytes::of_static(engine.peer),

                    Bytes(R"({"resources":)" + to_json(engine.offer) + "}")}});
}

void Journal::note_engine_left(EngineId engine) {
  if (engines_.contains(engine)) {
    write({.kind = RecordKind::kEngineLeft, .engine = number(engine)});
  }
}

void Journal::note_client(std::string_view identity) {
  if (clients_.contains(std::string(identity))) return;
  write({.kind = RecordKind::kClient, .key = identity});
}

void Journal::note_request(Channel channel, std::string_view msg_id, Frames frames, bool is_own,
                           store::WallTime now) {
  write({.kind = RecordKind::kRequest,
         .channel = static_cast<std::uint8_t>(index_of(channel)),
         .flag = is_own,
         .time = microseconds(now),
         .key = msg_id,
         .frames = std::move(frames)});
}

void Journal::note_sent(std::string_view msg_id, EngineId engine, int attempts) {
  write({.kind = RecordKind::kSent, .engine = number(engine), .number = attempts, .key = msg_id});
}

void Journal::note_retry(std::string_view msg_id, int retries_left) {
  write({.kind = RecordKind::kRetry, .number = retries_left, .key = msg_id});
}

void Journal::note_abort(std::string_view msg_id) {
  write({.kind = RecordKind::kAbort, .key = msg_id});
}

void Journal::note_reply(std::string_view msg_id, bool ok, std::optional<EngineId> engine,
                         Frames frames, store::WallTime now) {
  const auto open = open_.find(msg_id);
  if (open == open_.end()) return;
  write({.kind = RecordKind::kReply,
         .channel = static_cast<std::uint8_t>(index_of(open->second.channel)),
         .flag = ok,
         .engine = engine ? number(*engine) : -1,
         .time = microseconds(now),
         .key = msg_id,
         .frames = std::move(frames)});
}

void Journal::note_part(std::string_view msg_id, std::string_view uuid, bool ok,
                        const Frames& more) {
  if (!open_.contains(msg_id)) return;
  Frames frames = {Bytes::of_static(uuid)};
  frames.insert(frames.end(), more.begin(), more.end());
  write({.kind = RecordKind::kPart, .flag = ok, .key = msg_id, .frames = std::move(frames)});
}

void Journal::note_part_reply(std::string_view msg_id, std::string_view uuid, bool ok,
                              Frames frames, store::WallTime now) {
  if (!open_.contains(msg_id)) return;
  const std::string part_id = fmt::format("{}{}{}", msg_id, kBeforeUuid, uuid);
  write({.kind = RecordKind::kReply,
         .channel = static_cast<std::uint8_t>(index_of(Channel::kBroadcastClient)),
         .flag = ok,
         .time = microseconds(now),
         .key = part_id,
         .frames = std::move(frames)});
  note_part(msg_id, uuid, ok, {});
}

void Journal::note_received(const std::vector<std::string>& msg_ids) {
  Frames frames;
  for (const std::string& msg_id : msg_ids) {
    if (kept_.contains(msg_id)) frames.push_back(Bytes::of_static(msg_id));
  }
  if (!frames.empty()) write({.kind = RecordKind::kReceived, .frames = std::move(frames)});
}

// ---- what it amounts to ----

void Journal::apply(const JournalRecord& record, const Extent& extent) {
  switch (record.kind) {
    case RecordKind::kStart:
      id_ = record.key;
      start_ = record.number;
      // Of engines: written by rewrite().
      if (record.engine > next_engine_id_) next_engine_id_ = record.engine;
      return;
    case RecordKind::kEngine: {
      if (record.engine < 0 || record.engine == std::numeric_limits<std::int32_t>::max()) return;
      const EngineId id{record.engine};
      engines_[id] = {std::string(record.key), text_at(record.frames, 0), text_at(record.frames, 1),
                      text_at(record.frames, 2), text_at(record.frames, 3)};
      next_engine_id_ = std::max(next_engine_id_, record.engine + 1);
      return;
    }
    case RecordKind::kEngineLeft:
      engines_.erase(EngineId{record.engine});
      return;
    case RecordKind::kClient:
      clients_.emplace(record.key);
      return;
    case RecordKind::kRequest:
      return apply_request(record, extent);
    case RecordKind::kPart:
      return apply_part(record, extent);
    case RecordKind::kReply:
      return apply_reply(record, extent);
    case RecordKind::kReceived:
      for (const Bytes& msg_id : record.frames) forget_kept(msg_id.view());
      return;
    case RecordKind::kOutcome:
      return remember({record.number, record.time != 0, record.flag, EngineId{record.engine}});
    case RecordKind::kSent:
    case RecordKind::kRetry:
    case RecordKind::kAbort:
      break;
  }
  const auto found = open_.find(record.key);
  if (found == open_.end()) return;
  OpenRequest& request = found->second;
  if (record.kind == RecordKind::kSent) {
    request.engine = EngineId{record.engine};
    request.attempts = static_cast<int>(record.number);
  } else if (record.kind == RecordKind::kRetry) {
    request.engine = EngineId{-1};
    request.retries_left = static_cast<int>(record.number);
  } else {
    request.is_abort_wanted = true;
  }
}

void Journal::apply_request(const JournalRecord& record, const Extent& extent) {
  if (record.channel >= kChannelCount) return;
  OpenRequest request;
  request.channel = static_cast<Channel>(record.channel);
  request.is_own = record.flag;
  request.extent = extent;
  const auto [item, is_new] = open_.try_emplace(std::string(record.key));
  if (!is_new) live_bytes_ -= size_of(item->second);
  item->second = request;
  live_bytes_ += extent.size;
}

void Journal::apply_part(const JournalRecord& record, const Extent& extent) {
  const auto found = open_.find(record.key);
  if (found == open_.end()) return;
  found->second.parts.push_back({text_at(record.frames, 0), extent});
  live_bytes_ += extent.size;
}

std::uint64_t Journal::size_of(const OpenRequest& request) {
  std::uint64_t size = request.extent.size;
  for (const Part& part : request.parts) size += part.extent.size;
  return size;
}

void Journal::apply_reply(const JournalRecord& record, const Extent& extent) {
  if (record.channel >= kChannelCount) return;
  const auto found = open_.find(record.key);
  if (found != open_.end()) {
    live_bytes_ -= size_of(found->second);
    note_ended(found->second.extent, extent, record.time);
    open_.erase(found);
    const bool is_task = static_cast<Channel>(record.channel) == Channel::kTaskClient;
    remember({hash_of(record.key), is_task, record.flag, EngineId{record.engine}});
  } else if (const OpenRequest* whole = find_whole(record.key)) {
    note_ended(whole->extent, extent, record.time);
  }
  if (!record.frames.empty() && clients_.contains(record.frames.front().str())) {
    keep(record, extent);
  }
}

void Journal::note_ended(const Extent& request, const Extent& reply, std::int64_t time) {
  if (!is_reading_) return;
  recently_ended_.push_back({request, reply, time});
  drop_old_ended(time);
}

void Journal::drop_old_ended(std::int64_t now) {
  const auto limit = now - std::chrono::microseconds(kRecent).count();
  // Rarely, and then many at once.
  if (recently_ended_.empty() || recently_ended_.front().time >= 2 * limit - now) return;
  std::erase_if(recently_ended_, [limit](const Ended& ended) { return ended.time < limit; });
}

void Journal::remember(const Outcome& outcome) {
  if (!ended_.insert(outcome.hash).second) return;
  outcomes_.push_back(outcome);
  if (outcomes_.size() <= kMaxOutcomes) return;
  ended_.erase(outcomes_.front().hash);
  outcomes_.pop_front();
}

void Journal::keep(const JournalRecord& record, const Extent& extent) {
  forget_kept(record.key);
  const std::uint64_t order = kept_count_++;
  kept_[std::string(record.key)] = {static_cast<Channel>(record.channel), extent, order};
  kept_order_.emplace_back(order, record.key);
  kept_bytes_ += extent.size;
  live_bytes_ += extent.size;
  while (kept_.size() > kMaxKept || (kept_bytes_ > kMaxKeptBytes && kept_.size() > 1)) {
    const auto [oldest, msg_id] = std::move(kept_order_.front());
    kept_order_.pop_front();
    const auto found = kept_.find(msg_id);
    if (found != kept_.end() && found->second.order == oldest) forget_kept(msg_id);
  }
  // What was received leaves its place in the order behind.
  while (!kept_order_.empty()) {
    const auto found = kept_.find(kept_order_.front().second);
    if (found != kept_.end() && found->second.order == kept_order_.front().first) break;
    kept_order_.pop_front();
  }
}

void Journal::forget_kept(std::string_view msg_id) {
  const auto found = kept_.find(msg_id);
  if (found == kept_.end()) return;
  kept_bytes_ -= found->second.extent.size;
  live_bytes_ -= found->second.extent.size;
  kept_.erase(found);
}

// ---- questions ----

bool Journal::is_open(std::string_view msg_id) const {
  if (open_.contains(msg_id)) return true;
  const OpenRequest* whole = find_whole(msg_id);
  if (whole == nullptr) return false;
  const std::string_view uuid = msg_id.substr(whole_of(msg_id).size() + 1);
  return std::none_of(whole->parts.begin(), whole->parts.end(),
                      [uuid](const Part& part) { return part.uuid == uuid; });
}

bool Journal::has_seen(std::string_view msg_id) const {
  return open_.contains(msg_id) || kept_.contains(msg_id) || ended_.contains(hash_of(msg_id));
}

const Journal::OpenRequest* Journal::find_whole(std::string_view part_id) const {
  const std::string_view whole = whole_of(part_id);
  const auto found = whole.empty() ? open_.end() : open_.find(whole);
  const bool is_broadcast =
      found != open_.end() && found->second.channel == Channel::kBroadcastClient;
  return is_broadcast ? &found->second : nullptr;
}

Result<JournalRecord> Journal::load(const Extent& extent, std::string& storage) const {
  auto bytes = sink_->read(extent);
  if (!bytes.ok()) return bytes.status();
  storage = bytes.take();
  return parse_record(storage);
}

Frames Journal::load_frames(const Extent& extent) const {
  std::string storage;
  const auto record = load(extent, storage);
  if (!record.ok()) return {};
  Frames frames;
  for (const Bytes& frame : record.value().frames) frames.push_back(Bytes::copy_of(frame.view()));
  return frames;
}

std::optional<Journal::KeptReply> Journal::kept_reply(std::string_view msg_id) const {
  const auto found = kept_.find(msg_id);
  if (found == kept_.end()) return std::nullopt;
  return KeptReply{found->second.channel, load_frames(found->second.extent)};
}

Frames Journal::request_frames(std::string_view msg_id) const {
  const auto found = open_.find(msg_id);
  return found == open_.end() ? Frames() : load_frames(found->second.extent);
}

void Journal::sort_by_arrival(std::vector<std::string>& msg_ids) const {
  const auto place = [this](const std::string& msg_id) {
    const auto found = open_.find(msg_id);
    return found == open_.end() ? 0 : found->second.extent.offset;
  };
  std::sort(msg_ids.begin(), msg_ids.end(),
            [&place](const auto& a, const auto& b) { return place(a) < place(b); });
}

std::vector<std::pair<std::string, Journal::OpenRequest>> Journal::open_requests() const {
  std::vector<std::pair<std::string, OpenRequest>> requests(open_.begin(), open_.end());
  std::sort(requests.begin(), requests.end(), [](const auto& a, const auto& b) {
    return a.second.extent.offset < b.second.extent.offset;
  });
  return requests;
}

// ---- size ----

Result<Extent> Journal::copy(const Extent& extent, JournalSink& to) const {
  auto bytes = sink_->read(extent);
  if (!bytes.ok()) return bytes.status();
  const Extent copied{to.size(), extent.size};
  to.append(bytes.value());
  return copied;
}

Status Journal::rewrite(JournalSink& to) {
  std::string out(kJournalMagic);
  append_record(
      out, {.kind = RecordKind::kStart, .engine = next_engine_id_, .number = start_, .key = id_});
  for (const auto& [id, engine] : engines_) {
    append_record(out, {.kind = RecordKind::kEngine,
                        .engine = number(id),
                        .key = engine.uuid,
                        .frames = {Bytes::of_static(engine.version),
                                   Bytes::of_static(engine.registration_identity),
                                   Bytes::of_static(engine.peer),

                                   Bytes::of_static(engine.offer)}});
  }
  for (const std::string& client : clients_) {
    append_record(out, {.kind = RecordKind::kClient, .key = client});
  }
  for (const Outcome& outcome : outcomes_) {
    append_record(out, {.kind = RecordKind::kOutcome,
                        .flag = outcome.ok,
                        .engine = number(outcome.engine),
                        .number = outcome.hash,
                        .time = outcome.is_task ? 1 : 0});
  }
  to.append(out);
  for (const auto& [order, msg_id] : kept_order_) {
    const auto found = kept_.find(msg_id);
    if (found == kept_.end() || found->second.order != order) continue;
    auto extent = copy(found->second.extent, to);
    if (!extent.ok()) return extent.status();
    found->second.extent = extent.value();
  }
  for (const auto& [msg_id, request] : open_requests()) {
    auto extent = copy(request.extent, to);
    if (!extent.ok()) return extent.status();
    OpenRequest& copied = open_.find(msg_id)->second;
    copied.extent = extent.value();
    for (Part& part : copied.parts) {
      auto place = copy(part.extent, to);
      if (!place.ok()) return place.status();
      part.extent = place.value();
    }
    out.clear();
    if (request.retries_left) {
      append_record(out,
                    {.kind = RecordKind::kRetry, .number = *request.retries_left, .key = msg_id});
    }
    if (number(request.engine) >= 0 || request.attempts > 0) {
      append_record(out, {.kind = RecordKind::kSent,
                          .engine = number(request.engine),
                          .number = request.attempts,
                          .key = msg_id});
    }
    if (request.is_abort_wanted) append_record(out, {.kind = RecordKind::kAbort, .key = msg_id});
    to.append(out);
  }
  recently_ended_.clear();
  sink_ = &to;
  return {};
}

void Journal::sanity_check() const {
  assert(outcomes_.size() == ended_.size());
  assert(outcomes_.size() <= kMaxOutcomes);
  assert(kept_.size() <= kMaxKept && kept_order_.size() >= kept_.size());
  std::uint64_t live = 0;
  std::uint64_t kept = 0;
  for (const auto& [msg_id, request] : open_) live += size_of(request);
  for (const auto& [msg_id, reply] : kept_) kept += reply.extent.size;
  assert(kept == kept_bytes_ && live + kept == live_bytes_);
  (void)live;
  (void)kept;
}

}  // namespace engineroom::controller
