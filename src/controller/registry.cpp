#include "controller/registry.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace engineroom::controller {

const char* to_string(Departure why) {
  switch (why) {
    case Departure::kUnregistered:
      return "unregistered";
    case Departure::kHeartStopped:
      return "heart stopped";
    case Departure::kConnectionClosed:
      return "connection closed";
    case Departure::kRetired:
      return "it had nothing to do, and was told to exit";
    case Departure::kNeverReturned:
      return "did not come back to the restarted controller";
    case Departure::kNeverStarted:
      return "never started its heart";
  }
  return "?";
}

EngineId Registry::choose_id(std::optional<int> requested) const {
  if (requested && *requested >= 0 && *requested <= kMaxRequestedId &&
      !engines_.contains(EngineId{*requested})) {
    return EngineId{*requested};
  }
  return EngineId{next_id_};
}

Engine& Registry::add(std::string uuid, std::optional<int> requested_id, Time now) {
  assert(!by_uuid_.contains(uuid));
  return insert(choose_id(requested_id), std::move(uuid), now);
}

Engine& Registry::restore(EngineId id, std::string uuid, Time now) {
  assert(!engines_.contains(id));
  Engine& engine = insert(id, std::move(uuid), now);
  engine.is_registered = engine.is_awaited = true;
  return engine;
}

Engine& Registry::insert(EngineId id, std::string uuid, Time now) {
  // Ids that were asked for count as used: nobody gets one that a client may still remember.
  next_id_ = std::max(next_id_, number(id) + 1);
  Engine engine;
  engine.id = id;
  engine.identity = Bytes(uuid);
  engine.registration_identity = engine.identity;
  engine.uuid = uuid;
  engine.since = now;
  by_uuid_.emplace(std::move(uuid), id);
  return engines_.emplace(id, std::move(engine)).first->second;
}

std::optional<Engine> Registry::remove(EngineId id, Departure why) {
  const auto found = engines_.find(id);
  if (found == engines_.end()) return std::nullopt;
  Engine engine = std::move(found->second);
  engines_.erase(found);
  by_uuid_.erase(engine.uuid);
  remember(engine, why);
  return engine;
}

void Registry::remember(const Engine& engine, Departure why) {
  const bool is_new =
      departed_.insert_or_assign(engine.uuid, Departed{engine.id, engine.is_ours(), why, {}})
          .second;
  if (!is_new) return;
  departed_order_.push_back(engine.uuid);
  if (departed_order_.size() <= kMaxDeparted) return;
  departed_.erase(departed_order_.front());
  departed_order_.pop_front();
}

Engine* Registry::find(EngineId id) {
  const auto found = engines_.find(id);
  return found == engines_.end() ? nullptr : &found->second;
}

Engine* Registry::find(std::string_view uuid) {
  const auto found = by_uuid_.find(uuid);
  return found == by_uuid_.end() ? nullptr : find(found->second);
}

// Linear: asked once per connection that ends, not per message.
Engine* Registry::find_connection(int connection) {
  if (connection < 0) return nullptr;
  for (auto& [id, engine] : engines_) {
    if (engine.connection == connection) return &engine;
  }
  return nullptr;
}

Departed* Registry::find_departed(std::string_view uuid) {
  const auto found = departed_.find(uuid);
  return found == departed_.end() ? nullptr : &found->second;
}

std::size_t Registry::registered_count() const {
  return static_cast<std::size_t>(
      std::count_if(engines_.begin(), engines_.end(),
                    [](const auto& item) { return item.second.is_registered; }));
}

void Registry::sanity_check() const {
  assert(by_uuid_.size() == engines_.size());
  for ([[maybe_unused]] const auto& [id, engine] : engines_) {
    assert(engine.id == id);
    assert(number(id) < next_id_);
    assert(by_uuid_.find(engine.uuid)->second == id);
  }
  assert(departed_.size() == departed_order_.size());
  assert(departed_.size() <= kMaxDeparted);
}

}  // namespace engineroom::controller
