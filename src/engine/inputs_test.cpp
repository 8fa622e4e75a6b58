#include "engine/inputs.h"

#include <map>

#include <gtest/gtest.h>

#include "engine/test_requests.h"

namespace engineroom::engine {
namespace {

class InputsTest : public testing::Test {
 protected:
  static std::shared_ptr<Request> request(const std::string& msg_id,
                                          const std::vector<std::string>& inputs) {
    std::shared_ptr<Request> request = make_request(msg_id);
    for (const std::string& input : inputs) request->inputs.push_back({.msg_id = input});
    return request;
  }
  static KeptPtr ok(const std::string& text) {
    return std::make_shared<Kept>(Kept{true, {}, {Bytes(text)}});
  }
  static std::vector<std::string> ids(const std::vector<std::shared_ptr<Request>>& requests) {
    std::vector<std::string> ids;
    for (const auto& request : requests) ids.push_back(request->header.msg_id);
    return ids;
  }

  std::map<std::string, KeptPtr, std::less<>> here_;
  Inputs inputs_{[this](std::string_view msg_id) {
    const auto found = here_.find(msg_id);
    return found == here_.end() ? nullptr : found->second;
  }};
  Inputs::Effects effects_;
};

using Ids = std::vector<std::string>;

TEST_F(InputsTest, a_request_whose_inputs_are_here_is_ready) {
  here_["a"] = ok("1");
  inputs_.park(request("r", {"a", "a"}), effects_);
  ASSERT_EQ(ids(effects_.ready), Ids{"r"});
  EXPECT_EQ(effects_.ready[0]->input_results[1]->buffers[0], "1");
  EXPECT_TRUE(effects_.fetch.empty());
}

TEST_F(InputsTest, what_is_missing_is_fetched_once) {
  inputs_.park(request("r", {"a", "b"}), effects_);
  inputs_.park(request("s", {"b", "b"}), effects_);
  ASSERT_EQ(effects_.fetch.size(), 2u);
  EXPECT_EQ(inputs_.find_waiting("b"), "r");
  inputs_.on_result("b", ok("2"), effects_);
  EXPECT_EQ(ids(effects_.ready), Ids{"s"});
  EXPECT_EQ(inputs_.find_waiting("b"), "");
  inputs_.on_result("a", ok("1"), effects_);
  EXPECT_EQ(ids(effects_.ready), (Ids{"s", "r"}));
  EXPECT_TRUE(inputs_.msg_ids().empty());
}

TEST_F(InputsTest, the_first_that_failed_or_is_missing_ends_a_request) {
  inputs_.park(request("r", {"a", "b"}), effects_);
  inputs_.on_result("a", std::make_shared<Kept>(Kept{.ok = false, .content = Bytes("{}")}),
                    effects_);
  inputs_.park(request("s", {"c"}), effects_);
  inputs_.on_missing("c", "gone", effects_);
  ASSERT_EQ(effects_.failed.size(), 2u);
  EXPECT_EQ(effects_.failed[0].input, "a");
  EXPECT_EQ(effects_.failed[1].why, "gone");
  // What still comes is of no use.
  inputs_.on_result("b", ok("2"), effects_);
  EXPECT_TRUE(effects_.ready.empty());
}

TEST_F(InputsTest, one_that_is_taken_out_does_not_wait_any_more) {
  inputs_.park(request("r", {"a"}), effects_);
  inputs_.park(request("s", {"a"}), effects_);
  EXPECT_EQ(ids(inputs_.take({"r", "unknown"})), Ids{"r"});
  EXPECT_EQ(inputs_.find_waiting("a"), "s");
  inputs_.take({"s"});
  EXPECT_EQ(inputs_.find_waiting("a"), "");
  inputs_.on_result("a", ok("1"), effects_);
  EXPECT_TRUE(effects_.ready.empty());
}

}  // namespace
}  // namespace engineroom::engine
