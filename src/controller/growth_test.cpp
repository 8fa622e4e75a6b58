#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class GrowthTest : public ControllerTest {
 protected:
  void ask(const std::string& type, const std::string& content, const std::string& client = "c") {
    receive(Channel::kQuery, {.identities = {Bytes(client)}, .type = type, .content = content});
  }
  std::string adapt(const std::string& content, const std::string& client = "c") {
    ask("adapt_request", content, client);
    return take_first(Channel::kQuery).message.content.str();
  }
  std::string retire(const std::string& content) {
    ask("retire_request", content);
    return take_first(Channel::kQuery).content("retired");
  }
  void submit(const std::string& id, const std::string& metadata = "{}") {
    receive(Channel::kTaskClient, {.identities = {Bytes::of_static("c")},
                                   .type = "apply_request",
                                   .metadata = metadata,
                                   .msg_id = id});
  }
  std::string error_of_task() { return take_first(Channel::kTaskClient).content("ename"); }
};

TEST_F(GrowthTest, ToldWhatWaits) {
  EXPECT_EQ(adapt(R"({"offer":null,"seconds":9})"),
            R"({"status":"ok","waiting":0,"unoffered":0,"outstanding":{}})");
  join("e1", R"(,"resources":{"cpus":1})");
  submit("t1");
  const Seen request = take(Channel::kTaskEngine);
  submit("t2");
  submit("t3", R"({"resources":{"gpus":1}})");
  EXPECT_EQ(adapt(R"({"offer":null,"seconds":9})"),
            R"({"status":"ok","waiting":2,"unoffered":1,"outstanding":{"0":1}})");
  EXPECT_EQ(adapt(R"({"offer":{"cpus":1},"seconds":9})"),
            R"({"status":"ok","waiting":1,"unoffered":0,"outstanding":{"0":1}})");
  EXPECT_EQ(error_of_task(), "\"ImpossibleResources\"") << "t3: what will come is known now";
  answer(Channel::kTaskEngine, request, "e1");
  take(Channel::kTaskClient);
  take(Channel::kTaskEngine);
}

TEST_F(GrowthTest, PromisesEndByThemselves) {
  join("e1");
  adapt(R"({"offer":{"gpus":1},"seconds":0.05})");
  submit("t1", R"({"resources":{"gpus":1}})");
  expect_nothing_left();
  advance(milliseconds(60));
  EXPECT_EQ(error_of_task(), "\"ImpossibleResources\"");
  submit("t2", R"({"resources":{"gpus":1}})");
  EXPECT_EQ(error_of_task(), "\"ImpossibleResources\"");
}

TEST_F(GrowthTest, PromisesAreOfEachClient) {
  join("e1");
  adapt(R"({"offer":{"gpus":1},"seconds":99})", "a");
  adapt(R"({"offer":{"gpus":2},"seconds":99})", "b");
  submit("t1", R"({"resources":{"gpus":1}})");
  submit("t2", R"({"resources":{"gpus":2}})");
  adapt(R"({"offer":null,"seconds":0})", "b");
  EXPECT_EQ(error_of_task(), "\"ImpossibleResources\"");
  expect_nothing_left();
  EXPECT_EQ(join("e2", R"(,"resources":{"gpus":1})"), EngineId{1});
  EXPECT_EQ(take(Channel::kTaskEngine).to(), "e2");
}

TEST_F(GrowthTest, NonsenseIsRefused) {
  for (const char* content :
       {"{}", R"({"seconds":-1})", R"({"seconds":"1"})", R"({"seconds":1e9})",
        R"({"seconds":1,"offer":{"cpus":-1}})", R"({"seconds":1,"offer":3})"}) {
    ask("adapt_request", content);
    EXPECT_EQ(take(Channel::kQuery).header.msg_type, "hub_error") << content;
  }
  for (const char* content : {"{}", R"({"targets":3})", R"({"targets":["e1"]})"}) {
    ask("retire_request", content);
    EXPECT_EQ(take(Channel::kQuery).header.msg_type, "hub_error") << content;
  }
}

TEST_F(GrowthTest, AnEngineThatIsRetiredGetsNothingAnyMore) {
  join("e1");
  ask("retire_request", R"({"targets":[0,7]})");
  EXPECT_EQ(take(Channel::kNotification).header.msg_type, "unregistration_notification");
  const Seen order = take(Channel::kControlEngine);
  EXPECT_EQ(order.to(), "e1");
  EXPECT_EQ(order.header.msg_type, "shutdown_request");
  EXPECT_EQ(take(Channel::kQuery).content("retired"), "[0]");
  submit("t1");
  expect_nothing_left();
  join("e2");
  EXPECT_EQ(take(Channel::kTaskEngine).to(), "e2");
}

TEST_F(GrowthTest, OneThatIsStillThereIsToldAgain) {
  join("e1", R"(,"engineroom":"1")");
  retire(R"({"targets":[0]})");
  outbox.sent.clear();
  pong("e1", "any");
  expect_nothing_left();  // it may have been on its way
  advance(seconds(5));
  take_ping();
  pong("e1", "any");
  EXPECT_EQ(take(Channel::kControlEngine).header.msg_type, "shutdown_request");
}

TEST_F(GrowthTest, EnginesThatAreBusyStay) {
  join("e1");
  join("e2");
  join("e3");
  submit("t1", R"({"targets":["e1"]})");
  take(Channel::kTaskEngine);
  receive(Channel::kMuxClient,
          {.identities = {Bytes::of_static("c"), Bytes::of_static("e2")}, .type = "apply_request"});
  take(Channel::kMuxEngine);
  EXPECT_EQ(retire(R"({"targets":[0,1]})"), "[]");
  expect_nothing_left();
  EXPECT_EQ(retire(R"({"targets":[0,1,2]})"), "[2]");
  outbox.sent.clear();
}

TEST_F(GrowthTest, NoMoreThanWanted) {
  join("e1");
  join("e2");
  join("e3");
  EXPECT_EQ(retire(R"({"targets":[2,0,1],"most":2})"), "[2,0]");
  outbox.sent.clear();
  EXPECT_EQ(controller->core().registry.registered_count(), 1u);
}

}  // namespace
}  // namespace engineroom::controller
