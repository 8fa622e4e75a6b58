#include "engine/arrivals.h"

#include <map>

#include <gtest/gtest.h>

#include "engine/test_requests.h"

namespace engineroom::engine {
namespace {

using std::chrono::seconds;
using Ids = std::vector<std::string>;

class ArrivalsTest : public testing::Test {
 protected:
  // By the way `way`, with arguments that are on this host under these names.
  static std::shared_ptr<Request> request(const std::string& msg_id, const Ids& buffers,
                                          const std::string& way = "direct") {
    std::shared_ptr<Request> request = make_request(msg_id);
    request->message.identities = {Bytes(way), Bytes::of_static("client")};
    request->message.buffers = {Bytes::of_static("function")};
    for (const std::string& id : buffers) {
      const std::size_t at = request->message.buffers.size();
      request->host_buffers.push_back({at, id, wire::HostBuffer::Holder{"e1", "{}", 3, 10}});
      request->message.buffers.emplace_back();
    }
    return request;
  }
  static std::shared_ptr<Request> carrier(const std::string& msg_id, const std::string& id) {
    std::shared_ptr<Request> request = ArrivalsTest::request(msg_id, {});
    request->message.buffers.push_back(Bytes::of_static("abc"));
    request->host_buffers.push_back({1, id});
    return request;
  }
  static KeptPtr bytes(const std::string& text) {
    return std::make_shared<Kept>(Kept{true, {}, {Bytes(text)}});
  }
  void add(std::shared_ptr<Request> request) { arrivals_.add(std::move(request), now_, effects_); }
  static Ids ids(const std::vector<std::shared_ptr<Request>>& requests) {
    Ids ids;
    for (const auto& request : requests) ids.push_back(request->header.msg_id);
    return ids;
  }
  Ids ready() { return ids(effects_.ready); }
  Ids fetched() const {
    Ids ids;
    for (const wire::HostBuffer& buffer : effects_.fetch) ids.push_back(buffer.id);
    return ids;
  }

  // Buffers and who failed.
  Ids failed_now() {
    Ids found;
    for (const auto& [id, holder] : arrivals_.take_due(now_).failed) {
      found.push_back(id + " " + holder);
    }
    return found;
  }

