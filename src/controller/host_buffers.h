// controller/host_buffers.h — a large buffer that several engines of another host are given is sent
// there once.
//
// The first of these engines gets the bytes, and a name under which it keeps them. Requests of the
// others that have the same bytes get the name in their place, and who has them; they ask that
// engine, and the controller should it fail them. So the controller keeps the bytes until every
// request that was sent without them is known to be complete, or answered, or its engine is lost.
//
// Should that engine fail them, the first one that says so takes its place: it gets the bytes, and
// who says so later is told to ask it. So the bytes go to the host once more, not once per engine.
//
// Whether bytes are the same is found by looking at them: the copies of a broadcast share their
// frames and the requests of one call a segment of shared memory, but a client that reaches the
// controller by the network sends the same array once per engine, and stock clients do, too. A
// sample of 4 KiB finds the one buffer that may be the same, and then all bytes are compared.
//
// Users (user_gate.h) share with nobody else: by how long a request takes, one could find out what
// another has sent.
//
// On the controller's own host, descriptors of shared memory do all this (transport/lane.h).
//
// Pure: no sockets, time is an argument. Threads: the loop thread only.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "controller/registry.h"
#include "wire/host_buffers.h"
#include "wire/message.h"

namespace engineroom::controller {

class HostBuffers {
 public:
  // Of all that is kept; a single buffer may be larger. Beyond it, bytes are sent.
  static constexpr std::uint64_t kMaxBytes = std::uint64_t{2} << 30;
  // How long a buffer is remembered that no request needs any more, as others of the same call may
  // follow: by the lane at once, else as fast as the client's network brings them.
  static constexpr Duration kLinger = std::chrono::milliseconds(250);
  static constexpr std::uint64_t kSlowestClient = std::uint64_t{64} << 20;  // bytes per second
  // The same for what several balanced tasks were given: the next one starts when one has ended.
  static constexpr Duration kLingerOfTasks = std::chrono::seconds(10);
  // How long an engine waits for the one that has a buffer, which may itself be receiving it, and
  // what is before it.
  static constexpr Duration kPatience = std::chrono::seconds(10);
  static constexpr std::uint64_t kSlowestLink = std::uint64_t{4} << 20;  // bytes per second

  // `own_host`: whose engines have no need of this; empty: none.
  HostBuffers(const Registry& registry, std::string own_host, std::uint64_t max_bytes = kMaxBytes);

  // Whether share() may have something to do.
  bool concerns(const wire::Message& request, const Engine& engine) const;
  // A request that is about to go to `engine`, under this id: puts names in the place of buffers
  // that are on its host already. True if it has changed, and has to be signed anew. `is_task`: it
  // is a balanced one.
  bool share(wire::Message& request, std::string_view msg_id, const Engine& engine, Time now,
             bool is_task = false);
  // The request has all its buffers, or was answered.
  void on_received(EngineId engine, std::string_view msg_id, Time now);
  void on_engine_lost(EngineId engine, Time now);

  // A piece in the middle, for an engine that was sent this name; null for others, and if it is not
  // kept.
  const Bytes* find(std::string_view id, EngineId asker) const;
  // What an engine is told that begins to ask for a buffer: the bytes, or who has them, or neither,
  // where find() is null. `failed`: the uuid of the engine that it did not get them from.
  struct Place {
    const Bytes* bytes = nullptr;
    std::optional<wire::HostBuffer::Holder> holder = {};
  };
  Place on_question(std::string_view id, const Engine& asker, std::string_view failed);

  // What engines need not keep any more; nothing before next_deadline().
  std::map<EngineId, std::vector<std::string>> take_released(Time now);
  std::optional<Time> next_deadline() const { return due_; }

  std::size_t size() const { return entries_.size(); }
  // {"kept":…, "bytes":…, "spared_bytes":…, "resent_bytes":…}. The last two in all: what was left
  // out of requests, and what of it was sent after all, as an engine had failed others.
  void write(JsonWriter& w) const;
  void sanity_check() const;

 private:
  // What is the same within one of these may be shared.
  struct Key {
    std::string host;
    std::string user;  // as message ids name them (user_scope.h)
    std::uint64_t sample = 0;

    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    Key key;
    Bytes bytes;
    EngineId holder{};
    bool is_relayed = false;     // the holder took the place of another
    std::set<EngineId> engines;  // that were sent its name, and may keep it
    std::size_t waiting = 0;     // requests that may need it
    bool is_of_tasks = false;    // several of them
    Time used{};
  };
  using Entries = StringMap<Entry>;

  bool has_company(const Engine& engine) const;
  Entries::iterator find_or_add(const Bytes& buffer, Key key);
  std::optional<wire::HostBuffer> place(const Bytes& buffer, Key key, const Engine& engine,
                                        bool is_task, Time now);
  wire::HostBuffer::Holder describe(const Entry& entry, const Engine& holder) const;
  void replace_holder(Entry& entry, const Engine& by);
  double patience(const std::string& host) const;
  void on_idle(const Entry& entry);
  static Time end_of(const Entry& entry);
  void erase(Entries::iterator entry);

  const Registry& registry_;
  const std::string own_host_;
  const std::uint64_t max_bytes_;
  const std::string prefix_;  // of ids: nobody can guess them
  std::uint64_t counter_ = 0;
  Entries entries_;                                                            // by id
  std::map<Key, std::string> by_content_;                                      // the id
  std::map<std::pair<EngineId, std::string>, std::vector<std::string>> sent_;  // request → ids
  std::set<EngineId> silent_;  // failed others, and nothing was heard from them since
  std::uint64_t bytes_ = 0;
  std::uint64_t spared_ = 0;
  std::uint64_t resent_ = 0;
  std::optional<Time> due_;
};

}  // namespace engineroom::controller
