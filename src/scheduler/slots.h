// scheduler/slots.h — the dense numbers that stand for tasks, engines and classes inside the
// scheduler.
//
// Ids from outside may be any number; a slot is an index into a table, so that following a
// reference is one array access and references cost four bytes. They never leave the scheduler.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace engineroom::scheduler {

// Reused after the task has finished: whatever outlives the task keeps a TaskRef.
enum class TaskSlot : std::uint32_t {};
// Counts up with every engine that joins; never reused, so a stale one cannot mean another engine.
enum class EngineSlot : std::uint32_t {};
// A constraint class (ready_queue.h). Reused after the last task of the class has gone.
enum class ClassId : std::uint32_t {};

inline constexpr TaskSlot kNoTask{UINT32_MAX};

template <typename Slot>
constexpr std::size_t index(Slot slot) {
  return static_cast<std::size_t>(slot);
}

// What "older" means everywhere in the scheduler: the lesser rank (fair_order.h), then submitted
// earlier.
struct Order {
  std::uint64_t rank = 0;
  std::uint64_t number = 0;
  friend auto operator<=>(const Order&, const Order&) = default;
};

// A task that may have finished meanwhile; TaskTable::is_current tells.
struct TaskRef {
  TaskSlot slot = kNoTask;
  std::uint32_t generation = 0;
  friend bool operator==(const TaskRef&, const TaskRef&) = default;
};

}  // namespace engineroom::scheduler
