#include "client/session_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace engineroom::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr double kNow = 1000;

class SessionStateTest : public ::testing::Test {
 protected:
  SessionStateTest() {
    events_.enable_notices();
    state_.on_engine_list({{0, "a"}, {1, "b"}}, 0, kNow);
    drain();
  }
  ~SessionStateTest() override { state_.sanity_check(); }

  TaskPtr submit(const std::string& msg_id, Route route, const std::string& target = "",
                 const std::string& msg_type = "apply_request") {
    Task::Origin origin;
    origin.msg_id = msg_id;
    origin.route = route;
    origin.target = target;
    origin.msg_type = msg_type;
    return add(std::move(origin));
  }

  TaskPtr submit_coalescing(const std::string& msg_id, std::vector<std::string> targets) {
    Task::Origin origin;
    origin.msg_id = msg_id;
    origin.route = Route::kBroadcast;
    origin.coalesced_targets = std::move(targets);
    return add(std::move(origin));
  }

  TaskPtr add(Task::Origin origin) {
    auto task = std::make_shared<Task>(std::move(origin));
    state_.add(task, kNow);
    state_.sanity_check();
    return task;
  }

  static wire::Message message(const std::string& parent_id, const std::string& msg_type,
                               const std::string& metadata, const std::string& content) {
    wire::Message out;
    out.header = wire::make_header("m", msg_type, "engine", "user", "now");
    out.parent_header =
        parent_id.empty() ? Bytes::of_static("{}")
                          : wire::make_header(parent_id, "apply_request", "session", "user", "now");
    out.metadata = Bytes(metadata);
    out.content = Bytes(content);
    return out;
  }

  void reply(const std::string& parent_id, const std::string& metadata = R"({"started":"now"})",
             const std::string& content = R"({"status":"ok"})") {
    const wire::Message m = message(parent_id, "apply_reply", metadata, content);
    Result<ReplyFacts> facts = read_reply(m, reader_);
    ASSERT_TRUE(facts.ok());
    state_.on_reply(facts.value(), m, kNow + 1);
    state_.sanity_check();
  }

  void output(const std::string& parent_id, const std::string& msg_type,
              const std::string& content) {
    const wire::Message m = message(parent_id, msg_type, "{}", content);
    Result<OutputFacts> facts = read_output(m, reader_);
    ASSERT_TRUE(facts.ok());
    state_.on_output(facts.value(), m, kNow + 1);
    state_.sanity_check();
  }

  void idle(const std::string& parent_id) {
    output(parent_id, "status", R"({"execution_state":"idle"})");
  }

  std::vector<Event> drain() {
    std::vector<Event> events;
    while (std::optional<Event> event = events_.next(Clock::now(), {}))
      events.push_back(std::move(*event));
    return events;
  }

  static std::string content(const TaskPtr& task) { return task->reply()->content.str(); }

  EventQueue events_;
  SessionState state_{events_};
  JsonReader reader_;
};

// ---- replies ----

TEST_F(SessionStateTest, ReplyCompletesItsTask) {
  const TaskPtr task = submit("1", Route::kBalanced);
  const TaskPtr other = submit("2", Route::kBalanced);
  EXPECT_THAT(state_.outstanding(), UnorderedElementsAre("1", "2"));
  EXPECT_EQ(state_.find("1"), task);

  reply("1", R"({"started":"now","status":"ok","engine":"b"})");
  EXPECT_EQ(task->status(), TaskStatus::kOk);
  EXPECT_EQ(task->engine_uuid(), "b");
  EXPECT_EQ(task->received(), kNow + 1);
  EXPECT_FALSE(other->done());
  EXPECT_THAT(state_.outstanding(), ElementsAre("2"));
  EXPECT_EQ(state_.find("1"), nullptr);
}

TEST_F(SessionStateTest, StatusIsInMetadataOrContent) {
  const TaskPtr error = submit("1", Route::kDirect, "a");
  const TaskPtr aborted = submit("2", Route::kDirect, "a");
  reply("1", R"({"started":"now"})", R"({"status":"error","ename":"E"})");
  reply("2", R"({"started":"now","status":"aborted"})", "{}");
  EXPECT_EQ(error->status(), TaskStatus::kError);
  EXPECT_FALSE(error->output_done());
  EXPECT_EQ(aborted->status(), TaskStatus::kAborted);
  EXPECT_TRUE(aborted->output_done()) << "no idle follows an abort";
}

TEST_F(SessionStateTest, SecondAndUnknownRepliesAreDropped) {
  const TaskPtr task = submit("1", Route::kBalanced);
  reply("1");
  reply("1", "{}", R"({"status":"error"})");
  reply("nobody's");
  EXPECT_EQ(task->status(), TaskStatus::kOk);
  EXPECT_EQ(state_.stray_replies(), 2u);
}

