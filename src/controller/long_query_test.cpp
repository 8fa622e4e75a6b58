// Questions about many records: that other messages are served between the steps, and that the
// answers are those of one go.
#include "controller/fake_outbox.h"

#include <functional>

#include "controller/queries.h"
#include "controller/user_scope.h"

namespace engineroom::controller {
namespace {

using Ids = std::vector<std::string>;

std::string numbered(std::size_t i) { return fmt::format("r{:05}", i); }

class LongQueryTest : public ControllerTest {
 protected:
  // Records that do not come from messages.
  void pending(const std::string& id, const Frames& buffers = {}) {
    const std::string header =
        wire::make_header(id, "apply_request", "session", "user", "2026-11-21T05:57:34.884217Z")
            .str();
    store::Request request{.msg_id = id, .header = header, .metadata = "{}", .content = "{}"};
    request.submitted = store::WallTime(std::chrono::seconds(++seconds_));
    request.buffers = buffers;
    EXPECT_TRUE(store->add_request(request).ok());
  }
  void end(const std::string& id, const Frames& buffers = {}) {
    store::Reply reply{.engine_uuid = "e1", .header = "{}", .metadata = "{}"};
    const std::string content = R"({"of":")" + id + R"("})";
    reply.content = content;
    reply.received = store::WallTime(std::chrono::seconds(++seconds_));
    reply.buffers = buffers;
    EXPECT_TRUE(store->add_result(id, reply).ok());
  }
  Ids finished(std::size_t count, const std::string& prefix = "") {
    Ids ids;
    for (std::size_t i = 0; i < count; ++i) {
      ids.push_back(prefix + numbered(i));
      pending(ids.back());
      end(ids.back(), {Bytes("value of " + ids.back())});
    }
    return ids;
  }

  void ask(const std::string& id, const std::string& type, const std::string& content = "{}",
           const std::string& client = "c") {
    receive(Channel::kQuery,
            {.identities = {Bytes(client)}, .type = type, .content = content, .msg_id = id});
  }
  bool is_busy() const { return controller->next_deadline() <= now; }
  // A task comes and goes while a question is being answered.
  void serve_a_task() {
    const std::string id = "task" + std::to_string(++tasks_);
    receive(Channel::kTaskClient,
            {.identities = {Bytes::of_static("other")}, .type = "apply_request", .msg_id = id});
    answer(Channel::kTaskEngine, take(Channel::kTaskEngine), "e1");
    EXPECT_EQ(take(Channel::kTaskClient).parent.msg_id, id);
  }
  // Steps until there is an answer, with something in between; how many there were.
  template <typename Between>
  int steps(Between between) {
    int steps = 0;
    while (is_busy() && steps < 1000) {
      between();
      EXPECT_TRUE(outbox.sent.empty());
      controller->on_time(now);
      ++steps;
    }
    return steps;
  }
  static std::string list(const Ids& ids) {
    JsonWriter w;
    w.begin_array();
    for (const std::string& id : ids) w.value(id);
    w.end_array();
    return w.take();
  }
  static std::string for_ids(const Ids& ids, const std::string& more = "") {
    return R"({"msg_ids":)" + list(ids) + more + "}";
  }

