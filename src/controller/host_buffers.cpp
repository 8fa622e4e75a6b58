#include "controller/host_buffers.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <functional>
#include <limits>

#include "base/id.h"
#include "controller/user_scope.h"
#include "transport/shared_bytes.h"

namespace engineroom::controller {
namespace {

using transport::is_large;

constexpr EngineId kNobody{-1};

// Of a large buffer: pieces from all over it.
std::uint64_t sample_of(const Bytes& buffer) {
  constexpr std::size_t kPieces = 64;
  constexpr std::size_t kPiece = 64;
  std::array<char, kPieces * kPiece> sample{};
  const std::size_t step = (buffer.size() - kPiece) / (kPieces - 1);
  for (std::size_t i = 0; i < kPieces; ++i) {
    std::memcpy(sample.data() + i * kPiece, buffer.data() + i * step, kPiece);
  }
  return std::hash<std::string_view>{}({sample.data(), sample.size()}) ^ buffer.size();
}

// What nobody owns would not outlive the message.
bool can_be_kept(const Bytes& buffer) { return is_large(buffer) && buffer.owner() != nullptr; }

bool is_same(const Bytes& a, const Bytes& b) {
  if (a.size() != b.size()) return false;
  return a.data() == b.data() || transport::is_same_segment(a, b) ||
         std::memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

HostBuffers::HostBuffers(const Registry& registry, std::string own_host, std::uint64_t max_bytes)
    : registry_(registry),
      own_host_(std::move(own_host)),
      max_bytes_(max_bytes),
      prefix_(std::string(wire::kHostBufferPrefix) + random_hex(16) + "-") {}

// ---- requests ----

bool HostBuffers::share(wire::Message& request, std::string_view msg_id, const Engine& engine,
                        Time now, bool is_task) {
  if (!concerns(request, engine)) return false;
  // The same id once more: the earlier one is of no use.
  on_received(engine.id, msg_id, now);
  std::vector<wire::HostBuffer> shared;
  for (std::size_t i = 0; i < request.buffers.size(); ++i) {
    Bytes& buffer = request.buffers[i];
    if (!can_be_kept(buffer)) continue;
    Key key{engine.host, std::string(prefix_of(msg_id)), sample_of(buffer)};
    std::optional<wire::HostBuffer> placed = place(buffer, std::move(key), engine, is_task, now);
    if (!placed) continue;
    placed->at = i;
    if (placed->holder) buffer = Bytes();
    shared.push_back(*std::move(placed));
  }
  if (shared.empty()) return false;
  std::vector<std::string>& ids = sent_[{engine.id, std::string(msg_id)}];
  for (const wire::HostBuffer& each : shared) ids.push_back(each.id);
  auto metadata =
      wire::with_key(request.metadata.view(), wire::kHostBuffersKey, wire::to_json(shared));
  assert(metadata.ok());
  request.metadata = Bytes(metadata.take());
  return true;
}

bool HostBuffers::concerns(const wire::Message& request, const Engine& engine) const {
  return !engine.host.empty() && engine.host != own_host_ && !silent_.contains(engine.id) &&
         std::any_of(request.buffers.begin(), request.buffers.end(), can_be_kept) &&
         has_company(engine) &&
         wire::with_key(request.metadata.view(), wire::kHostBuffersKey, "[]").ok();
}

// Looks at all engines if there is none, but only for large buffers.
bool HostBuffers::has_company(const Engine& engine) const {
  const auto& all = registry_.all();
  return std::any_of(all.begin(), all.end(), [&engine](const auto& item) {
    return item.second.host == engine.host && item.first != engine.id;
  });
}

std::optional<wire::HostBuffer> HostBuffers::place(const Bytes& buffer, Key key,
                                                   const Engine& engine, bool is_task, Time now) {
  const auto found = find_or_add(buffer, std::move(key));
  if (found == entries_.end()) return std::nullopt;
  auto& [id, entry] = *found;
  const Engine* holder = registry_.find(entry.holder);
  const bool is_carried = holder == nullptr;
  if (is_carried) {
    entry.holder = engine.id;
    entry.is_relayed = false;
  }
  entry.engines.insert(engine.id);
  ++entry.waiting;
  entry.used = now;
  wire::HostBuffer placed{0, id};
  if (is_carried) return placed;
  entry.is_of_tasks = entry.is_of_tasks || is_task;
  placed.holder = describe(entry, *holder);
  spared_ += buffer.size();
  return placed;
}

wire::HostBuffer::Holder HostBuffers::describe(const Entry& entry, const Engine& holder) const {
  return {holder.uuid, holder.peer, entry.bytes.size(), patience(entry.key.host), entry.is_relayed};
}

// None if it cannot be kept.
HostBuffers::Entries::iterator HostBuffers::find_or_add(const Bytes& buffer, Key key) {
  if (const auto known = by_content_.find(key); known != by_content_.end()) {
    const auto entry = entries_.find(known->second);
    return is_same(entry->second.bytes, buffer) ? entry : entries_.end();
  }
  if (bytes_ > 0 && bytes_ + buffer.size() > max_bytes_) return entries_.end();
  bytes_ += buffer.size();
  const std::string id = prefix_ + std::to_string(++counter_);
  by_content_.emplace(key, id);
  Entry entry;
  entry.key = std::move(key);
  entry.bytes = buffer;
  entry.holder = kNobody;
  return entries_.emplace(id, std::move(entry)).first;
}

// All that may be on its way there comes first.
double HostBuffers::patience(const std::string& host) const {
  std::uint64_t bytes = 0;
  for (const auto& [id, entry] : entries_) {
    if (entry.key.host == host && entry.waiting > 0) bytes += entry.bytes.size();
  }
  return to_seconds(kPatience) + static_cast<double>(bytes) / static_cast<double>(kSlowestLink);
}

void HostBuffers::on_received(EngineId engine, std::string_view msg_id, Time now) {
  if (!silent_.empty()) silent_.erase(engine);
  if (sent_.empty()) return;
  const auto found = sent_.find({engine, std::string(msg_id)});
  if (found == sent_.end()) return;
  for (const std::string& id : found->second) {
    Entry& entry = entries_.find(id)->second;
    entry.used = now;
    if (--entry.waiting == 0) on_idle(entry);
  }
  sent_.erase(found);
}

void HostBuffers::on_engine_lost(EngineId engine, Time now) {
  const auto first = sent_.lower_bound({engine, std::string()});
  std::vector<std::string> msg_ids;
  for (auto it = first; it != sent_.end() && it->first.first == engine; ++it) {
    msg_ids.push_back(it->first.second);
  }
  for (const std::string& msg_id : msg_ids) on_received(engine, msg_id, now);
  for (auto& [id, entry] : entries_) {
    entry.engines.erase(engine);
    // Another one may get its number.
    if (entry.holder == engine) entry.holder = kNobody;
  }
  silent_.erase(engine);
}

// ---- engines that fail others ----

HostBuffers::Place HostBuffers::on_question(std::string_view id, const Engine& asker,
                                            std::string_view failed) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.engines.contains(asker.id)) return {};
  Entry& entry = found->second;
  const Engine* holder = registry_.find(entry.holder);
  if (holder != nullptr && holder->id != asker.id) {
    if (holder->uuid == failed) silent_.insert(holder->id);
    // Else its place was taken meanwhile, or it gets the bytes right now.
    if (!silent_.contains(holder->id)) return {nullptr, describe(entry, *holder)};
  }
  replace_holder(entry, asker);
  return {&entry.bytes};
}

void HostBuffers::replace_holder(Entry& entry, const Engine& by) {
  // Else a question was lost, or the answer.
  if (entry.holder != by.id || !entry.is_relayed) resent_ += entry.bytes.size();
  entry.holder = by.id;
  entry.is_relayed = true;
}

// ---- what is kept ----

const Bytes* HostBuffers::find(std::string_view id, EngineId asker) const {
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.engines.contains(asker)) return nullptr;
  return &found->second.bytes;
}

