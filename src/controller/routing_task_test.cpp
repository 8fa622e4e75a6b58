#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

class RoutingTaskTest : public ControllerTest {
 protected:
  void submit(const std::string& msg_id, const std::string& metadata = "{}") {
    receive(Channel::kTaskClient, {.identities = {Bytes::of_static("c")},
                                   .type = "apply_request",
                                   .metadata = metadata,
                                   .buffers = {Bytes::of_static("f")},
                                   .msg_id = msg_id});
  }
  Seen take_error(const std::string& msg_id, const std::string& ename) {
    const Seen reply = take(Channel::kTaskClient);
    EXPECT_EQ(reply.to(), "c");
    EXPECT_EQ(reply.header.msg_type, "apply_reply");
    EXPECT_EQ(reply.parent.msg_id, msg_id);
    EXPECT_EQ(reply.content("status"), "\"error\"");
    EXPECT_EQ(reply.content("ename"), "\"" + ename + "\"");
    EXPECT_EQ(reply.metadata("status"), "\"error\"");
    EXPECT_FALSE(store->is_pending(msg_id));
    return reply;
  }
};

TEST_F(RoutingTaskTest, TaskGoesToAnEngineAndItsReplyToTheClient) {
  join("e1");
  submit("t1");
  const Seen request = take(Channel::kTaskEngine);
  EXPECT_EQ(request.message.identities, (Frames{Bytes::of_static("e1"), Bytes::of_static("c")}));
  EXPECT_EQ(request.message.buffers, Frames{Bytes::of_static("f")});
  EXPECT_EQ(store->counts("e1").tasks, 1u);
  answer(Channel::kTaskEngine, request, "e1", "ok", {Bytes::of_static("result")});
  const Seen reply = take(Channel::kTaskClient);
  EXPECT_EQ(reply.message.identities, (Frames{Bytes::of_static("c"), Bytes::of_static("e1")}));
  EXPECT_EQ(reply.parent.msg_id, "t1");
  EXPECT_EQ(reply.message.buffers, Frames{Bytes::of_static("result")});
  EXPECT_EQ(store->counts("e1").completed, 1u);
}

TEST_F(RoutingTaskTest, TaskWaitsForTheFirstEngine) {
  submit("t1");
  EXPECT_EQ(store->unassigned_count(), 1u);
  receive(Channel::kRegistration, {.identities = {Bytes::of_static("e1")},
                                   .type = "registration_request",
                                   .content = R"({"uuid":"e1"})"});
  take(Channel::kRegistration);
  advance(std::chrono::milliseconds(30));
  pong("e1", take_ping());
  take(Channel::kNotification);
  EXPECT_EQ(take(Channel::kTaskEngine).header.msg_id, "t1");
}

TEST_F(RoutingTaskTest, DeadEngineMeansAnErrorBeforeTheNotification) {
  join("e1", "", 5);
  submit("t1");
  take(Channel::kTaskEngine);
  controller->on_connection_closed(5, now);
  const Seen reply = take_error("t1", "EngineError");
  EXPECT_EQ(reply.content("evalue"), "\"Engine b'e1' died while running task 't1'\"");
  EXPECT_EQ(reply.metadata("engine"), "\"e1\"");
  EXPECT_EQ(take(Channel::kNotification).header.msg_type, "unregistration_notification");
}

TEST_F(RoutingTaskTest, RetryMovesTheTaskAndDropsTheLateReply) {
  join("e1", "", 5);
  join("e2");
  submit("t1", R"({"retries":1,"targets":["e1","e2"]})");
  const Seen first = take(Channel::kTaskEngine);
  const std::string other = first.to() == "e1" ? "e2" : "e1";
  answer(Channel::kTaskEngine, first, first.to(), "error");
  const Seen second = take(Channel::kTaskEngine);
  EXPECT_EQ(second.to(), other);
  answer(Channel::kTaskEngine, first, first.to(), "ok", {}, R"(,"late":1)");
  EXPECT_EQ(dropped(Drop::kStale), 1u);
  answer(Channel::kTaskEngine, second, other);
  EXPECT_EQ(take(Channel::kTaskClient).content("status"), "\"ok\"");
}

TEST_F(RoutingTaskTest, WhenEveryEngineFailedItTheLastErrorIsDelivered) {
  join("e1");
  submit("t1", R"({"retries":5})");
  answer(Channel::kTaskEngine, take(Channel::kTaskEngine), "e1", "error");
  take_error("t1", "ValueError");
}

TEST_F(RoutingTaskTest, WhenEveryEngineFailedItATimeLimitIsTheEnd) {
  join("e1");
  submit("t1", R"({"retries":5,"timeout":0.1})");
  answer(Channel::kTaskEngine, take(Channel::kTaskEngine), "e1", "error");
  take_error("t1", "TaskTimeout");
}