TEST_F(SessionStateTest, SessionLetsGoOfWhatIsDone) {
  std::weak_ptr<Task> weak = submit("1", Route::kBalanced);
  EXPECT_FALSE(weak.expired());
  reply("1");
  EXPECT_TRUE(weak.expired());
  idle("1");  // finds nobody
}

TEST_F(SessionStateTest, ForgottenTaskGetsNoReply) {
  const TaskPtr task = submit("1", Route::kQuery, "", "queue_request");
  EXPECT_THAT(state_.outstanding(), IsEmpty()) << "queries are not tasks";
  state_.forget(*task);
  reply("1");
  EXPECT_FALSE(task->done());
}

// ---- output ----

TEST_F(SessionStateTest, OutputGoesToItsTaskUntilIdle) {
  const TaskPtr task = submit("1", Route::kDirect, "a", "execute_request");
  output("1", "status", R"({"execution_state":"busy"})");
  output("1", "stream", R"({"name":"stdout","text":"hel"})");
  output("1", "stream", R"({"name":"stdout","text":"lo\n"})");
  output("1", "stream", R"({"name":"stderr","text":"oh"})");
  reply("1");
  output("1", "execute_result", R"({"data":{}})");
  EXPECT_FALSE(task->output_done());
  idle("1");
  EXPECT_TRUE(task->output_done());
  output("1", "stream", R"({"name":"stdout","text":"too late"})");

  EXPECT_EQ(task->stream_text("stdout"), "hello\n");
  EXPECT_EQ(task->stream_text("stderr"), "oh");
  ASSERT_EQ(task->outputs().size(), 4u);
  EXPECT_EQ(task->outputs()[3].msg_type, "execute_result");
}

TEST_F(SessionStateTest, IdleMayComeBeforeTheReply) {
  const TaskPtr task = submit("1", Route::kDirect, "a");
  idle("1");
  EXPECT_FALSE(task->done());
  reply("1");
  EXPECT_TRUE(task->output_done());
}

TEST_F(SessionStateTest, ReplyMaySayThatNothingFollows) {
  const TaskPtr silent = submit("1", Route::kDirect, "a");
  const TaskPtr talking = submit("2", Route::kDirect, "a");
  reply("1", R"({"started":"now","idle":true})");
  reply("2", R"({"started":"now","idle":false})");
  EXPECT_TRUE(silent->output_done());
  EXPECT_FALSE(talking->output_done());
  idle("2");
  EXPECT_TRUE(talking->output_done());
}

TEST_F(SessionStateTest, ControllersOwnAnswersHaveNoOutput) {
  const TaskPtr task = submit("1", Route::kBalanced);
  reply("1", R"({"status":"error","engine":"a"})", R"({"status":"error","ename":"EngineError"})");
  EXPECT_TRUE(task->output_done());
  const TaskPtr control = submit("2", Route::kControl, "a", "abort_request");
  reply("2", R"({"started":"now"})");
  EXPECT_TRUE(control->output_done());
}

TEST_F(SessionStateTest, CommMessagesAreEvents) {
  output("", "comm_open", R"({"comm_id":"c"})");
  const std::vector<Event> events = drain();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(std::get<CommMessage>(events[0]).msg_type, "comm_open");
  EXPECT_EQ(std::get<CommMessage>(events[0]).content, R"({"comm_id":"c"})");
}

// ---- broadcasts ----

TEST_F(SessionStateTest, CoalescedReplyAndOutput) {
  const TaskPtr task = submit_coalescing("1", {"a", "b"});
  output("1_a", "stream", R"({"name":"stdout","text":"from a"})");
  idle("1_a");
  reply("1_b", R"({"started":"now","original_msg_id":"1","is_coalescing":true})");
  EXPECT_TRUE(task->done());
  EXPECT_FALSE(task->output_done()) << "b is not idle yet";
  idle("1_b");
  EXPECT_TRUE(task->output_done());
  EXPECT_EQ(task->stream_text("stdout"), "from a");
}

TEST_F(SessionStateTest, CoalescedReplyMaySayWhoIsQuiet) {
  const TaskPtr one_talks = submit_coalescing("1", {"a", "b"});
  const TaskPtr all_quiet = submit_coalescing("2", {"a", "b"});
  reply("1_b", R"({"started":"now","original_msg_id":"1","quiet_engines":1})");
  reply("2_b", R"({"started":"now","original_msg_id":"2","quiet_engines":2})");
  EXPECT_TRUE(all_quiet->output_done());
  EXPECT_FALSE(one_talks->output_done());
  idle("1_a");
  EXPECT_TRUE(one_talks->output_done());
}