  Time now_{seconds(1000)};
  std::map<std::string, KeptPtr, std::less<>> here_;
  Arrivals arrivals_{[this](std::string_view id) {
                       const auto found = here_.find(id);
                       return found == here_.end() ? nullptr : found->second;
                     },
                     "self"};
  Arrivals::Effects effects_;
};

TEST_F(ArrivalsTest, a_request_with_all_its_bytes_is_ready_and_complete) {
  add(carrier("r", "buffer-a"));
  EXPECT_EQ(ready(), Ids{"r"});
  EXPECT_EQ(effects_.complete, Ids{"r"});
  EXPECT_TRUE(arrivals_.empty());
}

TEST_F(ArrivalsTest, what_is_here_is_put_in_its_place) {
  here_["buffer-a"] = bytes("abc");
  add(request("r", {"buffer-a"}));
  ASSERT_EQ(ready(), Ids{"r"});
  EXPECT_EQ(effects_.ready[0]->message.buffers[0], "function");
  EXPECT_EQ(effects_.ready[0]->message.buffers[1], "abc");
  EXPECT_EQ(effects_.complete, Ids{"r"});
}

TEST_F(ArrivalsTest, what_is_missing_is_fetched_once_for_all) {
  add(request("r", {"buffer-a", "buffer-a"}));
  add(request("s", {"buffer-a", "buffer-b"}));
  EXPECT_EQ(fetched(), (Ids{"buffer-a", "buffer-b"}));
  EXPECT_TRUE(ready().empty());
  EXPECT_EQ(arrivals_.find_waiting("buffer-b"), "s");
  arrivals_.on_buffer("buffer-a", bytes("abc"), effects_);
  ASSERT_EQ(ready(), Ids{"r"});
  EXPECT_EQ(effects_.ready[0]->message.buffers[2], "abc");
  EXPECT_FALSE(arrivals_.is_wanted("buffer-a"));
  arrivals_.on_buffer("buffer-b", bytes("def"), effects_);
  EXPECT_EQ(ready(), (Ids{"r", "s"}));
  EXPECT_EQ(effects_.complete, (Ids{"r", "s"}));
  EXPECT_TRUE(arrivals_.empty());
  // Nobody waits for it any more.
  arrivals_.on_buffer("buffer-b", bytes("def"), effects_);
  EXPECT_EQ(ready().size(), 2u);
}

TEST_F(ArrivalsTest, what_came_after_it_waits_with_it) {
  add(request("r", {"buffer-a"}));
  add(request("s", {}));
  add(request("t", {"buffer-b"}));
  add(request("u", {}));
  EXPECT_TRUE(ready().empty());
  // Complete, but not its turn: the controller may forget the bytes all the same.
  arrivals_.on_buffer("buffer-b", bytes("def"), effects_);
  EXPECT_TRUE(ready().empty());
  EXPECT_EQ(effects_.complete, Ids{"t"});
  arrivals_.on_buffer("buffer-a", bytes("abc"), effects_);
  EXPECT_EQ(ready(), (Ids{"r", "s", "t", "u"}));
}

TEST_F(ArrivalsTest, what_came_another_way_overtakes) {
  add(request("r", {"buffer-a"}));
  add(request("s", {}, "balanced"));
  EXPECT_EQ(ready(), Ids{"s"});
}

TEST_F(ArrivalsTest, what_cannot_be_had_fails_and_the_rest_goes_on) {
  add(request("r", {"buffer-a", "buffer-b"}));
  add(request("s", {}));
  arrivals_.on_missing("buffer-a", "nobody has it", effects_);
  ASSERT_EQ(effects_.failed.size(), 1u);
  EXPECT_EQ(effects_.failed[0].request->header.msg_id, "r");
  EXPECT_EQ(effects_.failed[0].why, "nobody has it");
  EXPECT_EQ(ready(), Ids{"s"});
  arrivals_.on_buffer("buffer-b", bytes("def"), effects_);
  EXPECT_EQ(ready(), Ids{"s"});
  EXPECT_EQ(effects_.failed.size(), 1u);
}

TEST_F(ArrivalsTest, another_one_is_not_taken_for_it) {
  add(request("r", {"buffer-a"}));
  arrivals_.on_buffer("buffer-a", bytes("too long"), effects_);
  ASSERT_EQ(effects_.failed.size(), 1u);
  here_["buffer-b"] = bytes("");
  add(request("s", {"buffer-b", "buffer-c"}));
  EXPECT_EQ(effects_.failed.size(), 2u);
  EXPECT_FALSE(arrivals_.is_wanted("buffer-c"));
  EXPECT_TRUE(arrivals_.empty());
}

TEST_F(ArrivalsTest, what_is_aborted_is_taken_out_and_holds_up_nobody) {
  add(request("r", {"buffer-a"}));
  add(request("s", {}));
  add(request("t", {"buffer-a"}));
  EXPECT_TRUE(arrivals_.holds("t"));
  EXPECT_EQ(arrivals_.msg_ids(), (Ids{"r", "s", "t"}));
  EXPECT_EQ(ids(arrivals_.take({"r", "unknown"}, effects_)), Ids{"r"});
  EXPECT_EQ(ready(), Ids{"s"});
  EXPECT_EQ(arrivals_.find_waiting("buffer-a"), "t");
  EXPECT_EQ(ids(arrivals_.take_all()), Ids{"t"});
  EXPECT_TRUE(arrivals_.empty());
  EXPECT_FALSE(arrivals_.is_wanted("buffer-a"));
}

TEST_F(ArrivalsTest, what_takes_too_long_is_said_once) {
  add(request("r", {"buffer-a"}));
  const Time due = now_ + seconds(10);
  while (now_ < due) {
    EXPECT_EQ(failed_now(), Ids{});
    arrivals_.on_heard("{}");
    now_ = *arrivals_.deadline();
  }
  EXPECT_EQ(now_, due);
  EXPECT_EQ(failed_now(), Ids{"buffer-a e1"});
  now_ += seconds(30);
  EXPECT_EQ(failed_now(), Ids{});
  EXPECT_FALSE(arrivals_.deadline());
  // Whoever has it first.
  arrivals_.on_buffer("buffer-a", bytes("abc"), effects_);
  EXPECT_EQ(ready(), Ids{"r"});
}

TEST_F(ArrivalsTest, an_engine_that_says_nothing_has_stopped) {
  add(request("r", {"buffer-a"}));
  const Time began = now_;
  int asked = 1;
  while (true) {
    now_ = *arrivals_.deadline();
    const Arrivals::Due due = arrivals_.take_due(now_);
    if (!due.failed.empty()) break;
    ASSERT_EQ(due.probe.size(), 1u);
    EXPECT_EQ(due.probe[0].id, "buffer-a");
    EXPECT_EQ(due.probe[0].holder->uuid, "e1");
    // It was slow once.
    if (++asked == 3) arrivals_.on_heard("{}");
  }
  EXPECT_EQ(asked, 3 + Arrivals::kProbes);
  EXPECT_GE(now_ - began, asked * Arrivals::kProbe);
  EXPECT_LT(now_ - began, asked * Arrivals::kProbe + seconds(1));
  EXPECT_FALSE(arrivals_.deadline());
}

TEST_F(ArrivalsTest, of_all_that_an_engine_should_have_one_is_asked_for_again) {
  add(request("r", {"buffer-a", "buffer-b", "buffer-c"}));
  int asked = 0;
  Arrivals::Due due;
  while (due.failed.empty()) {
    now_ = *arrivals_.deadline();
    due = arrivals_.take_due(now_);
    asked += static_cast<int>(due.probe.size());
  }
  EXPECT_EQ(asked, Arrivals::kProbes - 1);
  EXPECT_EQ(due.failed.size(), 3u);
  // Long after that it is asked again, and judged anew.
  now_ += seconds(5);
  add(request("s", {"buffer-d"}));
  now_ = *arrivals_.deadline();
  EXPECT_EQ(failed_now(), Ids{});
}

// As if nobody had been asked: this engine was stopped, or its machine.
TEST_F(ArrivalsTest, who_slept_itself_asks_again_first) {
  add(request("r", {"buffer-a"}));
  now_ += seconds(9);
  const Arrivals::Due due = arrivals_.take_due(now_);
  EXPECT_TRUE(due.failed.empty());
  EXPECT_EQ(due.probe.size(), 1u);
}

TEST_F(ArrivalsTest, large_ones_are_given_more_time) {
  std::shared_ptr<Request> large = request("r", {"buffer-a"});
  large->host_buffers[0].holder->bytes = 4 * Arrivals::kProbes * Arrivals::kBytesPerSecond;
  add(large);
  EXPECT_EQ(arrivals_.deadline(), now_ + Arrivals::kProbe + seconds(4));
}

TEST_F(ArrivalsTest, this_engine_is_not_asked_itself) {
  std::shared_ptr<Request> mine = request("r", {"buffer-a"});
  mine->host_buffers[0].holder->uuid = "self";
  add(mine);
  EXPECT_EQ(arrivals_.deadline(), now_ + seconds(10));
}

TEST_F(ArrivalsTest, who_failed_is_asked_no_more_and_another_one_is) {
  add(request("r", {"buffer-a"}));
  EXPECT_FALSE(arrivals_.on_failed("buffer-a", "another address"));
  EXPECT_FALSE(arrivals_.on_failed("buffer-b", "{}"));
  EXPECT_EQ(arrivals_.on_failed("buffer-a", "{}"), "e1");
  EXPECT_FALSE(arrivals_.on_failed("buffer-a", "{}"));
  // The controller is asked, which is not its business.
  EXPECT_FALSE(arrivals_.deadline());
  effects_.fetch.clear();
  const wire::HostBuffer::Holder other{"e2", R"({"url":"u"})", 3, 10, true};
  arrivals_.on_elsewhere("buffer-a", other, now_, effects_);
  ASSERT_EQ(fetched(), Ids{"buffer-a"});
  EXPECT_EQ(effects_.fetch[0].holder->uuid, "e2");
  EXPECT_TRUE(effects_.fetch[0].holder->is_relayed);
  // What the first one says now is of no interest, but for the bytes.
  EXPECT_FALSE(arrivals_.on_failed("buffer-a", "{}"));
  EXPECT_TRUE(arrivals_.deadline());
  EXPECT_EQ(arrivals_.on_failed("buffer-a", other.peer), "e2");
  arrivals_.on_buffer("buffer-a", bytes("abc"), effects_);
  EXPECT_EQ(ready(), Ids{"r"});
  // Nobody waits.
  effects_.fetch.clear();
  arrivals_.on_elsewhere("buffer-a", other, now_, effects_);
  EXPECT_TRUE(effects_.fetch.empty());
}

TEST_F(ArrivalsTest, what_nobody_waits_for_is_asked_for_no_more) {
  add(request("r", {"buffer-a"}));
  arrivals_.take({"r"}, effects_);
  now_ += seconds(60);
  EXPECT_EQ(failed_now(), Ids{});
  EXPECT_FALSE(arrivals_.deadline());
}

}  // namespace
}  // namespace engineroom::engine