TEST_F(RoutingTaskTest, UnmetDependencyEverywhereIsImpossible) {
  join("e1");
  submit("t1");
  const Seen request = take(Channel::kTaskEngine);
  answer(Channel::kTaskEngine, request, "e1", "error", {}, R"(,"dependencies_met":false)");
  take_error("t1", "ImpossibleDependency");
}

TEST_F(RoutingTaskTest, DependenciesAreResolvedById) {
  join("e1");
  submit("t1", R"({"after":["nobody"]})");
  take_error("t1", "InvalidDependency");
  submit("t2");
  const Seen request = take(Channel::kTaskEngine);
  submit("t3", R"({"after":{"dependencies":["t2"],"all":true,"success":true,"failure":false}})");
  submit("t4", R"({"after":"t2"})");
  answer(Channel::kTaskEngine, request, "e1");
  take(Channel::kTaskClient);
  const Seen third = take(Channel::kTaskEngine);
  EXPECT_EQ(third.header.msg_id, "t3");
  answer(Channel::kTaskEngine, third, "e1", "error");
  take_first(Channel::kTaskClient);
  EXPECT_EQ(take(Channel::kTaskEngine).header.msg_id, "t4");
  submit("t5", R"({"after":["t3"]})");
  take_error("t5", "ImpossibleDependency");
}

TEST_F(RoutingTaskTest, TimeoutIsReported) {
  join("e1");
  submit("t1");
  const Seen request = take(Channel::kTaskEngine);
  submit("t2", R"({"after":["t1"],"timeout":0.05})");
  advance(std::chrono::milliseconds(60));
  std::erase_if(outbox.sent, [](const auto& item) { return item.first == Channel::kPing; });
  take_error("t2", "TaskTimeout");
  answer(Channel::kTaskEngine, request, "e1");
  take(Channel::kTaskClient);
}

TEST_F(RoutingTaskTest, TargetsThatAreAllGoneAreAnError) {
  join("e1");
  submit("t1", R"({"targets":["e9"]})");
  take_error("t1", "ImpossibleDependency");
}

TEST_F(RoutingTaskTest, AbortOfAWaitingTaskIsAnsweredHere) {
  join("e1");
  submit("t1");
  const Seen request = take(Channel::kTaskEngine);
  submit("t2", R"({"after":["t1"]})");
  for (int i = 0; i < 2; ++i) {  // clients tell every engine
    receive(Channel::kControlClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                      .type = "abort_request",
                                      .content = R"({"msg_ids":["t2","unknown"]})"});
    if (i == 0) {
      const Seen reply = take(Channel::kTaskClient);
      EXPECT_EQ(reply.parent.msg_id, "t2");
      EXPECT_EQ(reply.message.content, R"({"status":"aborted"})");
      EXPECT_EQ(reply.metadata("status"), "\"aborted\"");
    }
    take(Channel::kControlEngine);
  }
  // A task that is with an engine is the engine's affair.
  receive(Channel::kControlClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                    .type = "abort_request",
                                    .content = R"({"msg_ids":["t1"]})"});
  take(Channel::kControlEngine);
  answer(Channel::kTaskEngine, request, "e1", "aborted");
  EXPECT_EQ(take(Channel::kTaskClient).content("status"), "\"aborted\"");
}

TEST_F(RoutingTaskTest, AnAbortThatOvertakesItsTaskStillAbortsIt) {
  join("e1");
  receive(Channel::kControlClient, {.identities = {Bytes::of_static("c"), Bytes::of_static("e1")},
                                    .type = "abort_request",
                                    .content = R"({"msg_ids":["t1"]})"});
  take(Channel::kControlEngine);
  submit("t1");
  const Seen reply = take(Channel::kTaskClient);
  EXPECT_EQ(reply.parent.msg_id, "t1");
  EXPECT_EQ(reply.message.content, R"({"status":"aborted"})");
  submit("t2");
  EXPECT_EQ(take(Channel::kTaskEngine).header.msg_id, "t2");
}

TEST_F(RoutingTaskTest, RepeatedIdIsRefused) {
  join("e1");
  submit("t1");
  const Seen request = take(Channel::kTaskEngine);
  submit("t1", R"({"label":"other"})");
  EXPECT_EQ(dropped(Drop::kMalformed), 1u);
  answer(Channel::kTaskEngine, request, "e1");
  EXPECT_EQ(take(Channel::kTaskClient).content("status"), "\"ok\"");
  submit("t1", R"({"label":"third"})");
  EXPECT_EQ(take(Channel::kTaskClient).content("ename"), "\"TaskRejectError\"");
}

