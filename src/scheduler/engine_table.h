// scheduler/engine_table.h — the live engines: what each holds, and how fast it has been.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "scheduler/id_map.h"
#include "scheduler/prefetch.h"
#include "scheduler/resources.h"
#include "scheduler/slots.h"
#include "scheduler/task_table.h"

namespace engineroom::scheduler {

struct Engine {
  EngineId id{};
  TaskList tasks;  // sent and not answered, in the order sent: the first is the one it works on
  PrefetchLimit prefetch;
  Amounts free;  // of what it offers: less what its tasks demand
  std::optional<Time> last_reply;
  std::uint64_t last_used = 0;
  bool is_awaited = false;  // restored, and not back yet: it gets no task

  std::size_t load() const { return tasks.size(); }
};

class EngineTable {
 public:
  std::size_t size() const { return ids_.size(); }

  std::optional<EngineSlot> find(EngineId id) const {
    const std::optional<std::uint32_t> slot = ids_.find(key(id));
    if (!slot) return std::nullopt;
    return EngineSlot{*slot};
  }

  // REQUIRES: no live engine has this id.
  EngineSlot add(EngineId id) {
    const EngineSlot slot{static_cast<std::uint32_t>(engines_.size())};
    ids_.insert(key(id), static_cast<std::uint32_t>(slot));
    engines_.push_back(std::make_unique<Engine>());
    engines_.back()->id = id;
    return slot;
  }

  void remove(EngineSlot slot) {
    ids_.erase(key((*this)[slot].id));
    engines_[index(slot)].reset();
  }

  bool is_live(EngineSlot slot) const { return engines_[index(slot)] != nullptr; }
  // REQUIRES: live
  Engine& operator[](EngineSlot slot) { return *engines_[index(slot)]; }
  const Engine& operator[](EngineSlot slot) const { return *engines_[index(slot)]; }

  std::vector<EngineSlot> live() const {
    std::vector<EngineSlot> slots;
    for (std::size_t i = 0; i < engines_.size(); ++i) {
      if (engines_[i]) slots.push_back(EngineSlot{static_cast<std::uint32_t>(i)});
    }
    return slots;
  }

 private:
  static std::uint64_t key(EngineId id) { return static_cast<std::uint32_t>(id); }

  IdMap ids_;
  std::vector<std::unique_ptr<Engine>> engines_;  // by slot; null: lost
};

}  // namespace engineroom::scheduler
