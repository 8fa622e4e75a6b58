#include "engine/task_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_requests.h"

namespace engineroom::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> ids(const std::vector<RequestPtr>& requests) {
  std::vector<std::string> ids;
  for (const RequestPtr& request : requests) ids.push_back(request->header.msg_id);
  return ids;
}

std::vector<std::string> drain(TaskQueue& queue) {
  std::vector<RequestPtr> requests;
  while (RequestPtr request = queue.take()) requests.push_back(std::move(request));
  return ids(requests);
}

TaskQueue queue_of(const std::vector<std::string>& msg_ids) {
  TaskQueue queue;
  for (const std::string& msg_id : msg_ids) EXPECT_TRUE(queue.add(make_request(msg_id)));
  return queue;
}

TEST(TaskQueue, KeepsTheOrderOfArrival) {
  TaskQueue queue = queue_of({"a", "b", "c"});
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_THAT(drain(queue), ElementsAre("a", "b", "c"));
  EXPECT_EQ(queue.take(), nullptr);
}

TEST(TaskQueue, ControlOvertakesTheShell) {
  TaskQueue queue = queue_of({"a", "b"});
  EXPECT_TRUE(queue.add(make_request("clear", RequestKind::kClear)));
  EXPECT_THAT(drain(queue), ElementsAre("clear", "a", "b"));
}

TEST(TaskQueue, AbortTakesOutWhatIsQueued) {
  TaskQueue queue = queue_of({"a", "b", "c"});
  EXPECT_THAT(ids(queue.abort({"c", "a"})), ElementsAre("a", "c"));
  EXPECT_THAT(drain(queue), ElementsAre("b"));
}

TEST(TaskQueue, AbortOutrunsItsTask) {
  TaskQueue queue;
  EXPECT_THAT(queue.abort({"late"}), IsEmpty());
  EXPECT_FALSE(queue.add(make_request("late")));
  // A task that is sent again under the same id runs.
  EXPECT_TRUE(queue.add(make_request("late")));
}

TEST(TaskQueue, AbortOfQueuedTaskIsNotRemembered) {
  TaskQueue queue = queue_of({"a"});
  EXPECT_THAT(ids(queue.abort({"a"})), ElementsAre("a"));
  EXPECT_TRUE(queue.add(make_request("a")));
}

TEST(TaskQueue, MemoryOfAbortsIsBounded) {
  TaskQueue queue(2);
  EXPECT_THAT(queue.abort({"a"}), IsEmpty());
  EXPECT_THAT(queue.abort({"b"}), IsEmpty());
  EXPECT_THAT(queue.abort({"c"}), IsEmpty());
  EXPECT_TRUE(queue.add(make_request("a")));
  EXPECT_FALSE(queue.add(make_request("b")));
  EXPECT_FALSE(queue.add(make_request("c")));
}

TEST(TaskQueue, AbortAllSparesControl) {
  TaskQueue queue = queue_of({"a", "b"});
  EXPECT_TRUE(queue.add(make_request("clear", RequestKind::kClear)));
  EXPECT_THAT(ids(queue.abort_all()), ElementsAre("a", "b"));
  EXPECT_THAT(drain(queue), ElementsAre("clear"));
}

TEST(TaskQueue, AbortExecutesOfOneSessionOnly) {
  TaskQueue queue = queue_of({"apply"});
  EXPECT_TRUE(queue.add(make_request("mine", RequestKind::kExecute)));
  std::shared_ptr<Request> other = make_request("theirs", RequestKind::kExecute);
  other->header.session = "other";
  EXPECT_TRUE(queue.add(other));
  EXPECT_THAT(ids(queue.abort_executes("session")), ElementsAre("mine"));
  EXPECT_THAT(drain(queue), ElementsAre("apply", "theirs"));
}

TEST(TaskQueue, ClearForgetsEverything) {
  TaskQueue queue = queue_of({"a"});
  queue.clear();
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace engineroom::engine
