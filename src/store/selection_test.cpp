// Over records in memory; database_store_test does the same over databases.
#include "store/selection.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "store/memory_store.h"

namespace engineroom::store {
namespace {

using Ids = std::vector<std::string>;

WallTime at(int seconds) { return WallTime(std::chrono::seconds(seconds)); }

std::string numbered(int i) { return fmt::format("t{}", i); }

class SelectionTest : public testing::Test {
 protected:
  void request(const std::string& id, int seconds) {
    Request request{.msg_id = id, .header = "{}"};
    request.submitted = at(seconds);
    EXPECT_TRUE(store_.add_request(request).ok());
  }
  void finished(const std::string& id, int seconds) {
    request(id, seconds);
    Reply reply{.engine_uuid = "e"};
    reply.received = at(seconds);
    EXPECT_TRUE(store_.add_result(id, reply).ok());
  }
  Store::Visit note() {
    return [this](const Record& record) {
      found_.push_back(record.msg_id);
      return true;
    };
  }
  // All steps, with a change after each; how many there were.
  template <typename Change>
  int run(const Query& query, Change change) {
    found_.clear();
    Selection selection(query);
    int steps = 0;
    while (!selection.is_done() && steps < 100) {
      EXPECT_TRUE(selection.step(store_, note()).ok());
      change(++steps);
      store_.sanity_check();
    }
    return steps;
  }

  MemoryStore store_;
  Ids found_;
};

TEST_F(SelectionTest, records_in_memory_are_read_in_steps_too) {
  Ids all;
  for (int i = 0; i < 1200; ++i) {
    finished(numbered(i), i);
    all.push_back(numbered(i));
  }
  EXPECT_EQ(run(Query(), [](int) {}), 3);
  EXPECT_EQ(found_, all);
  EXPECT_EQ(run(Query::parse(R"({"msg_id":{"$in":["t9","t3"]}})").take(), [](int) {}), 1);
  EXPECT_EQ(found_, (Ids{"t3", "t9"}));
}

// Clients have clocks of their own.
TEST_F(SelectionTest, the_order_is_that_of_submission_however_they_came) {
  for (int i = 0; i < 1200; ++i) request(numbered(i), 10'000 - i);
  run(Query(), [](int) {});
  ASSERT_EQ(found_.size(), 1200u);
  EXPECT_EQ(found_.front(), "t1199");
  EXPECT_EQ(found_.back(), "t0");
  EXPECT_EQ(store_.history(), found_);
}

TEST_F(SelectionTest, what_comes_meanwhile_is_not_found_nor_what_has_gone) {
  for (int i = 0; i < 1200; ++i) finished(numbered(i), i);
  const int steps = run(Query(), [&](int step) {
    // The slots of what has gone are taken again.
    EXPECT_TRUE(store_.purge(Ids{numbered(499), numbered(500), numbered(1100)}).ok());
    for (int i = 0; i < 600; ++i) finished(fmt::format("new{}of{}", i, step), 5000 + i);
  });
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(found_.size(), 1198u);
  EXPECT_EQ(found_[499], "t499");
  EXPECT_EQ(found_[500], "t501");
  EXPECT_EQ(found_.back(), "t1199");
}

TEST_F(SelectionTest, a_record_is_seen_as_it_is_in_its_step) {
  for (int i = 0; i < 1000; ++i) request(numbered(i), i);
  std::size_t finished = 0;
  const Query query = Query::parse(R"({"received":{"$ne":null}})").take();
  run(query, [&](int) {
    for (const char* id : {"t1", "t700"}) finished += store_.add_result(id, Reply{}).ok() ? 1 : 0;
  });
  EXPECT_EQ(finished, 2u);
  EXPECT_EQ(found_, Ids{"t700"});
}

TEST_F(SelectionTest, all_may_go_meanwhile) {
  for (int i = 0; i < 1200; ++i) finished(numbered(i), i);
  EXPECT_EQ(run(Query(), [&](int) { store_.purge_all(); }), 3);
  EXPECT_EQ(found_.size(), 500u);
}

TEST_F(SelectionTest, many_ids_come_in_order_of_submission) {
  JsonWriter asked;
  asked.begin_object().key("msg_id").begin_object().key("$in").begin_array();
  for (int i = 1199; i >= 0; --i) {
    asked.value(numbered(i)).value(fmt::format("never{}", i));
    finished(numbered(i), i);
  }
  asked.end_array().end_object().key("queue").value("task").end_object();
  run(Query::parse(asked.str()).take(), [](int) {});
  ASSERT_EQ(found_.size(), 1200u);
  for (int i = 0; i < 1200; ++i) ASSERT_EQ(found_[static_cast<std::size_t>(i)], numbered(i));
}

}  // namespace
}  // namespace engineroom::store