TEST_F(SessionStateTest, CoalescedTaskFailsWithAnyOfItsEngines) {
  const TaskPtr task = submit_coalescing("1", {"a", "b"});
  state_.on_engine_left({1, "b"}, kNow);
  EXPECT_EQ(task->status(), TaskStatus::kError);
  EXPECT_THAT(content(task), HasSubstr("Engine 'b' died while running task '1'"));
}

// ---- engines ----

TEST_F(SessionStateTest, DirectTasksDieWithTheirEngine) {
  const TaskPtr direct = submit("1", Route::kDirect, "a");
  const TaskPtr broadcast = submit("2_a", Route::kBroadcast, "a");
  const TaskPtr elsewhere = submit("3", Route::kDirect, "b");
  const TaskPtr balanced = submit("4", Route::kBalanced);
  state_.on_engine_left({0, "a"}, kNow + 2);

  EXPECT_EQ(direct->status(), TaskStatus::kError);
  EXPECT_TRUE(direct->output_done());
  EXPECT_EQ(direct->engine_uuid(), "a");
  EXPECT_EQ(content(direct), R"({"status":"error","ename":"EngineError",)"
                             R"("evalue":"Engine 'a' died while running task '1'","traceback":[],)"
                             R"("engine_info":{"engine_uuid":"a","engine_id":0}})");
  EXPECT_EQ(broadcast->status(), TaskStatus::kError);
  EXPECT_FALSE(elsewhere->done());
  EXPECT_FALSE(balanced->done()) << "the controller runs it elsewhere";

  const std::vector<Event> events = drain();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(std::get<EngineLeft>(events[0]).id, 0);
}

TEST_F(SessionStateTest, TaskForADeadEngineFailsAtOnce) {
  state_.on_engine_left({0, "a"}, kNow);
  EXPECT_EQ(submit("1", Route::kDirect, "a")->status(), TaskStatus::kError);
  EXPECT_FALSE(submit("2", Route::kDirect, "unheard of")->done());
}

TEST_F(SessionStateTest, EngineThatWasAskedToLeave) {
  const TaskPtr shutdown = submit("1", Route::kControl, "a", "shutdown_request");
  const TaskPtr abort = submit("2", Route::kControl, "a", "abort_request");
  state_.on_engine_left({0, "a"}, kNow);
  EXPECT_EQ(shutdown->status(), TaskStatus::kOk);
  EXPECT_EQ(abort->status(), TaskStatus::kError);
}

TEST_F(SessionStateTest, NoOutputIsAwaitedFromTheDead) {
  const TaskPtr task = submit("1", Route::kBalanced);
  reply("1", R"({"started":"now","engine":"a"})");
  EXPECT_FALSE(task->output_done());
  state_.on_engine_left({0, "a"}, kNow);
  EXPECT_TRUE(task->output_done());
}

TEST_F(SessionStateTest, EngineListTellsOfThoseThatLeft) {
  const TaskPtr task = submit("1", Route::kDirect, "a");
  state_.on_engine_list({{1, "b"}, {2, "c"}}, state_.engines().version(), kNow);
  EXPECT_EQ(task->status(), TaskStatus::kError);
  const std::vector<Event> events = drain();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(std::get<EngineLeft>(events[0]).uuid, "a");
  EXPECT_EQ(std::get<EngineJoined>(events[1]).uuid, "c");
}

// ---- the controller ----

TEST_F(SessionStateTest, AllFailsWhenTheControllerIsLost) {
  const TaskPtr balanced = submit("1", Route::kBalanced);
  const TaskPtr replied = submit("2", Route::kBalanced);
  reply("2");
  state_.on_lost("the controller is gone", kNow);
  EXPECT_EQ(balanced->status(), TaskStatus::kError);
  EXPECT_THAT(content(balanced), HasSubstr("the controller is gone"));
  EXPECT_EQ(replied->status(), TaskStatus::kOk);
  EXPECT_TRUE(replied->output_done());
  EXPECT_EQ(submit("3", Route::kBalanced)->status(), TaskStatus::kError);
  EXPECT_EQ(drain().size(), 1u);

  state_.on_found();
  EXPECT_EQ(state_.lost(), "");
  EXPECT_FALSE(submit("4", Route::kBalanced)->done());
}

TEST_F(SessionStateTest, ClosingEndsEverything) {
  const TaskPtr task = submit("1", Route::kBalanced);
  const TaskPtr replied = submit("2", Route::kBalanced);
  reply("2");
  state_.on_closed("the client was closed", kNow);
  state_.on_closed("again", kNow);
  EXPECT_EQ(task->status(), TaskStatus::kError);
  EXPECT_EQ(submit("3", Route::kBalanced)->status(), TaskStatus::kError);
  reply("1");
  EXPECT_THAT(content(task), HasSubstr("the client was closed"));
  const std::vector<Event> events = drain();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<SessionClosed>(events[0]));
}

