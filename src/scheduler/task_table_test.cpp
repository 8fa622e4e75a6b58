#include "scheduler/task_table.h"

#include <vector>

#include <gtest/gtest.h>

#include "scheduler/finished_tasks.h"

namespace engineroom::scheduler {
namespace {

TEST(TaskTable, a_burst_leaves_no_memory_behind) {
  TaskTable tasks;
  for (std::uint64_t id = 0; id < 50'000; ++id) (void)tasks.add(TaskId{id});
  EXPECT_GE(tasks.capacity(), 50'000u);
  for (std::uint64_t id = 0; id < 50'000; ++id) tasks.remove(*tasks.find(TaskId{id}));
  EXPECT_EQ(tasks.size(), 0u);
  EXPECT_LE(tasks.capacity(), 1024u);
}

TEST(TaskTable, a_reference_to_a_finished_task_is_stale_whatever_became_of_its_slot) {
  TaskTable tasks;
  std::vector<TaskRef> refs;
  for (std::uint64_t id = 0; id < 5'000; ++id) refs.push_back(tasks.ref(tasks.add(TaskId{id})));
  for (std::uint64_t id = 0; id < 5'000; ++id) tasks.remove(*tasks.find(TaskId{id}));
  for (const TaskRef& ref : refs) EXPECT_FALSE(tasks.is_current(ref)) << "the slot is free";
  for (std::uint64_t id = 0; id < 5'000; ++id) (void)tasks.add(TaskId{10'000 + id});
  for (const TaskRef& ref : refs) EXPECT_FALSE(tasks.is_current(ref)) << "another has the slot";
}

TEST(FinishedTasks, remembers_the_latest_and_how_they_ended) {
  FinishedTasks finished(100);
  for (std::uint64_t id = 0; id < 1000; ++id) {
    const auto engine = static_cast<std::int32_t>(id % 7);
    finished.remember(TaskId{id},
                      {.ok = id % 2 == 0,
                       .engine = id % 3 == 0 ? std::nullopt : std::optional(EngineId{engine})});
    EXPECT_LE(finished.size(), 100u);
  }
  EXPECT_FALSE(finished.find(TaskId{899}));
  for (std::uint64_t id = 900; id < 1000; ++id) {
    const auto outcome = finished.find(TaskId{id});
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->ok, id % 2 == 0);
    EXPECT_EQ(outcome->engine.has_value(), id % 3 != 0);
    EXPECT_EQ(static_cast<std::uint64_t>(outcome->engine.value_or(EngineId{})),
              id % 3 ? id % 7 : 0);
  }
}

}  // namespace
}  // namespace engineroom::scheduler
