#include "engine/workbench.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_requests.h"

namespace engineroom::engine {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

// What was laid out, as short text: "reply a ok", "busy a", "stdout a hello".
std::string describe(const Outgoing& outgoing) {
  if (const Reply* reply = std::get_if<Reply>(&outgoing)) {
    const char* outcome = reply->outcome == Outcome::kOk      ? "ok"
                          : reply->outcome == Outcome::kError ? "error"
                                                              : "aborted";
    return "reply " + reply->request->header.msg_id + " " + outcome +
           (reply->request->ours && !reply->silent ? " after output" : "");
  }
  const Publication& publication = std::get<Publication>(outgoing);
  std::string text = publication.topic;
  if (publication.msg_type == "status") {
    text = publication.content.view().find("busy") != std::string_view::npos ? "busy" : "idle";
  }
  // {"msg_id":"a"}
  const std::string parent = publication.parent.str();
  text += " " + (parent.empty() ? "-" : parent.substr(11, parent.size() - 13));
  if (publication.msg_type == "stream") {
    const std::string content = publication.content.str();
    const std::size_t start = content.find("\"text\":\"") + 8;
    text += " " + content.substr(start, content.size() - start - 2);
  }
  return text;
}

class WorkbenchTest : public testing::Test {
 protected:
  std::vector<std::string> collect() {
    std::vector<Outgoing> outgoing;
    bench_.collect(now_, outgoing);
    std::vector<std::string> described;
    for (const Outgoing& item : outgoing) described.push_back(describe(item));
    return described;
  }
  RequestPtr take() { return bench_.take(now_); }
  void finish() { bench_.finish(Reply{}); }

