#include "controller/journal.h"

#include <gtest/gtest.h>

#include "controller/fake_journal.h"

namespace engineroom::controller {
namespace {

constexpr store::WallTime kNow{};

Frames frames(std::initializer_list<const char*> texts) {
  Frames frames;
  for (const char* text : texts) frames.push_back(Bytes::of_static(text));
  return frames;
}

std::vector<std::string> texts(const Frames& frames) {
  std::vector<std::string> texts;
  for (const Bytes& frame : frames) texts.push_back(frame.str());
  return texts;
}

class JournalTest : public ::testing::Test {
 protected:
  void open_task(const std::string& msg_id) {
    journal.note_request(Channel::kTaskClient, msg_id, frames({"client", "request"}), false, kNow);
  }

  // What a process would find that is started after this one was killed.
  Journal read_again() {
    earlier.bytes = sink.bytes;
    auto read = Journal::read(earlier.bytes, earlier);
    EXPECT_TRUE(read.ok()) << read.status().message();
    read.value().sanity_check();
    return read.take();
  }

  FakeJournalSink sink;
  FakeJournalSink earlier;
  FakeJournalSink later;
  Journal journal{sink, "name"};
};

TEST_F(JournalTest, ARequestIsOpenUntilItsReply) {
  open_task("a");
  open_task("b");
  journal.note_sent("b", EngineId{3}, 1);
  journal.note_reply("a", true, EngineId{2}, frames({"client", "reply"}), kNow);
  const Journal again = read_again();
  EXPECT_EQ(again.id(), "name");
  EXPECT_EQ(again.start(), 2);
  EXPECT_FALSE(again.is_open("a"));
  EXPECT_TRUE(again.has_seen("a"));
  ASSERT_EQ(again.open_requests().size(), 1u);
  EXPECT_EQ(again.open_requests()[0].first, "b");
  EXPECT_EQ(again.open_requests()[0].second.engine, EngineId{3});
  EXPECT_EQ(texts(again.request_frames("b")), texts(frames({"client", "request"})));
  ASSERT_EQ(again.outcomes().size(), 1u);
  EXPECT_TRUE(again.outcomes()[0].ok);
  EXPECT_EQ(again.outcomes()[0].engine, EngineId{2});
  EXPECT_EQ(again.recently_ended().size(), 1u);
}

TEST_F(JournalTest, ARetryIsWithNoEngine) {
  open_task("a");
  journal.note_sent("a", EngineId{3}, 1);
  journal.note_retry("a", 4);
  const auto request = read_again().open_requests().at(0).second;
  EXPECT_EQ(request.engine, EngineId{-1});
  EXPECT_EQ(request.attempts, 1);
  EXPECT_EQ(request.retries_left, 4);
}

TEST_F(JournalTest, RepliesAreKeptForThoseWhoSayThatTheyHaveThem) {
  journal.note_client("client");
  for (const char* msg_id : {"a", "b"}) {
    open_task(msg_id);
    journal.note_reply(msg_id, true, EngineId{0}, frames({"client", msg_id}), kNow);
  }
  open_task("c");
  journal.note_reply("c", true, EngineId{0}, frames({"stock client", "c"}), kNow);
  journal.note_received({"a", "never heard of"});
  const Journal again = read_again();
  EXPECT_FALSE(again.kept_reply("a"));
  EXPECT_FALSE(again.kept_reply("c"));
  const auto kept = again.kept_reply("b");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->channel, Channel::kTaskClient);
  EXPECT_EQ(texts(kept->frames), texts(frames({"client", "b"})));
}

TEST_F(JournalTest, WhatStillMattersIsCopied) {
  journal.note_client("client");
  Engine engine;
  engine.id = EngineId{5};
  engine.uuid = "u";
  engine.version = "1.0";
  journal.note_engine(engine);
  for (const char* msg_id : {"over", "received", "kept", "waiting", "running"}) open_task(msg_id);
  journal.note_abort("running");
  journal.note_sent("running", EngineId{5}, 2);
  journal.note_retry("waiting", 1);
  for (const char* msg_id : {"received", "kept"}) {
    journal.note_reply(msg_id, false, EngineId{5}, frames({"client", msg_id}), kNow);
  }
  journal.note_reply("over", true, std::nullopt, {}, kNow);
  journal.note_received({"received"});
  ASSERT_TRUE(journal.rewrite(later).ok());
  journal.sanity_check();
  open_task("new");
  EXPECT_LT(later.bytes.size(), sink.bytes.size());

  sink.bytes = later.bytes;
  const Journal again = read_again();
  const auto open = again.open_requests();
  ASSERT_EQ(open.size(), 3u);
  EXPECT_EQ(open[0].first, "waiting");
  EXPECT_EQ(open[0].second.retries_left, 1);
  EXPECT_EQ(open[1].first, "running");
  EXPECT_EQ(open[1].second.engine, EngineId{5});
  EXPECT_EQ(open[1].second.attempts, 2);
  EXPECT_TRUE(open[1].second.is_abort_wanted);
  EXPECT_EQ(open[2].first, "new");
  EXPECT_TRUE(again.kept_reply("kept"));
  EXPECT_TRUE(again.has_seen("received"));
  EXPECT_TRUE(again.has_seen("over"));
  EXPECT_EQ(again.engines().at(EngineId{5}).uuid, "u");
  EXPECT_EQ(again.next_engine_id(), 6);
}

TEST_F(JournalTest, EngineIdsAreNotGivenTwice) {
  Engine engine;
  engine.id = EngineId{5};
  journal.note_engine(engine);
  journal.note_engine_left(EngineId{5});
  ASSERT_TRUE(journal.rewrite(later).ok());
  sink.bytes = later.bytes;
  const Journal again = read_again();
  EXPECT_TRUE(again.engines().empty());
  EXPECT_EQ(again.next_engine_id(), 6);
}

TEST_F(JournalTest, ATornLastRecordNeverWas) {
  open_task("a");
  const std::size_t whole = sink.bytes.size();
  open_task("b");
  for (std::size_t size = whole; size < sink.bytes.size(); ++size) {
    earlier.bytes = sink.bytes.substr(0, size);
    const auto read = Journal::read(earlier.bytes, earlier);
    ASSERT_TRUE(read.ok()) << size;
    EXPECT_TRUE(read.value().is_open("a"));
    EXPECT_FALSE(read.value().is_open("b"));
  }
}

TEST_F(JournalTest, ADamagedRecordIsRefused) {
  const std::size_t start = sink.bytes.size();
  open_task("a");
  open_task("b");
  sink.bytes[start + 20] ^= 1;
  const auto read = Journal::read(sink.bytes, sink);
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.status().message().find("damaged at byte"), std::string::npos);
}

TEST_F(JournalTest, SomethingElseIsRefused) {
  EXPECT_FALSE(Journal::read("", sink).ok());
  EXPECT_FALSE(Journal::read("[section]\nkey=value\n", sink).ok());
  EXPECT_FALSE(Journal::read(kJournalMagic, sink).ok());
}

}  // namespace
}  // namespace engineroom::controller