TEST_F(SessionStateTest, TaskFinishedByHand) {
  const TaskPtr task = submit("1", Route::kBalanced);
  Task::Completion completion;
  completion.status = TaskStatus::kOk;
  completion.output_done = true;
  state_.finish(task, std::move(completion));
  EXPECT_TRUE(task->done());
  EXPECT_THAT(state_.outstanding(), IsEmpty());
}

TEST_F(SessionStateTest, ReleasedTaskKeepsItsMetadata) {
  const TaskPtr task = submit("1", Route::kBalanced);
  output("1", "stream", R"({"name":"stdout","text":"x"})");
  reply("1", R"({"started":"now","engine":"a"})", R"({"status":"ok","big":1})");
  task->release();
  EXPECT_EQ(content(task), "{}");
  EXPECT_EQ(task->reply()->metadata, R"({"started":"now","engine":"a"})");
  EXPECT_THAT(task->outputs(), IsEmpty());
  EXPECT_EQ(task->status(), TaskStatus::kOk);
}

TEST_F(SessionStateTest, ARestartedControllerIsAskedForWhatItsJournalHas) {
  const TaskPtr balanced = submit("balanced", Route::kBalanced);
  const TaskPtr direct = submit("direct", Route::kDirect, "a");
  const TaskPtr control = submit("control", Route::kControl, "a");
  const TaskPtr broadcast = submit_coalescing("broadcast", {"a", "b"});
  EXPECT_THAT(state_.on_restarted(kNow, kNow),
              UnorderedElementsAre("balanced", "direct", "broadcast"));
  state_.sanity_check();
  EXPECT_EQ(control->status(), TaskStatus::kError);
  EXPECT_FALSE(broadcast->done());
  reply("direct");
  EXPECT_TRUE(direct->done());
  EXPECT_THAT(state_.on_resumed({{}, {"balanced"}}, kNow), IsEmpty());
  EXPECT_EQ(balanced->status(), TaskStatus::kError);
}

TEST_F(SessionStateTest, WhatNeverCameIsSentAgainInItsOrder) {
  std::vector<TaskPtr> tasks;
  for (const char* msg_id : {"z", "a", "m"}) {
    tasks.push_back(submit(msg_id, Route::kBalanced));
    state_.keep_request(*tasks.back(), Channel::kTask,
                        std::make_shared<const Frames>(Frames{Bytes::copy_of(msg_id)}));
  }
  reply("a");
  static_cast<void>(state_.on_restarted(kNow, kNow));
  const auto again = state_.on_resumed({{"m", "a", "z", "unheard of"}, {}}, kNow);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].frames->front(), "z");
  EXPECT_EQ(again[1].frames->front(), "m");
  EXPECT_EQ(again[1].channel, Channel::kTask);
}

TEST_F(SessionStateTest, ABroadcastIsSentAgainOnce) {
  const auto frames = std::make_shared<const Frames>(Frames{Bytes::of_static("b")});
  for (const char* engine : {"e", "f"}) {
    const std::string msg_id = std::string("b_") + engine;
    state_.keep_request(*submit(msg_id, Route::kBroadcast, engine), Channel::kBroadcast, frames);
  }
  EXPECT_THAT(state_.on_restarted(kNow, kNow), UnorderedElementsAre("b_e", "b_f"));
  EXPECT_EQ(state_.on_resumed({{"b_f", "b_e"}, {}}, kNow).size(), 1u);
}

TEST_F(SessionStateTest, OutputThatWasLostIsNotAwaitedForEver) {
  const TaskPtr before = submit("before", Route::kBalanced);
  const TaskPtr during = submit("during", Route::kBalanced);
  reply("before");
  static_cast<void>(state_.on_restarted(kNow, kNow));
  EXPECT_TRUE(before->output_done());
  reply("during");
  EXPECT_FALSE(during->output_done());
  const auto due = state_.on_time(kNow + 1);
  ASSERT_TRUE(due);
  EXPECT_FALSE(state_.on_time(*due));
  EXPECT_TRUE(during->output_done());
}

TEST_F(SessionStateTest, AnotherControllerKnowsNothing) {
  const TaskPtr task = submit("task", Route::kBalanced);
  state_.on_replaced("replaced", kNow, kNow);
  EXPECT_EQ(task->status(), TaskStatus::kError);
  EXPECT_THAT(task->reply()->content.str(), HasSubstr("replaced"));
}

}  // namespace
}  // namespace engineroom::client
