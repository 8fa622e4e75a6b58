// scheduler/fair_order.h — who goes first: the higher priority, then the client that has had less,
// then the older task.
//
// Every task gets a *rank* when it is submitted, and everything else only compares ranks: queues
// stay queues. Within a priority it is a turn: a client's tasks have turns one after the other,
// the first of them the one behind that which was sent last (start-time fair queueing). So the
// first task of a client stands beside the first that waits of a client that has ten thousand of
// them, and with one client alone turns are the order of submission.
//
// Tasks for any engine and tasks for certain engines take turns apart, as the latter may be far
// behind the others, or ahead. Costs O(1), and memory for clients that have tasks waiting and a few
// more.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>

namespace engineroom::scheduler {

class FairOrder {
 public:
  static constexpr int kMaxPriority = 1000;
  static constexpr int kTurnBits = 48;

  // Of a new task, which waits until left(). REQUIRES: |priority| <= kMaxPriority
  std::uint64_t rank(int priority, std::uint64_t client, bool any_engine) {
    const auto level = static_cast<std::uint64_t>(kMaxPriority - priority);
    Level& here = levels_[level];
    Waiting& waiting = here.waiting[client];
    if (waiting.count++ == 0 || waiting.last_turn < here.turn[any_engine]) {
      waiting.last_turn = here.turn[any_engine];
    }
    return level << kTurnBits | ++waiting.last_turn;
  }

  // A task of this rank was sent.
  void sent(std::uint64_t rank, bool any_engine) {
    std::uint64_t& turn = levels_[rank >> kTurnBits].turn[any_engine];
    const std::uint64_t now = rank & ((std::uint64_t{1} << kTurnBits) - 1);
    // Any engine takes the next turn, or an earlier one again; a certain engine takes its own next.
    turn = any_engine && turn > now ? turn : now;
  }

  // A task does not wait any more: it was sent for the first time, or ended.
  void left(std::uint64_t rank, std::uint64_t client) {
    auto& waiting = levels_[rank >> kTurnBits].waiting;
    const auto found = waiting.find(client);
    assert(found != waiting.end());
    // A few are kept, as their next task is often near.
    if (--found->second.count == 0 && waiting.size() > kKeptClients) waiting.erase(found);
  }

  std::size_t waiting_count() const {
    std::size_t count = 0;
    for (const auto& [level, here] : levels_) {
      for (const auto& [client, waiting] : here.waiting) count += waiting.count;
    }
    return count;
  }

 private:
  static constexpr std::size_t kKeptClients = 64;

  struct Waiting {
    std::uint64_t last_turn = 0;
    std::size_t count = 0;
  };
  struct Level {
    std::array<std::uint64_t, 2> turn{};                 // sent last: of certain engines, of any
    std::unordered_map<std::uint64_t, Waiting> waiting;  // by client
  };
  std::map<std::uint64_t, Level> levels_;
};

}  // namespace engineroom::scheduler