  int seconds_ = 0;
  int tasks_ = 0;
};

TEST_F(LongQueryTest, TheyTakeTurnsWithEachOther) {
  finished(1200);
  ask("long", "db_request", R"({"query":{"msg_id":{"$ne":"r00003"}},"keys":["msg_id"]})");
  ask("short", "db_request", R"({"query":{"msg_id":"r00003"},"keys":["msg_id"]})");
  // By its id it takes one step.
  EXPECT_EQ(take(Channel::kQuery).parent.msg_id, "short");
  ask("results", "result_request", for_ids({"r00007", "r00011"}));
  EXPECT_EQ(take(Channel::kQuery).parent.msg_id, "results");
  ask("other", "db_request", R"({"query":{"queue":"mux"},"keys":["msg_id"]})");
  for (int step = 0; step < 3; ++step) {
    EXPECT_TRUE(outbox.sent.empty());
    controller->on_time(now);
  }
  EXPECT_EQ(take(Channel::kQuery).parent.msg_id, "long");
  EXPECT_EQ(steps([] {}), 1);
  EXPECT_EQ(take(Channel::kQuery).parent.msg_id, "other");
}

TEST_F(LongQueryTest, SoManyAtATimeAndNoMore) {
  finished(1200);
  for (std::size_t i = 0; i < Queries::kMaxQueries; ++i) {
    ask(fmt::format("q{}", i), "db_request", R"({"query":{}})");
  }
  EXPECT_TRUE(outbox.sent.empty());
  ask("one more", "db_request", R"({"query":{}})");
  EXPECT_EQ(take(Channel::kQuery).content("evalue"),
            R"("100 queries of records are being answered; ask again when some of them are")");
}

TEST_F(LongQueryTest, HistoryOfManyLetsTasksPass) {
  join("e1");
  const Ids ids = finished(5000);
  ask("history", "history_request");
  // What comes meanwhile is not in it, and what goes meanwhile is not either.
  bool has_purged = false;
  EXPECT_EQ(steps([&] {
              serve_a_task();
              if (has_purged) return;
              has_purged = true;
              EXPECT_TRUE(store->purge(Ids{ids[0], ids[4999]}).ok());
            }),
            2);
  const Seen reply = take(Channel::kQuery);
  EXPECT_EQ(reply.header.msg_type, "history_reply");
  EXPECT_EQ(reply.content("history"), list(Ids(ids.begin(), ids.end() - 1)));
  EXPECT_EQ(reply.content("status"), R"("ok")");
}

TEST_F(LongQueryTest, HistoryOfAUserIsTheirs) {
  finished(3000, "bob/");
  const Ids ids = finished(10, "alice/");
  ask("history", "history_request", "{}", marked_identity("alice", "c"));
  steps([] {});
  const Seen reply = take(Channel::kQuery);
  EXPECT_EQ(reply.to(), marked_identity("alice", "c"));
  Ids names;
  for (std::size_t i = 0; i < 10; ++i) names.push_back(numbered(i));
  EXPECT_EQ(reply.content("history"), list(names));
}

TEST_F(LongQueryTest, ResultsOfManyAreThoseOfOneGo) {
  join("e1");
  const Ids ids = finished(1200);
  // In parts that take one step each.
  std::map<std::string, std::string> expected;
  Frames buffers;
  for (std::size_t from = 0; from < ids.size(); from += 400) {
    ask("part", "result_request",
        for_ids(Ids(ids.begin() + static_cast<std::ptrdiff_t>(from),
                    ids.begin() + static_cast<std::ptrdiff_t>(from) + 400)));
    const Seen part = take(Channel::kQuery);
    for (std::size_t i = from; i < from + 400; ++i) expected[ids[i]] = part.content(ids[i]);
    buffers.insert(buffers.end(), part.message.buffers.begin(), part.message.buffers.end());
  }
  Ids shuffled(ids.rbegin(), ids.rend());
  ask("all", "result_request", for_ids(shuffled));
  EXPECT_EQ(steps([this] { serve_a_task(); }), 2);
  const Seen all = take(Channel::kQuery);
  EXPECT_EQ(all.header.msg_type, "result_reply");
  EXPECT_EQ(all.content("completed"), list(ids));
  EXPECT_EQ(all.content("pending"), "[]");
  for (const std::size_t i : {0u, 1u, 499u, 500u, 777u, 1199u}) {
    EXPECT_NE(expected[ids[i]], "");
    EXPECT_EQ(all.content(ids[i]), expected[ids[i]]);
  }
  EXPECT_EQ(all.message.buffers, buffers);
}

TEST_F(LongQueryTest, AResultIsAskedForWhenItsTurnComes) {
  Ids ids;
  for (std::size_t i = 0; i < 1200; ++i) {
    ids.push_back(numbered(i));
    pending(ids.back());
  }
  for (const char* only : {R"(,"status_only":true)", R"(,"status_only":false)"}) {
    ask("all", "result_request", for_ids(ids, only));
    steps([&] {
      for (const char* id : {"r00001", "r00700"}) {
        if (store->is_pending(id)) end(id);
      }
    });
    const Seen all = take(Channel::kQuery);
    // The first one ended after its turn; the second time it had before.
    const bool is_first = std::string_view(only).find("true") != std::string_view::npos;
    EXPECT_EQ(all.content("completed"), is_first ? R"(["r00700"])" : R"(["r00001","r00700"])");
    EXPECT_EQ(all.content("r00700") == "", is_first);
  }
}

TEST_F(LongQueryTest, AResultThatIsNotThereIsAnErrorForAll) {
  Ids ids = finished(1200);
  ids.push_back("unknown");
  for (const char* only : {R"(,"status_only":true)", R"(,"status_only":false)"}) {
    ask("all", "result_request", for_ids(ids, only));
    EXPECT_EQ(steps([] {}), 2);
    EXPECT_EQ(take(Channel::kQuery).content("evalue"), R"("'No such message: unknown'")");
  }
  // Purged before its turn.
  ids.pop_back();
  ask("all", "result_request", for_ids(ids));
  EXPECT_TRUE(store->purge(Ids{ids[0], ids[1100]}).ok());
  steps([] {});
  EXPECT_EQ(take(Channel::kQuery).content("evalue"), R"("'No such message: r01100'")");
}

TEST_F(LongQueryTest, AReplyHasALimitUnlessItIsOneResult) {
  store::MemoryStoreConfig large;
  large.max_bytes = std::size_t{8} << 30;
  store = std::make_unique<store::MemoryStore>(large);
  controller = std::make_unique<Controller>(config(), outbox, *store);
  advance(Duration::zero());
  outbox.sent.clear();
  // All of them are the same bytes.
  const Bytes part(std::string(LongQuery::kMaxReplyBytes / 4, 'x'));
  for (const char* id : {"r1", "r2", "r3", "r4", "r5"}) {
    pending(id);
    end(id, {part});
  }
  pending("huge");
  end("huge", {part, part, part, part, part});
  const auto evalue = [&](const std::string& type, const std::string& content) {
    ask("q", type, content);
    steps([] {});
    return take(Channel::kQuery).content("evalue");
  };
  EXPECT_EQ(evalue("result_request", for_ids({"r1", "r2", "r3"})), "");
  EXPECT_EQ(evalue("result_request", for_ids({"r1", "r2", "r3", "r4", "r5"})),
            R"("these results are more than 512 MiB: ask for fewer at a time")");
  EXPECT_EQ(evalue("result_request", for_ids({"huge"})), "");
  EXPECT_EQ(evalue("result_request", for_ids({"huge", "r1"})),
            R"("these results are more than 512 MiB: ask for fewer at a time")");
  EXPECT_EQ(evalue("resubmit_request", for_ids({"r1", "r2", "r3", "r4", "r5"})),
            R"("these tasks are more than 512 MiB: resubmit fewer at a time")");
  EXPECT_NE(evalue("db_request", R"({"query":{},"keys":["result_buffers"]})"), "");
}

TEST_F(LongQueryTest, ManyTasksRunAgainOnceAllAreRead) {
  join("e1");
  Ids ids = finished(1200);
  ids.push_back("unknown");
  ask("again", "resubmit_request", for_ids(ids));
  EXPECT_EQ(steps([this] { serve_a_task(); }), 2);
  EXPECT_EQ(take(Channel::kQuery).content("evalue"), R"("No such msg(s): ['unknown']")");
  ids.pop_back();
  ask("now all are there", "resubmit_request", for_ids(ids));
  // Two more steps read; three make tasks.
  EXPECT_EQ(steps([this] { outbox.sent.clear(); }), 5);
  const Seen reply = take_first(Channel::kQuery);
  outbox.sent.clear();
  JsonReader reader;
  const auto content = read_object(reader, reply.message.content.view());
  const auto names = content->object("resubmitted");
  ASSERT_TRUE(names);
  for (const std::string& id : ids) {
    const auto name = names->text(id);
    ASSERT_TRUE(name) << id;
    EXPECT_TRUE(store->is_pending(*name));
  }
}

TEST_F(LongQueryTest, ManyArePurgedOrNone) {
  join("e1");
  Ids ids = finished(5000);
  pending("pending");
  ids.push_back("pending");
  ask("purge", "purge_request", for_ids(ids));
  EXPECT_EQ(steps([this] { serve_a_task(); }), 2);
  EXPECT_EQ(take(Channel::kQuery).content("evalue"), R"("msg pending: 'pending'")");
  EXPECT_TRUE(store->contains(ids.front()));
  end("pending");
  ask("now they are finished", "purge_request", for_ids(ids));
  EXPECT_EQ(steps([this] { serve_a_task(); }), 5);
  EXPECT_EQ(take(Channel::kQuery).content("status"), R"("ok")");
  for (const std::string& id : ids) ASSERT_FALSE(store->contains(id));
}

TEST_F(LongQueryTest, AUserPurgesAllOfTheirs) {
  const Ids bobs = finished(3000, "bob/");
  const Ids alices = finished(3000, "alice/");
  pending("alice/pending");
  ask("purge", "purge_request", R"({"msg_ids":"all"})", marked_identity("alice", "c"));
  EXPECT_EQ(steps([] {}), 3);
  EXPECT_EQ(take(Channel::kQuery).content("status"), R"("ok")");
  EXPECT_FALSE(store->contains(alices.back()));
  EXPECT_TRUE(store->contains("alice/pending"));
  EXPECT_TRUE(store->contains(bobs.back()));
}

}  // namespace
}  // namespace engineroom::controller
