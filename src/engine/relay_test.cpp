#include "engine/relay.h"

#include <deque>
#include <map>

#include <gtest/gtest.h>

namespace engineroom::engine {
namespace {

using std::chrono::seconds;

// Two relays, with a controller between them that passes on what it is told to.
class RelayTest : public testing::Test {
 protected:
  struct Sent {
    std::string type;
    std::string content;
    Frames buffers;
  };

  Relay::Send into(std::deque<Sent>& sent) {
    return [&sent](std::string_view type, std::string content, Frames buffers) {
      sent.push_back({std::string(type), std::move(content), std::move(buffers)});
    };
  }
  static wire::Message message(const Sent& sent) {
    wire::Message message;
    message.content = Bytes(sent.content);
    message.buffers = sent.buffers;
    return message;
  }

  // The next question, answered by the engine that has `kept`.
  std::optional<Answer> pass(const KeptPtr& kept) {
    EXPECT_FALSE(questions_.empty());
    const auto question = holder_.read_question(message(questions_.front()));
    questions_.pop_front();
    EXPECT_TRUE(question);
    holder_.answer(*question, kept, "it is gone");
    const Sent answer = answers_.front();
    answers_.pop_front();
    return asker_.on_answer(message(answer), now_);
  }
  std::optional<Answer> say(const std::string& content) {
    return asker_.on_answer(message({"result_reply", content, {}}), now_);
  }
  static KeptPtr result(std::size_t size) {
    return std::make_shared<Kept>(Kept{true, {}, {Bytes("pickle"), Bytes(std::string(size, 'x'))}});
  }

  Time now_{seconds(1000)};
  std::map<std::string, std::string> wanted_{{"a", "t1"}, {"b", "t2"}};
  std::deque<Sent> questions_;
  std::deque<Sent> answers_;
  Relay asker_{into(questions_), [this](const std::string& id) { return wanted_[id]; }};
  Relay holder_{into(answers_), [](const std::string&) { return std::string(); }};
};

TEST_F(RelayTest, a_small_result_is_one_piece) {
  asker_.ask("a", false, now_);
  asker_.ask("a", false, now_);
  ASSERT_EQ(questions_.size(), 1u);
  EXPECT_EQ(questions_[0].content, R"({"id":"a","task":"t1","from":0,"bytes":65536})");
  const auto answer = pass(result(100));
  ASSERT_TRUE(answer && answer->kept);
  EXPECT_EQ(answer->kept->buffers, result(100)->buffers);
  EXPECT_FALSE(asker_.deadline());
}

TEST_F(RelayTest, of_large_ones_few_pieces_are_on_their_way) {
  const KeptPtr kept = result(40 * Transfer::kPieceBytes);
  asker_.ask("a", true, now_);
  asker_.ask("b", false, now_);
  EXPECT_NE(questions_[0].content.find(R"("recorded":true)"), std::string::npos);
  std::vector<std::string> arrived;
  for (int pieces = 0; !questions_.empty(); ++pieces) {
    ASSERT_LT(pieces, 100);
    EXPECT_LE(questions_.size(), Relay::kAhead + 2);
    if (const auto answer = pass(kept)) {
      EXPECT_TRUE(answer->kept->buffers == kept->buffers);
      arrived.push_back(answer->msg_id);
    }
  }
  EXPECT_EQ(arrived.size(), 2u);
}

TEST_F(RelayTest, what_is_not_answered_is_asked_for_again) {
  asker_.ask("a", false, now_);
  pass(result(2 * Transfer::kPieceBytes));
  const std::size_t asked = questions_.size();
  questions_.clear();
  for (const auto pause : {seconds(10), seconds(20), seconds(40), seconds(60), seconds(60)}) {
    EXPECT_EQ(*asker_.deadline(), now_ + pause);
    now_ += pause;
    asker_.on_time(now_);
    EXPECT_EQ(questions_.size(), asked);
    questions_.clear();
  }
  asker_.ask_again(now_);
  while (questions_.size() > 1) EXPECT_FALSE(pass(result(2 * Transfer::kPieceBytes)));
  EXPECT_TRUE(pass(result(2 * Transfer::kPieceBytes)));
}

TEST_F(RelayTest, errors_and_what_is_missing) {
  asker_.ask("a", false, now_);
  auto answer = say(R"({"id":"a","from":0,"status":"error","content":{"ename":"E"}})");
  ASSERT_TRUE(answer && answer->kept);
  EXPECT_FALSE(answer->kept->ok);
  EXPECT_EQ(answer->kept->content, R"({"ename":"E"})");
  asker_.ask("b", false, now_);
  answer = say(R"({"id":"b","from":0,"status":"missing","why":"it is gone"})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->kept, nullptr);
  EXPECT_EQ(answer->why, "it is gone");
  EXPECT_FALSE(say(R"({"id":"b","from":0,"status":"missing"})"));
  EXPECT_FALSE(say("[]"));
  EXPECT_FALSE(say("{"));
}

TEST_F(RelayTest, somebody_else_may_have_to_be_asked) {
  asker_.ask("a", false, now_, "e1");
  ASSERT_EQ(questions_.size(), 1u);
  EXPECT_NE(questions_[0].content.find(R"("failed":"e1")"), std::string::npos);
  const auto answer = say(
      R"({"id":"a","from":0,"status":"elsewhere","engine":"e2","peer":{},"bytes":7,"patience":9,)"
      R"("relayed":true})");
  ASSERT_TRUE(answer && answer->elsewhere);
  EXPECT_EQ(answer->elsewhere->uuid, "e2");
  EXPECT_TRUE(answer->elsewhere->is_relayed);
  EXPECT_EQ(answer->kept, nullptr);
  EXPECT_FALSE(asker_.deadline());
  // Half an answer: as if nobody had it.
  asker_.ask("a", false, now_);
  const auto half = say(R"({"id":"a","from":0,"status":"elsewhere"})");
  ASSERT_TRUE(half);
  EXPECT_FALSE(half->elsewhere);
  EXPECT_FALSE(half->why.empty());
}

TEST_F(RelayTest, another_task_may_still_need_it) {
  asker_.ask("a", false, now_);
  wanted_["a"] = "t9";
  questions_.clear();
  const std::string refusal = R"({"id":"a","from":0,"status":"refused","why":"no"})";
  EXPECT_FALSE(say(refusal));
  ASSERT_EQ(questions_.size(), 1u);
  EXPECT_NE(questions_[0].content.find(R"("task":"t9")"), std::string::npos);
  const auto answer = say(refusal);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->why, "no");
}

TEST_F(RelayTest, what_nobody_needs_any_more_is_forgotten) {
  asker_.ask("a", false, now_);
  pass(result(20 * Transfer::kPieceBytes));
  wanted_.clear();
  EXPECT_FALSE(pass(result(20 * Transfer::kPieceBytes)));
  EXPECT_FALSE(asker_.deadline());
  // There is room for others.
  wanted_["b"] = "t2";
  questions_.clear();
  asker_.ask("b", false, now_);
  pass(result(20 * Transfer::kPieceBytes));
  EXPECT_EQ(questions_.size(), Relay::kAhead);
}

}  // namespace
}  // namespace engineroom::engine
