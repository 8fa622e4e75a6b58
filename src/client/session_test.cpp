// The whole client against a controller in the same process, over real sockets.

#include "client/session.h"

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/fake_controller.h"
#include "client/waiter.h"
#include "transport/shared_bytes.h"

namespace engineroom::client {
namespace {

using Incoming = FakeController::Incoming;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr double kPatience = 20;

std::unique_ptr<Session> connect(const FakeController& fake) {
  Result<std::unique_ptr<Session>> session =
      Session::connect(fake.info(), {.timeout_s = kPatience});
  EXPECT_TRUE(session.ok()) << session.status().to_string();
  return session.take();
}

bool wait_for(const std::unique_ptr<Session>& session, const std::vector<TaskPtr>& tasks,
              bool outputs = false) {
  return session->wait(tasks, kPatience, WaitMode::kAll,
                       outputs ? Task::Until::kOutputDone : Task::Until::kReplied) ==
         WaitResult::kReady;
}

// Polls until `holds`.
template <typename Condition>
bool eventually(Condition holds) {
  const Time deadline = Clock::now() + from_seconds(kPatience);
  while (!holds()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

Request request_for(const std::string& engine) {
  return {.route = Route::kDirect, .target = engine, .msg_type = "apply_request"};
}

void swallow(FakeController&, const Incoming&) {}

TEST(Session, WhatEnginesKeepForAClientThatClosesIsReleased) {
  std::atomic<bool> released = false;
  FakeController fake([&](FakeController& f, const Incoming& request) {
    if (request.header.msg_type == "release_request") released = true;
    f.reply(request, R"({"engine":"a","idle":true,"kept":true})");
  });
  fake.add_engine(0, "a");
  for (int i = 0; i < 20; ++i) {  // the last moment before the I/O thread would have looked
    released = false;
    const auto session = connect(fake);
    TaskPtr task = session->submit(request_for("a"));
    ASSERT_TRUE(wait_for(session, {task}, true));
    task.reset();
    session->close(kPatience);
    ASSERT_TRUE(eventually([&] { return released.load(); }));
  }
}

TEST(Session, RoundTripOnEveryRoute) {
  FakeController fake([](FakeController& f, const Incoming& request) {
    f.reply(request, R"({"engine":"a","idle":true})", R"({"status":"ok"})",
            request.message.buffers);
  });
  fake.add_engine(0, "a");
  const auto session = connect(fake);
  EXPECT_THAT(session->engines(), ElementsAre(Pair(0, "a")));
  EXPECT_EQ(session->wait_for_engines(1, 0), WaitResult::kReady);

  for (Route route : {Route::kDirect, Route::kBalanced, Route::kControl}) {
    Request request;
    request.route = route;
    request.target = route == Route::kBalanced ? "" : "a";
    request.msg_type = "apply_request";
    request.buffers = {Bytes::of_static("small"), Bytes(std::string(100'000, 'x'))};
    const TaskPtr task = session->submit(std::move(request));
    ASSERT_TRUE(wait_for(session, {task}, true));
    EXPECT_EQ(task->status(), TaskStatus::kOk);
    EXPECT_EQ(task->engine_uuid(), "a");
    EXPECT_TRUE(task->sent());
    ASSERT_EQ(task->reply()->buffers.size(), 2u);
    EXPECT_EQ(task->reply()->buffers[0], "small");
    EXPECT_EQ(task->reply()->buffers[1].size(), 100'000u);
  }
  EXPECT_THAT(session->outstanding(), IsEmpty());
}

TEST(Session, Query) {
  FakeController fake([](FakeController& f, const Incoming& request) {
    if (request.header.msg_type == "queue_request") f.reply(request, "{}", R"({"unassigned":3})");
  });
  const auto session = connect(fake);
  const auto reply = session->query("queue_request", "{}", kPatience);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply.value()->msg_type, "queue_reply");
  EXPECT_EQ(reply.value()->content, R"({"unassigned":3})");
  EXPECT_EQ(session->query("unknown_request", "{}", 0.02).status().code(), ErrorCode::kTimeout);
}

TEST(Session, ManyTasksFromManyThreads) {
  FakeController fake;
  const auto session = connect(fake);
  constexpr int kThreads = 4;
  constexpr std::size_t kTasks = 500;
  std::atomic<std::size_t> ok = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      RequestBatch batch;
      batch.targets = {""};
      batch.msg_type = "apply_request";
      batch.shared_buffers = {Bytes::of_static("function")};
      batch.own_buffers.assign(kTasks, {Bytes::of_static("argument")});
      Result<std::vector<TaskPtr>> tasks = session->submit_many(std::move(batch));
      ASSERT_TRUE(tasks.ok());
      ASSERT_TRUE(wait_for(session, tasks.value()));
      for (const TaskPtr& task : tasks.value()) ok += task->status() == TaskStatus::kOk ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ok, kThreads * kTasks);
}

// Threads that wait take turns at reading from the network, and leave it to the I/O thread between.
TEST(Session, ThreadsThatSubmitAndWaitInTurns) {
  FakeController fake;
  const auto session = connect(fake);
  std::atomic<int> ok = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 150; ++i) {
        const TaskPtr task = session->submit(request_for("a"));
        // Every other thread waits without reading itself.
        const bool done =
            t % 2 == 0 ? wait_for(session, {task})
                       : wait_for_tasks({&task, 1}, deadline_after(kPatience), WaitMode::kAll,
                                        Task::Until::kReplied, {}) == WaitResult::kReady;
        ok += done && task->status() == TaskStatus::kOk ? 1 : 0;
        if (i % 10 == t) std::this_thread::sleep_for(std::chrono::milliseconds(i % 13));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ok, 600);
}

TEST(Session, WatchesFireWhileSomebodyWaitsForSomethingElse) {
  FakeController fake([](FakeController& f, const Incoming& request) {
    if (request.channel == Channel::kTask) f.reply(request);
  });
  const auto session = connect(fake);
  const TaskPtr never = session->submit(request_for("a"));
  std::atomic<bool> end = false;
  std::thread waiter([&] {
    while (!end) session->wait({&never, 1}, 0.03, WaitMode::kAll, Task::Until::kReplied);
  });
  for (int i = 0; i < 100; ++i) {
    const TaskPtr task = session->submit({.msg_type = "apply_request"});
    session->watches().watch({&task, 1}, i, Task::Until::kReplied);
    const std::optional<Event> event = session->events().next(deadline_after(kPatience), {});
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(std::get<TasksDone>(*event).token, i);
  }
  end = true;
  waiter.join();
}

TEST(Session, ClosedWhileSomebodyWaits) {
  FakeController fake(swallow);
  const auto session = connect(fake);
  const TaskPtr task = session->submit(request_for("a"));
  std::thread waiter([&] { EXPECT_TRUE(wait_for(session, {task})); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  session->close();
  waiter.join();
}

TEST(Session, WaitTimesOut) {
  FakeController fake(swallow);
  const auto session = connect(fake);
  const TaskPtr task = session->submit(request_for("a"));
  const auto wait = [&](double timeout_s, const Interrupt& interrupt) {
    return session->wait({&task, 1}, timeout_s, WaitMode::kAll, Task::Until::kReplied, interrupt);
  };
  EXPECT_EQ(wait(0, {}), WaitResult::kTimeout);
  EXPECT_EQ(wait(0.02, {}), WaitResult::kTimeout);
  EXPECT_EQ(wait(kPatience, [] { return true; }), WaitResult::kInterrupted);
}

TEST(Session, BatchWithTargets) {
  FakeController fake([](FakeController& f, const Incoming& request) {
    f.reply(request, R"({"idle":true})", R"({"status":"ok"})", {request.message.identities.back()});
  });
  const auto session = connect(fake);
  RequestBatch batch;
  batch.route = Route::kDirect;
  batch.msg_type = "apply_request";
  batch.targets = {"a", "b"};
  batch.own_buffers = {{}, {}};
  const auto tasks = session->submit_many(batch);
  ASSERT_TRUE(tasks.ok() && wait_for(session, tasks.value()));
  EXPECT_EQ(tasks.value()[0]->reply()->buffers[0], "a");
  EXPECT_EQ(tasks.value()[1]->reply()->buffers[0], "b");
  batch.own_buffers.emplace_back();
  EXPECT_EQ(session->submit_many(batch).status().code(), ErrorCode::kInvalidArgument);
}

// One that the controller knows how to put together again.
TEST(Session, WhatRequestsOfACallHaveInCommonIsSentOnce) {
  FakeController fake([](FakeController& f, const Incoming& request) {
    f.reply(request, R"({"idle":true})", request.message.metadata.str(), request.message.buffers);
  });
  const Bytes large(std::string(transport::kSharedBytes, 'x'));
  const auto sent = [&](bool takes_batches) {
    if (takes_batches) fake.take_batches();
    const auto session = connect(fake);
    RequestBatch batch{.route = Route::kDirect, .targets = {"a", "b"}, .msg_type = "apply_request"};
    batch.shared_buffers = {Bytes::of_static("function"), large};
    batch.own_buffers = {{Bytes::of_static("1")}, {Bytes::of_static("2")}};
    const auto tasks = session->submit_many(std::move(batch));
    EXPECT_TRUE(tasks.ok() && wait_for(session, tasks.value()));
    return std::pair(*tasks.value()[0]->reply(), *tasks.value()[1]->reply());
  };
  const Bytes function = Bytes::of_static("function");
  for (const bool takes_batches : {false, true}) {
    const auto [first, second] = sent(takes_batches);
    EXPECT_EQ(first.buffers, (Frames{function, large, Bytes::of_static("1")}));
    EXPECT_EQ(second.buffers,
              (Frames{function, takes_batches ? Bytes() : large, Bytes::of_static("2")}));
    EXPECT_EQ(first.content.view().find("others") != std::string_view::npos, takes_batches);
  }
}

TEST(Session, Broadcast) {
  FakeController fake([](FakeController& f, const Incoming& request) {
    const std::string metadata = request.message.metadata.str();
    const bool coalescing = metadata.find(R"("is_coalescing":true)") != std::string::npos;
    if (coalescing) {
      f.reply_as(request, f.header_at_engine(request, "b"),
                 R"({"idle":true,"original_msg_id":")" + request.header.msg_id + "\"}",
                 R"({"status":"ok"})", {Bytes::of_static("1"), Bytes::of_static("2")});
      return;
    }
    for (const char* engine : {"a", "b"})
      f.reply_as(request, f.header_at_engine(request, engine), R"({"idle":true})", metadata);
  });
  const auto session = connect(fake);
  const std::vector<EngineEntry> targets = {{0, "a"}, {1, "b"}};
  const Request request = {.msg_type = "apply_request", .metadata = R"({"x":1})"};
  auto tasks = session->submit_broadcast(targets, request, false);
  ASSERT_TRUE(tasks.ok() && wait_for(session, tasks.value(), true));
  ASSERT_EQ(tasks.value().size(), 2u);
  EXPECT_THAT(tasks.value()[1]->msg_id(), HasSubstr("_b"));
  EXPECT_EQ(tasks.value()[0]->reply()->content,
            R"({"x":1,"targets":[["a",0],["b",1]],"is_broadcast":true,"is_coalescing":false})");

  tasks = session->submit_broadcast(targets, request, true);
  ASSERT_TRUE(tasks.ok() && wait_for(session, tasks.value(), true));
  ASSERT_EQ(tasks.value().size(), 1u);
  EXPECT_EQ(tasks.value()[0]->reply()->buffers.size(), 2u);
}

TEST(Session, OutputArrives) {
  FakeController fake([](FakeController& f, const Incoming& request) {
    const Bytes& parent = request.message.header;
    f.publish_output(parent, "stream", R"({"name":"stdout","text":"hi"})");
    const Bytes another = wire::make_header("x", "execute_request", "another session", "u", "now");
    f.publish_output(another, "stream", R"({"name":"stdout","text":"not for us"})");
    f.publish_output(parent, "status", R"({"execution_state":"idle"})");
    f.publish_output(Bytes::of_static("{}"), "comm_open", R"({"comm_id":"c"})");
    f.reply(request, R"({"started":"now"})");
  });
  const auto session = connect(fake);
  session->events().enable_notices();
  // The subscription may take a moment to arrive: ask until something comes back.
  TaskPtr task;
  ASSERT_TRUE(eventually([&] {
    task = session->submit(request_for("a"));
    return wait_for_tasks({&task, 1}, deadline_after(0.2), WaitMode::kAll, Task::Until::kOutputDone,
                          {}) == WaitResult::kReady;
  }));
  EXPECT_EQ(task->stream_text("stdout"), "hi");
  const std::optional<Event> event = session->events().next(deadline_after(kPatience), {});
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(std::get<CommMessage>(*event).msg_type, "comm_open");
}

TEST(Session, EnginesComeAndGo) {
  FakeController fake(swallow);
  const auto session = connect(fake);
  EXPECT_THAT(session->engines(), IsEmpty());
  std::thread joiner([&] { fake.add_engine(0, "a"); });
  EXPECT_EQ(session->wait_for_engines(1, kPatience), WaitResult::kReady);
  joiner.join();
  EXPECT_EQ(session->uuid_of(0), "a");

  const std::uint64_t version = session->engines_version();
  const TaskPtr task = session->submit(request_for("a"));
  std::thread leaver([&] { fake.remove_engine(0); });
  EXPECT_EQ(session->wait_for_engines(2, kPatience), WaitResult::kTimeout);
  leaver.join();
  EXPECT_GT(session->engines_version(), version);
  EXPECT_EQ(session->id_of("a"), 0);
  ASSERT_TRUE(wait_for(session, {task}));
  EXPECT_THAT(task->reply()->content.str(), HasSubstr("Engine 'a' died"));
}

TEST(Session, ControllerVanishes) {
  auto fake = std::make_unique<FakeController>(swallow);
  const auto session = connect(*fake);
  const TaskPtr task = session->submit(request_for("a"));
  ASSERT_TRUE(eventually([&] { return task->sent(); }));
  fake.reset();
  ASSERT_TRUE(wait_for(session, {task}, true));
  EXPECT_EQ(task->status(), TaskStatus::kError);
  EXPECT_THAT(task->reply()->content.str(), HasSubstr("is gone"));
  EXPECT_THAT(session->lost(), HasSubstr("is gone"));
  EXPECT_EQ(session->query("queue_request", "{}").status().code(), ErrorCode::kUnavailable);
  EXPECT_FALSE(session->closed());
}

TEST(Session, AnotherControllerKnowsNothingOfWhatIsPending) {
  auto fake = std::make_unique<FakeController>(swallow);
  const auto session = connect(*fake);
  const TaskPtr task = session->submit(request_for("a"));
  ASSERT_TRUE(eventually([&] { return task->sent(); }));
  const wire::ConnectionInfo info = fake->info();
  fake.reset();
  // Soon enough for the loss to be taken for a hiccup of the network.
  const FakeController other({}, info.key, info);
  ASSERT_TRUE(wait_for(session, {task}, true));
  EXPECT_EQ(task->status(), TaskStatus::kError);
  EXPECT_THAT(task->reply()->content.str(), HasSubstr("was replaced"));
  EXPECT_EQ(session->lost(), "");
  EXPECT_TRUE(wait_for(session, {session->submit(request_for("a"))}));
}

TEST(Session, ControllerShutsDown) {
  FakeController fake(swallow);
  const auto session = connect(fake);
  const TaskPtr task = session->submit(request_for("a"));
  ASSERT_TRUE(eventually([&] {
    fake.publish_shutdown();
    return session->closed();
  }));
  ASSERT_TRUE(wait_for(session, {task}));
  EXPECT_THAT(session->lost(), HasSubstr("shut down"));
  EXPECT_TRUE(std::holds_alternative<SessionClosed>(*session->events().next(std::nullopt, {})));
}

TEST(Session, CloseFailsWhatIsOutstanding) {
  FakeController fake(swallow);
  const auto session = connect(fake);
  const TaskPtr task = session->submit(request_for("a"));
  session->close();
  session->close();
  EXPECT_EQ(task->status(), TaskStatus::kError);
  EXPECT_EQ(session->submit(request_for("a"))->status(), TaskStatus::kError);
  EXPECT_EQ(session->query("queue_request", "{}").status().code(), ErrorCode::kClosed);
}

TEST(Session, CloseSendsWhatWasSubmitted) {
  std::atomic<int> received = 0;
  FakeController fake([&](FakeController&, const Incoming&) { ++received; });
  const auto session = connect(fake);
  for (int i = 0; i < 50; ++i) session->submit(request_for("a"));
  session->close(kPatience);
  EXPECT_TRUE(eventually([&] { return received == 50; }));
}

TEST(Session, NoController) {
  wire::ConnectionInfo info;
  {
    const FakeController fake;
    info = fake.info();
  }
  const auto session = Session::connect(info, {.timeout_s = 0.1});
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.status().code(), ErrorCode::kTimeout);
  EXPECT_THAT(session.status().message(), HasSubstr("no answer from the controller"));
}

TEST(Session, WrongKey) {
  const FakeController fake;
  wire::ConnectionInfo info = fake.info();
  info.key = "another";
  EXPECT_EQ(Session::connect(info, {.timeout_s = 0.1}).status().code(), ErrorCode::kTimeout);
}

TEST(Session, ConnectingCanBeInterrupted) {
  const FakeController fake;
  wire::ConnectionInfo info = fake.info();
  info.key = "another";
  const auto session = Session::connect(info, {.timeout_s = kPatience}, [] { return true; });
  EXPECT_EQ(session.status().code(), ErrorCode::kClosed);
}

}  // namespace
}  // namespace engineroom::client