TEST_F(RoutingTaskTest, OnlyEnginesOfOursGetTasksAhead) {
  for (const bool is_ours : {false, true}) {
    restart(config());
    join("e1", is_ours ? R"(,"engineroom":"0.1.0")" : "");
    submit("t1");
    submit("t2");
    submit("t3");
    // A fast first task: an engine of ours gets two next.
    answer(Channel::kTaskEngine, take(Channel::kTaskEngine), "e1");
    take_first(Channel::kTaskClient);
    take(Channel::kTaskEngine);
    EXPECT_EQ(outbox.sent.size(), is_ours ? 1u : 0u);
    outbox.sent.clear();
  }
}

TEST_F(RoutingTaskTest, TaskBehindALongOneIsTakenBack) {
  join("e1", R"(,"engineroom":"0.1.0")");
  submit("t1");
  submit("t2");
  submit("t3");
  answer(Channel::kTaskEngine, take(Channel::kTaskEngine), "e1");
  take_first(Channel::kTaskClient);
  take(Channel::kTaskEngine);
  const Seen waiting = take(Channel::kTaskEngine);

  const EngineId other = join("e2", R"(,"engineroom":"0.1.0")");
  EXPECT_EQ(other, EngineId{1});
  for (int i = 0; i < 5 && outbox.sent.empty(); ++i) {
    advance(std::chrono::milliseconds(10));
    std::erase_if(outbox.sent, [](const auto& item) { return item.first == Channel::kPing; });
  }
  const Seen abort = take(Channel::kControlEngine);
  EXPECT_EQ(abort.to(), "e1");
  EXPECT_EQ(abort.header.msg_type, "abort_request");
  EXPECT_EQ(abort.content("msg_ids"), "[\"" + waiting.header.msg_id + "\"]");
  // The engine's answer to that goes nowhere; the task, which comes back "aborted", goes to the
  // other engine.
  answer(Channel::kControlEngine, abort, "e1");
  answer(Channel::kTaskEngine, waiting, "e1", "aborted");
  const Seen again = take(Channel::kTaskEngine);
  EXPECT_EQ(again.to(), "e2");
  EXPECT_EQ(again.header.msg_id, waiting.header.msg_id);
  // It might have been the same engine, which refuses a signature that it has seen.
  EXPECT_NE(again.message.signature, waiting.message.signature);
  EXPECT_EQ(again.metadata("attempt"), "2");
}

TEST_F(RoutingTaskTest, NonsenseInMetadataCountsAsAbsent) {
  join("e1");
  for (const char* metadata :
       {R"({"retries":-4,"timeout":-1,"targets":null,"after":7,"follow":null})", R"([1])",
        R"({"timeout":1e300,"retries":1e99,"targets":[]})"}) {
    submit("t" + std::to_string(controller->core().counters.tasks_submitted), metadata);
    const Seen request = take(Channel::kTaskEngine);
    answer(Channel::kTaskEngine, request, "e1");
    take(Channel::kTaskClient);
  }
}

TEST_F(RoutingTaskTest, OldIdsAreForgotten) {
  ControllerConfig small = config();
  small.scheduler.max_finished = 2;
  restart(small);
  join("e1");
  for (const char* id : {"t1", "t2", "t3"}) {
    submit(id);
    answer(Channel::kTaskEngine, take(Channel::kTaskEngine), "e1");
    take(Channel::kTaskClient);
  }
  // Its record says that it succeeded; where it ran is not known any more.
  submit("t4", R"({"after":["t1"]})");
  answer(Channel::kTaskEngine, take(Channel::kTaskEngine), "e1");
  take(Channel::kTaskClient);
  submit("t5", R"({"follow":["t1"]})");
  take_error("t5", "InvalidDependency");
}

TEST_F(RoutingTaskTest, TasksAreToldWhereTheirInputsAre) {
  join("e1", R"(,"engineroom":"0.1","peer":{"url":"u","host":"h"})");
  submit("t1");
  submit("t2", R"({"inputs":[{"id":"t1","engine":""}]})");
  answer(Channel::kTaskEngine, take(Channel::kTaskEngine), "e1");
  take(Channel::kTaskClient);
  const Seen second = take(Channel::kTaskEngine);
  EXPECT_EQ(second.header.msg_id, "t2");
  EXPECT_EQ(second.metadata("holders"),
            R"({"at":[0],"engines":[{"uuid":"e1","peer":{"url":"u","host":"h"}}]})");
  answer(Channel::kTaskEngine, second, "e1", "error");
  take(Channel::kTaskClient);
  submit("t3", R"({"inputs":[{"id":"t2","engine":""}]})");
  take_error("t3", "DependencyError");
  submit("t4", R"({"inputs":[{"id":"nobody","engine":""}]})");
  take_error("t4", "InvalidDependency");
}

}  // namespace
}  // namespace engineroom::controller
