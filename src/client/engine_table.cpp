#include "client/engine_table.h"

#include <unordered_set>

namespace engineroom::client {

std::optional<std::string> EngineTable::uuid_of(std::int64_t id) const {
  const auto it = live_.find(id);
  if (it == live_.end()) return std::nullopt;
  return it->second;
}

std::optional<std::int64_t> EngineTable::id_of(const std::string& uuid) const {
  const auto it = known_.find(uuid);
  if (it == known_.end()) return std::nullopt;
  return it->second.id;
}

bool EngineTable::is_gone(const std::string& uuid) const {
  const auto it = known_.find(uuid);
  return it != known_.end() && !it->second.live;
}

bool EngineTable::add(std::int64_t id, const std::string& uuid) {
  const auto it = known_.find(uuid);
  if (it != known_.end() && it->second.live && it->second.id == id) return false;
  // Whoever had this id, or this engine's former id, is out of date.
  if (const std::optional<std::string> previous = uuid_of(id)) remove(*previous);
  remove(uuid);
  live_[id] = uuid;
  known_[uuid] = {id, true, ++version_};
  return true;
}

std::optional<EngineEntry> EngineTable::remove(const std::string& uuid) {
  const auto it = known_.find(uuid);
  if (it == known_.end() || !it->second.live) return std::nullopt;
  it->second.live = false;
  it->second.changed_at = ++version_;
  ++departures_;
  live_.erase(it->second.id);
  return EngineEntry{it->second.id, uuid};
}

bool EngineTable::changed_since(const std::string& uuid, std::uint64_t version) const {
  const auto it = known_.find(uuid);
  return it != known_.end() && it->second.changed_at > version;
}

EngineTable::Changes EngineTable::merge(const std::vector<EngineEntry>& list,
                                        std::uint64_t asked_at) {
  Changes changes;
  std::unordered_set<std::string> listed;
  for (const EngineEntry& engine : list) listed.insert(engine.uuid);

  const std::map<std::int64_t, std::string> before = live_;
  for (const auto& [id, uuid] : before) {
    if (listed.contains(uuid) || changed_since(uuid, asked_at)) continue;
    if (std::optional<EngineEntry> left = remove(uuid)) changes.left.push_back(*left);
  }
  for (const EngineEntry& engine : list) {
    if (changed_since(engine.uuid, asked_at)) continue;
    if (add(engine.id, engine.uuid)) changes.joined.push_back(engine);
  }
  return changes;
}

}  // namespace engineroom::client
