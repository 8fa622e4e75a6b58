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

  Time now_{seconds(1000)};
  std::map<std::string, KeptPtr, std::less<>> here_;
  Arrivals arrivals_{[this](std::string_view id) {
    const auto found = here_.find(id);
    return found == here_.end() ? nullptr : found->second;
  }};
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
  EXPECT_EQ(arrivals_.deadline(), now_ + seconds(10));
  EXPECT_TRUE(arrivals_.take_overdue(now_ + seconds(9)).empty());
  EXPECT_EQ(arrivals_.take_overdue(now_ + seconds(10)), Ids{"buffer-a"});
  EXPECT_TRUE(arrivals_.take_overdue(now_ + seconds(30)).empty());
  EXPECT_FALSE(arrivals_.deadline());
  // Whoever has it first.
  arrivals_.on_buffer("buffer-a", bytes("abc"), effects_);
  EXPECT_EQ(ready(), Ids{"r"});
}

}  // namespace
}  // namespace engineroom::engine
