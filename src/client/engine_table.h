// client/engine_table.h — which engines there are, as far as this client has been told.
//
// Two sources that are not ordered with each other: the controller's list (connection_reply) and
// its notifications, which come over another socket. A list is therefore applied only where nothing
// newer is known: each change has a version, and a list carries the version at which it was asked
// for. Engines never come back, except when the controller says so.
//
// Threads: guarded by its owner. Covered by engine_table_test.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace engineroom::client {

struct EngineEntry {
  std::int64_t id;
  std::string uuid;
};

class EngineTable {
 public:
  struct Changes {
    std::vector<EngineEntry> joined;
    std::vector<EngineEntry> left;
  };

  // Grows with every change.
  std::uint64_t version() const { return version_; }
  const std::map<std::int64_t, std::string>& live() const { return live_; }
  std::optional<std::string> uuid_of(std::int64_t id) const;
  // Also of engines that are gone.
  std::optional<std::int64_t> id_of(const std::string& uuid) const;
  // Known to have left. An engine never heard of has not left.
  bool is_gone(const std::string& uuid) const;
  // How many have left so far.
  std::uint64_t departures() const { return departures_; }

  // False if nothing changes.
  bool add(std::int64_t id, const std::string& uuid);
  // The engine's entry if it was live.
  std::optional<EngineEntry> remove(const std::string& uuid);
  // The controller's full list, asked for when version() was `asked_at`.
  Changes merge(const std::vector<EngineEntry>& list, std::uint64_t asked_at);

 private:
  struct Known {
    std::int64_t id;
    bool live;
    std::uint64_t changed_at;  // version
  };

  bool changed_since(const std::string& uuid, std::uint64_t version) const;

  std::map<std::int64_t, std::string> live_;
  std::unordered_map<std::string, Known> known_;
  std::uint64_t version_ = 0;
  std::uint64_t departures_ = 0;
};

}  // namespace engineroom::client
