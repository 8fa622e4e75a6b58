#include "scheduler/ready_queue.h"

#include <gtest/gtest.h>

namespace engineroom::scheduler {
namespace {

EngineSlot engine(unsigned n) { return EngineSlot{n}; }

class ReadyQueuesTest : public testing::Test {
 protected:
  ReadyQueuesTest() {
    for (unsigned i = 0; i < 3; ++i) queues_.add_engine(engine(i));
  }

  TaskSlot add(ClassId cls) {
    const TaskSlot slot = tasks_.add(TaskId{++last_id_});
    tasks_[slot].cls = cls;
    return slot;
  }

  TaskSlot push_new(ClassId cls) {
    const TaskSlot slot = add(cls);
    push(slot);
    return slot;
  }

  void push(TaskSlot slot) {
    queues_.push(slot);
    queues_.sanity_check();
  }

  // The oldest for the engine, taken out; kNoTask if none.
  TaskSlot take(unsigned n) {
    const std::optional<TaskSlot> slot = queues_.oldest_for(engine(n));
    if (slot) queues_.remove(*slot);
    queues_.sanity_check();
    return slot.value_or(kNoTask);
  }

  TaskTable tasks_;
  ReadyQueues queues_{tasks_};
  std::uint64_t last_id_ = 0;
};

TEST_F(ReadyQueuesTest, tasks_leave_in_the_order_of_submission) {
  const TaskSlot a = push_new(kAnyEngine);
  const TaskSlot b = push_new(kAnyEngine);
  EXPECT_EQ(take(0), a);
  EXPECT_EQ(take(1), b);
  EXPECT_EQ(take(2), kNoTask);
}

TEST_F(ReadyQueuesTest, a_task_pushed_late_goes_where_its_age_puts_it) {
  const TaskSlot a = push_new(kAnyEngine);
  const TaskSlot late = add(kAnyEngine);
  const TaskSlot c = push_new(kAnyEngine);
  push(late);
  EXPECT_EQ(take(0), a);
  EXPECT_EQ(take(0), late);
  EXPECT_EQ(take(0), c);
}

TEST_F(ReadyQueuesTest, an_engine_takes_the_oldest_of_its_classes) {
  const ClassId only_0 = queues_.only({engine(0)});
  const ClassId both = queues_.only({engine(0), engine(1)});
  const TaskSlot a = push_new(both);
  const TaskSlot b = push_new(only_0);
  const TaskSlot c = push_new(kAnyEngine);
  const TaskSlot d = push_new(only_0);
  EXPECT_EQ(take(2), c);
  EXPECT_EQ(take(0), a);
  EXPECT_EQ(take(0), b);
  EXPECT_EQ(take(1), kNoTask);
  EXPECT_EQ(take(0), d);
}

TEST_F(ReadyQueuesTest, a_closed_class_becomes_older_in_the_eyes_of_all_its_engines) {
  const ClassId both = queues_.only({engine(0), engine(1)});
  const ClassId only_1 = queues_.only({engine(1)});
  const TaskSlot late = add(both);
  const TaskSlot b = push_new(only_1);
  push_new(both);
  push(late);
  EXPECT_EQ(take(1), late);
  EXPECT_EQ(take(1), b);
}

TEST_F(ReadyQueuesTest, a_class_that_ran_empty_is_found_again) {
  const ClassId both = queues_.only({engine(0), engine(1)});
  push_new(both);
  EXPECT_NE(take(0), kNoTask);
  EXPECT_EQ(take(1), kNoTask);
  const TaskSlot again = push_new(both);
  EXPECT_EQ(take(1), again);
}

TEST_F(ReadyQueuesTest, an_open_class_is_hidden_from_the_engines_it_excludes) {
  const ClassId not_0 = *queues_.without(kAnyEngine, engine(0));
  const TaskSlot a = push_new(not_0);
  const TaskSlot b = push_new(kAnyEngine);
  EXPECT_EQ(take(0), b);
  EXPECT_EQ(take(0), kNoTask);
  EXPECT_EQ(take(1), a);
}

TEST_F(ReadyQueuesTest, the_same_constraint_is_the_same_class) {
  EXPECT_EQ(queues_.only({engine(0), engine(1)}), queues_.only({engine(0), engine(1)}));
  const ClassId not_0 = *queues_.without(kAnyEngine, engine(0));
  const ClassId not_1 = *queues_.without(kAnyEngine, engine(1));
  EXPECT_EQ(queues_.without(not_0, engine(1)), queues_.without(not_1, engine(0)));
  const ClassId pair = queues_.only({engine(0), engine(1)});
  EXPECT_EQ(queues_.without(pair, engine(0)), queues_.only({engine(1)}));
}

TEST_F(ReadyQueuesTest, a_class_without_its_last_engine_does_not_exist) {
  EXPECT_EQ(queues_.without(queues_.only({engine(2)}), engine(2)), std::nullopt);
  const ClassId not_0 = *queues_.without(kAnyEngine, engine(0));
  const ClassId only_2 = *queues_.without(not_0, engine(1));
  EXPECT_TRUE(queues_.allows(only_2, engine(2)));
  EXPECT_EQ(queues_.without(only_2, engine(2)), std::nullopt);
}

TEST_F(ReadyQueuesTest, losing_an_engine_strands_what_only_it_could_run) {
  const TaskSlot ready = push_new(queues_.only({engine(0)}));
  const TaskSlot blocked = add(queues_.only({engine(0)}));
  queues_.block(blocked);
  push_new(queues_.only({engine(0), engine(1)}));
  push_new(kAnyEngine);
  std::vector<TaskRef> stranded;
  queues_.remove_engine(engine(0), stranded);
  queues_.sanity_check();
  EXPECT_EQ(stranded, (std::vector{tasks_.ref(ready), tasks_.ref(blocked)}));
}

TEST_F(ReadyQueuesTest, losing_the_last_engine_that_was_not_excluded_strands_the_task) {
  const ClassId not_0 = *queues_.without(kAnyEngine, engine(0));
  const TaskSlot task = push_new(not_0);
  std::vector<TaskRef> stranded;
  queues_.remove_engine(engine(1), stranded);
  EXPECT_TRUE(stranded.empty());
  queues_.remove_engine(engine(2), stranded);
  EXPECT_EQ(stranded, std::vector{tasks_.ref(task)});
  EXPECT_FALSE(queues_.is_runnable(not_0));
  queues_.remove_engine(engine(0), stranded);
  EXPECT_TRUE(queues_.is_runnable(not_0)) << "with no engines at all it waits for one";
}

TEST_F(ReadyQueuesTest, the_share_is_the_tasks_over_the_engines) {
  const ClassId both = queues_.only({engine(0), engine(1)});
  for (int i = 0; i < 5; ++i) push_new(both);
  EXPECT_EQ(queues_.share(both), 2u);
  for (int i = 0; i < 3; ++i) push_new(kAnyEngine);
  EXPECT_EQ(queues_.share(kAnyEngine), 1u);
  EXPECT_TRUE(queues_.oldest_for(engine(2), 1));
  EXPECT_FALSE(queues_.oldest_for(engine(2), 2));
  EXPECT_TRUE(queues_.oldest_for(engine(0), 2));
}

TEST_F(ReadyQueuesTest, many_classes_come_and_go) {
  for (unsigned i = 3; i < 200; ++i) queues_.add_engine(engine(i));
  for (int round = 0; round < 3; ++round) {
    for (unsigned i = 0; i + 1 < 200; ++i) {
      const ClassId cls = queues_.only({engine(i), engine(i + 1)});
      const TaskSlot slot = push_new(cls);
      EXPECT_EQ(take(i + (i + static_cast<unsigned>(round)) % 2), slot);
      queues_.release(cls);
    }
    for (unsigned i = 0; i < 200; ++i) {
      for (unsigned k = i + 1; k < 200; k += 7)
        queues_.release(queues_.only({engine(i), engine(k)}));
    }
    queues_.sanity_check();
  }
}

}  // namespace
}  // namespace engineroom::scheduler
