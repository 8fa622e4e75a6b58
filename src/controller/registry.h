// controller/registry.h — who is an engine: ids, uuids, connections, and who used to be one.
//
// An engine asks to register and is *pending* until its first heartbeat comes back; only then do
// clients hear of it. When it leaves, its uuid is remembered for a while, with the reason, so that
// a message from it can be told from a stranger's: an engine that was given up (suspended machine,
// lost network) and wakes up again is asked to register anew, instead of answering tasks that were
// given to others long ago.
//
// Pure bookkeeping: no sockets, no clock. Lookups are O(1). Threads: the loop thread only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "scheduler/task.h"

namespace engineroom::controller {

using scheduler::EngineId;

constexpr int number(EngineId id) { return static_cast<int>(id); }

// Hashing and comparing that let a string_view find a std::string key without making one.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
template <typename Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

struct Engine {
  EngineId id{};
  std::string uuid;
  // The identity of its registration socket: the uuid for every peer known.
  Bytes registration_identity;
  // The uuid as a frame, made once.
  Bytes identity;
  // "engineroom" of the registration request: the version of one of our own engines; empty = a
  // stock one.
  std::string version;
  // How other engines reach it, as its registration says (JSON); empty: not at all.
  std::string peer;
  // The host whose engines can have large buffers once for all (host_buffers.h); empty: it cannot.
  std::string host;
  // What tasks may demand of it.
  scheduler::Amounts offer;
  // The connection its registration came over, -1 if its end says nothing about the engine's life.
  int connection = -1;
  Time since{};
  // Its heart has been heard: clients know it, tasks may go to it.
  bool is_registered = false;
  // Known from before this controller was started, and not back yet.
  bool is_awaited = false;
  // Scheduled pings without an answer, in a row, and whether the last one was answered.
  int misses = 0;
  bool has_answered = false;
  // Requests finished, for queue_status.
  std::uint64_t completed = 0;

  bool is_ours() const { return !version.empty(); }
};

// Why an engine is no longer one.
enum class Departure {
  kUnregistered,      // it said so, or somebody on its behalf
  kRetired,           // it had nothing to do, and was told to exit
  kHeartStopped,      // too many pings without an answer
  kConnectionClosed,  // its registration connection ended
  kNeverStarted,      // registered, but its heart was never heard
  kNeverReturned,     // awaited after a restart of the controller, in vain
};
const char* to_string(Departure why);

struct Departed {
  EngineId id{};
  bool is_ours = false;
  Departure why{};
  // When it was last told to register anew; limits how often that is said.
  std::optional<Time> told;
};

class Registry {
 public:
  // Forgets the oldest departed engines beyond this.
  static constexpr std::size_t kMaxDeparted = 8192;
  // Larger ids are not honoured when asked for.
  static constexpr int kMaxRequestedId = 1'000'000;

  // A pending engine with the id it asked for, if that is free, else the next one never used.
  // REQUIRES: `uuid` is not taken.
  Engine& add(std::string uuid, std::optional<int> requested_id, Time now);
  // An engine of an earlier controller, awaited. REQUIRES: neither id nor uuid is taken.
  Engine& restore(EngineId id, std::string uuid, Time now);
  // Ids below this are not given again.
  void reserve_ids(int next_id) { next_id_ = std::max(next_id_, next_id); }
  // Remembers it as departed. The engine's data as they were; nullopt if there is no such engine.
  std::optional<Engine> remove(EngineId id, Departure why);

  Engine* find(EngineId id);
  Engine* find(std::string_view uuid);
  const Engine* find(EngineId id) const { return const_cast<Registry*>(this)->find(id); }
  const Engine* find(std::string_view uuid) const {
    return const_cast<Registry*>(this)->find(uuid);
  }
  Engine* find_connection(int connection);
  Departed* find_departed(std::string_view uuid);

  // All engines, pending ones too, by id.
  const std::map<EngineId, Engine>& all() const { return engines_; }
  std::map<EngineId, Engine>& all() { return engines_; }
  std::size_t registered_count() const;

  void sanity_check() const;

 private:
  Engine& insert(EngineId id, std::string uuid, Time now);
  EngineId choose_id(std::optional<int> requested) const;
  void remember(const Engine& engine, Departure why);

  std::map<EngineId, Engine> engines_;
  StringMap<EngineId> by_uuid_;
  StringMap<Departed> departed_;
  std::deque<std::string> departed_order_;
  int next_id_ = 0;
};

}  // namespace engineroom::controller
