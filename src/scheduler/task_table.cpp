#include "scheduler/task_table.h"

#include <algorithm>
#include <cassert>

namespace engineroom::scheduler {

std::optional<TaskSlot> TaskTable::find(TaskId id) const {
  const std::optional<std::uint32_t> slot = ids_.find(static_cast<std::uint64_t>(id));
  if (!slot) return std::nullopt;
  return TaskSlot{*slot};
}

TaskSlot TaskTable::add(TaskId id) {
  const TaskSlot slot{tasks_.add()};
  ids_.insert(static_cast<std::uint64_t>(id), static_cast<std::uint32_t>(slot));
  Task& task = (*this)[slot];
  task.id = id;
  task.order = {.rank = 0, .number = next_number_++};
  task.generation = static_cast<std::uint32_t>(task.order.number);
  return slot;
}

void TaskTable::remove(TaskSlot slot) {
  const Task& task = (*this)[slot];
  assert(task.previous == kNoTask && task.next == kNoTask);
  ids_.erase(static_cast<std::uint64_t>(task.id));
  tasks_.remove(static_cast<std::uint32_t>(slot));
}

std::vector<TaskSlot> TaskTable::all() const {
  std::vector<TaskSlot> slots;
  slots.reserve(tasks_.size());
  tasks_.for_each_slot([&](std::uint32_t slot) { slots.push_back(TaskSlot{slot}); });
  std::sort(slots.begin(), slots.end(), [this](TaskSlot a, TaskSlot b) {
    return (*this)[a].order.number < (*this)[b].order.number;
  });
  return slots;
}

void TaskList::push_back(TaskTable& tasks, TaskSlot slot) {
  Task& task = tasks[slot];
  assert(task.previous == kNoTask && task.next == kNoTask);
  task.previous = back_;
  if (back_ != kNoTask) {
    tasks[back_].next = slot;
  } else {
    front_ = slot;
  }
  back_ = slot;
  ++size_;
}

void TaskList::remove(TaskTable& tasks, TaskSlot slot) {
  Task& task = tasks[slot];
  assert(size_ > 0);
  (task.previous != kNoTask ? tasks[task.previous].next : front_) = task.next;
  (task.next != kNoTask ? tasks[task.next].previous : back_) = task.previous;
  task.previous = kNoTask;
  task.next = kNoTask;
  --size_;
}

std::vector<TaskSlot> TaskList::slots(const TaskTable& tasks) const {
  std::vector<TaskSlot> result;
  result.reserve(size_);
  for (TaskSlot slot = front_; slot != kNoTask; slot = tasks[slot].next) result.push_back(slot);
  return result;
}

}  // namespace engineroom::scheduler