  Time now_{std::chrono::seconds(1000)};
  Workbench bench_;
};

TEST_F(WorkbenchTest, StockClientsGetStatusesAroundTheReply) {
  bench_.deliver(make_request("a"));
  EXPECT_EQ(take()->header.msg_id, "a");
  finish();
  EXPECT_THAT(collect(), ElementsAre("busy a", "reply a ok", "idle a"));
}

TEST_F(WorkbenchTest, OurClientsGetNoneIfThereIsNoOutput) {
  bench_.deliver(make_quiet_request("a"));
  take();
  finish();
  EXPECT_THAT(collect(), ElementsAre("reply a ok"));
}

TEST_F(WorkbenchTest, OurClientsGetIdleAfterOutput) {
  bench_.deliver(make_quiet_request("a"));
  take();
  bench_.write("stdout", "hello", now_);
  finish();
  EXPECT_THAT(collect(), ElementsAre("stdout a hello", "reply a ok after output", "idle a"));
}

TEST_F(WorkbenchTest, BusyIsSaidAfterAMillisecond) {
  bench_.deliver(make_request("a"));
  take();
  EXPECT_THAT(collect(), IsEmpty());
  EXPECT_EQ(bench_.deadline(now_), now_ + Workbench::kBusyAfter);
  now_ += Workbench::kBusyAfter;
  EXPECT_THAT(collect(), ElementsAre("busy a"));
  EXPECT_EQ(bench_.deadline(now_), std::nullopt);
  finish();
  EXPECT_THAT(collect(), ElementsAre("reply a ok", "idle a"));
}

TEST_F(WorkbenchTest, OutputComesAfterBusyAndInOrder) {
  bench_.deliver(make_request("a"));
  take();
  bench_.write("stdout", "1", now_);
  bench_.write("stdout", "2", now_);
  bench_.write("stderr", "3", now_);
  Publication display;
  display.topic = "displaypub";
  bench_.publish(display);
  bench_.write("stdout", "4", now_);
  finish();
  EXPECT_THAT(collect(), ElementsAre("busy a", "stdout a 12", "stderr a 3", "displaypub a",
                                     "stdout a 4", "reply a ok", "idle a"));
}

TEST_F(WorkbenchTest, TextWaitsForMoreText) {
  bench_.write("stdout", "a", now_);
  EXPECT_THAT(collect(), IsEmpty());
  EXPECT_EQ(bench_.deadline(now_), now_ + Workbench::kFlushAfter);
  now_ += Workbench::kFlushAfter;
  EXPECT_THAT(collect(), ElementsAre("stdout - a"));
  EXPECT_EQ(bench_.deadline(now_), std::nullopt);
}

TEST_F(WorkbenchTest, MuchTextDoesNotWait) {
  bench_.write("stdout", std::string(Workbench::kFlushBytes, 'x'), now_);
  EXPECT_EQ(collect().size(), 1u);
}

TEST_F(WorkbenchTest, LateTextBelongsToWhatRanBefore) {
  bench_.deliver(make_request("a"));
  take();
  finish();
  collect();
  bench_.write("stdout", "late", now_);
  bench_.deliver(make_quiet_request("b"));
  take();
  finish();
  EXPECT_THAT(collect(), ElementsAre("stdout a late", "reply b ok"));
}

TEST_F(WorkbenchTest, CommMessagesHaveNoReply) {
  bench_.deliver(make_request("a", RequestKind::kComm));
  take();
  finish();
  EXPECT_THAT(collect(), ElementsAre("busy a", "idle a"));
}

TEST_F(WorkbenchTest, AbortedTasksAreAnsweredWithoutStatuses) {
  bench_.abort({"b"});
  for (const char* id : {"a", "b", "c"}) bench_.deliver(make_request(id));
  EXPECT_THAT(collect(), ElementsAre("reply b aborted"));
  bench_.abort_all();
  EXPECT_THAT(collect(), ElementsAre("reply a aborted", "reply c aborted"));
  EXPECT_EQ(take(), nullptr);
}

TEST_F(WorkbenchTest, OnlyTheTaskThatIsMeantIsInterrupted) {
  for (const char* id : {"a", "b", "c"}) bench_.deliver(make_quiet_request(id));
  take();
  EXPECT_FALSE(bench_.interrupt({"b", "z"}));
  EXPECT_EQ(bench_.interruption(), Interruption::kNone);
  EXPECT_TRUE(bench_.interrupt({"a"}));
  EXPECT_EQ(bench_.interruption(), Interruption::kAborted);
  finish();
  take();
  // The signal may come only now.
  EXPECT_EQ(bench_.interruption(), Interruption::kNone);
  EXPECT_THAT(collect(), ElementsAre("reply b aborted", "reply a ok"));
}

TEST_F(WorkbenchTest, ATaskIsInterruptedAtItsTimeLimitAndEverySecondAfter) {
  auto request = make_quiet_request("a");
  request->time_limit = milliseconds(100);
  bench_.deliver(request);
  take();
  EXPECT_EQ(bench_.deadline(now_), now_ + milliseconds(100));
  EXPECT_FALSE(bench_.interrupt_overdue(now_ + milliseconds(99)));
  EXPECT_EQ(bench_.interruption(), Interruption::kNone);
  now_ += milliseconds(100);
  EXPECT_TRUE(bench_.interrupt_overdue(now_));
  EXPECT_EQ(bench_.interruption(), Interruption::kTimeLimit);
  EXPECT_FALSE(bench_.interrupt_overdue(now_));
  EXPECT_EQ(bench_.deadline(now_), now_ + milliseconds(1000));
  EXPECT_THAT(collect(), IsEmpty());
  now_ += milliseconds(5000);
  EXPECT_TRUE(bench_.interrupt_overdue(now_));
  ASSERT_EQ(collect().size(), 1u);  // its client is told
  now_ += milliseconds(5000);
  EXPECT_TRUE(bench_.interrupt_overdue(now_));
  EXPECT_THAT(collect(), IsEmpty());
  finish();
  EXPECT_FALSE(bench_.interrupt_overdue(now_ + milliseconds(5000)));
  EXPECT_THAT(collect(), ElementsAre("reply a ok after output", "idle a"));
}

TEST_F(WorkbenchTest, AFailedCellAbortsThoseBehindIt) {
  bench_.deliver(make_request("a", RequestKind::kExecute));
  bench_.deliver(make_request("b", RequestKind::kExecute));
  take();
  Reply reply;
  reply.outcome = Outcome::kError;
  bench_.finish(std::move(reply), true);
  EXPECT_THAT(collect(), ElementsAre("busy a", "reply a error", "idle a", "reply b aborted"));
}

TEST_F(WorkbenchTest, DroppedTasksAreNotAnswered) {
  bench_.deliver(make_request("a"));
  bench_.drop_all();
  EXPECT_THAT(collect(), IsEmpty());
  EXPECT_EQ(take(), nullptr);
}

TEST_F(WorkbenchTest, NothingIsTakenAfterTheEnd) {
  bench_.deliver(make_request("a"));
  bench_.end();
  EXPECT_EQ(take(), nullptr);
  bench_.wait_for_request();  // returns
}

TEST_F(WorkbenchTest, FinishingTwiceIsHarmless) {
  bench_.deliver(make_quiet_request("a"));
  take();
  finish();
  finish();
  EXPECT_THAT(collect(), ElementsAre("reply a ok"));
}

// Both sides on their own threads, as in an engine: nothing is lost, and nobody sleeps for ever.
TEST(WorkbenchThreads, EveryRequestIsAnswered) {
  constexpr int kCount = 20'000;
  Workbench bench;
  std::thread worker([&] {
    int done = 0;
    while (done < kCount) {
      if (RequestPtr request = bench.take(Clock::now())) {
        if (done % 7 == 0) bench.write("stdout", "x", Clock::now());
        bench.finish(Reply{});
        ++done;
      } else {
        bench.wait_for_request();
      }
    }
  });

  int replies = 0;
  int delivered = 0;
  std::vector<Outgoing> outgoing;
  while (replies < kCount) {
    for (int i = 0; i < 3 && delivered < kCount; ++i) {
      bench.deliver(make_quiet_request(std::to_string(delivered++)));
    }
    bench.collect(Clock::now(), outgoing);
    for (const Outgoing& item : outgoing) {
      const Reply* reply = std::get_if<Reply>(&item);
      if (reply == nullptr) continue;
      EXPECT_EQ(reply->request->header.msg_id, std::to_string(replies));
      ++replies;
    }
    if (outgoing.empty() && delivered == kCount) {
      bench.io_wake().wait(10);
      bench.io_wake().clear();
    }
  }
  worker.join();
}

TEST(WorkbenchHeldTest, TellsWhatItHolds) {
  Workbench bench;
  for (const char* msg_id : {"done", "running", "queued"}) {
    bench.deliver(make_quiet_request(msg_id));
  }
  bench.take(Clock::now());
  bench.finish({});
  bench.take(Clock::now());
  EXPECT_EQ(bench.held(), (std::vector<std::string>{"queued", "running", "done"}));
  std::vector<Outgoing> outgoing;
  bench.collect(Clock::now(), outgoing);
  EXPECT_EQ(bench.held(), (std::vector<std::string>{"queued", "running"}));
  bench.abort({"not here yet"});
  bench.forget_aborts();
  bench.deliver(make_quiet_request("not here yet"));
  EXPECT_EQ(bench.held().size(), 3u);
}

}  // namespace
}  // namespace engineroom::engine
