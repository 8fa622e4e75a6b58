// The public Client against a controller in the same process whose engines know two functions.

#include "engineroom/client.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/fake_controller.h"
#include "client/pickle.h"
#include "client/profile.h"

namespace engineroom {
namespace {

using client::FakeController;
using Incoming = FakeController::Incoming;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kError[] = R"({"status":"error","ename":"ValueError","evalue":"bad value",)"
                          R"("traceback":["line 1","line 2"],"engine_info":{"engine_id":1}})";

std::string argument(const Incoming& request, std::size_t i) {
  return client::unpickle_text(request.message.buffers[2 + i].view()).take();
}

// "fail" raises, anything else returns its arguments.
void answer_call(FakeController& fake, const Incoming& request) {
  if (argument(request, 1) == "fail") return fake.reply(request, R"({"idle":true})", kError);
  fake.reply(request, R"({"idle":true})", R"({"status":"ok"})",
             {client::pickle_text(argument(request, 2))});
}

void answer_execute(FakeController& fake, const Incoming& request) {
  const Bytes& parent = request.message.header;
  fake.reply(request, R"({"started":"now","idle":false})");
  fake.publish_output(parent, "stream", R"({"name":"stdout","text":"hello\n"})");
  fake.publish_output(parent, "execute_result", R"({"data":{"text/plain":"42"}})");
  fake.publish_output(parent, "status", R"({"execution_state":"idle"})");
}

void answer(FakeController& fake, const Incoming& request) {
  if (request.header.msg_type == "apply_request") return answer_call(fake, request);
  if (request.header.msg_type == "execute_request") return answer_execute(fake, request);
  if (request.header.msg_type == "queue_request")
    return fake.reply(request, "{}", R"({"status":"ok","unassigned":0})");
  fake.reply(request);
}

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    std::filesystem::create_directories(folder_);
    file_ = folder_ + "/ipcontroller-client.json";
    EXPECT_TRUE(wire::write_connection_file(file_, fake_.info(), wire::Role::kClient).ok());
    fake_.add_engine(0, "a");
    fake_.add_engine(1, "b");
    Result<Client> client = Client::connect({.connection_file = file_});
    EXPECT_TRUE(client.ok()) << client.status().to_string();
    client_.emplace(client.take());
  }
  ~ClientTest() override { std::filesystem::remove_all(folder_); }

  FakeController fake_{answer};
  std::string folder_ = ::testing::TempDir() + "/" + new_session_id();
  std::string file_;
  std::optional<Client> client_;
};

TEST_F(ClientTest, Engines) {
  EXPECT_THAT(client_->ids(), ElementsAre(0, 1));
  EXPECT_TRUE(client_->wait_for_engines(2).ok());
  EXPECT_EQ(client_->wait_for_engines(3, 0.01).code(), ErrorCode::kTimeout);
}

TEST_F(ClientTest, Call) {
  const Future<Value> future = client_->call("module", "echo", {1, "two", 3.5}, {{"k", true}});
  const Result<Value> value = future.get();
  ASSERT_TRUE(value.ok()) << value.status().to_string();
  EXPECT_EQ(value.value(), Value(Value::List{1, "two", 3.5}));
  EXPECT_TRUE(future.ready());
  EXPECT_FALSE(future.error().has_value());
  EXPECT_TRUE(client_->call_on(1, "module", "echo").get().ok());
  EXPECT_EQ(client_->call_on(7, "module", "echo").get().status().code(), ErrorCode::kNotFound);
}

TEST_F(ClientTest, CallThatRaises) {
  const Future<Value> future = client_->call("module", "fail");
  EXPECT_EQ(future.get().status().to_string(), "remote error: ValueError: bad value");
  const std::optional<RemoteError> error = future.error();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->name, "ValueError");
  EXPECT_EQ(error->traceback, "line 1\nline 2\n");
  EXPECT_EQ(error->engine, 1);
}

TEST_F(ClientTest, NotFiniteArguments) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(client_->call("m", "f", {Value::List{nan}}).get().status().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(client_->map("m", "f", {1.0, nan}).get().status().code(), ErrorCode::kInvalidArgument);
}

TEST_F(ClientTest, Map) {
  Value::List values;
  for (int i = 0; i < 100; ++i) values.emplace_back(i);
  for (std::size_t chunk : {0u, 1u, 7u, 1000u}) {
    const Result<Value::List> result = client_->map("module", "echo", values, chunk).get();
    ASSERT_TRUE(result.ok()) << result.status().to_string();
    EXPECT_EQ(result.value(), values);
  }
  EXPECT_THAT(client_->map("module", "echo", {}).get().value(), IsEmpty());
  EXPECT_EQ(client_->map("module", "fail", values).get().status().code(), ErrorCode::kRemote);
}

TEST_F(ClientTest, Execute) {
  // The subscription to outputs may take a moment to arrive: ask until all has come back.
  Future<std::vector<ExecuteResult>> future = client_->execute("print('hello'); 42");
  while (!future.wait(0.2)) future = client_->execute("print('hello'); 42");
  const Result<std::vector<ExecuteResult>> results = future.get();
  ASSERT_TRUE(results.ok());
  ASSERT_THAT(results.value(), SizeIs(2));
  EXPECT_EQ(results.value()[1].engine, 1);
  EXPECT_EQ(results.value()[1].out, "hello\n");
  EXPECT_EQ(results.value()[1].result, "42");
  EXPECT_EQ(client_->execute("pass", {0, 7}).get().status().code(), ErrorCode::kNotFound);
}

TEST_F(ClientTest, EngineDies) {
  const Future<Value> future = client_->call_on(0, "module", "echo");
  EXPECT_TRUE(future.get().ok());
  fake_.remove_engine(0);
  while (client_->ids().size() > 1) std::this_thread::yield();
  EXPECT_EQ(client_->call_on(0, "module", "echo").get().status().code(), ErrorCode::kNotFound);
}

TEST_F(ClientTest, Controller) {
  EXPECT_EQ(client_->queue_status().value().as_dict().at("unassigned"), Value(0));
  EXPECT_TRUE(client_->shutdown().ok());
  client_->close();
  EXPECT_EQ(client_->call("module", "echo").get().status().code(), ErrorCode::kUnavailable);
  EXPECT_FALSE(client_->queue_status().ok());
}

TEST_F(ClientTest, MovesAndOutlivedByFutures) {
  Client moved = std::move(*client_);
  const Future<Value> future = moved.call("module", "echo", {1});
  EXPECT_TRUE(future.wait());
  client_.emplace(std::move(moved));
  client_.reset();
  EXPECT_TRUE(future.get().ok());
}

TEST(ClientConnect, NoConnectionFile) {
  const Result<Client> client = Client::connect({.connection_file = "/nonexistent/file.json"});
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.status().code(), ErrorCode::kNotFound);
}

TEST(ClientConnect, FindsTheConnectionFile) {
  using client::find_connection_file;
  EXPECT_EQ(find_connection_file({.connection_file = "/f.json"}), "/f.json");
  EXPECT_EQ(find_connection_file({.profile_dir = "/p", .cluster_id = "x"}),
            "/p/security/ipcontroller-x-client.json");
  EXPECT_EQ(find_connection_file({.profile = "gpu", .ipython_dir = "/i"}),
            "/i/profile_gpu/security/ipcontroller-client.json");
}

}  // namespace
}  // namespace engineroom