Time HostBuffers::end_of(const Entry& entry) {
  if (entry.is_of_tasks) return entry.used + kLingerOfTasks;
  if (transport::is_shared(entry.bytes)) return entry.used + kLinger;
  const double seconds =
      static_cast<double>(entry.bytes.size()) / static_cast<double>(kSlowestClient);
  return entry.used + kLinger + from_seconds(seconds);
}

void HostBuffers::on_idle(const Entry& entry) {
  const Time end = end_of(entry);
  if (!due_ || end < *due_) due_ = end;
}

std::map<EngineId, std::vector<std::string>> HostBuffers::take_released(Time now) {
  std::map<EngineId, std::vector<std::string>> released;
  if (!due_ || now < *due_) return released;
  due_.reset();
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto entry = it++;
    if (entry->second.waiting > 0) continue;
    if (now < end_of(entry->second)) {
      on_idle(entry->second);
      continue;
    }
    for (const EngineId engine : entry->second.engines) released[engine].push_back(entry->first);
    erase(entry);
  }
  return released;
}

void HostBuffers::erase(Entries::iterator entry) {
  bytes_ -= entry->second.bytes.size();
  by_content_.erase(entry->second.key);
  entries_.erase(entry);
}

void HostBuffers::write(JsonWriter& w) const {
  w.begin_object().key("kept").value(std::uint64_t{entries_.size()});
  w.key("bytes").value(bytes_).key("spared_bytes").value(spared_);
  w.key("resent_bytes").value(resent_).end_object();
}

void HostBuffers::sanity_check() const {
  assert(by_content_.size() == entries_.size());
  std::map<std::string, std::size_t> waiting;
  for (const auto& [request, ids] : sent_) {
    for (const std::string& id : ids) ++waiting[id];
  }
  std::uint64_t bytes = 0;
  for ([[maybe_unused]] const auto& [id, entry] : entries_) {
    assert(by_content_.at(entry.key) == id);
    assert(entry.waiting == waiting[id]);
    assert(entry.waiting > 0 || due_);
    bytes += entry.bytes.size();
  }
  assert(bytes == bytes_);
  static_cast<void>(bytes);
}

}  // namespace engineroom::controller
