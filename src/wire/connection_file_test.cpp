#include "wire/connection_file.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engineroom::wire {
namespace {

namespace fs = std::filesystem;

std::string slurp(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

ConnectionInfo sample() {
  ConnectionInfo info;
  info.interface = "tcp://127.0.0.1";
  info.location = "node1";
  info.key = "quote \" and é";
  info.registration = 1001;
  info.control = 1002;
  info.mux = 1003;
  info.task = 1004;
  info.iopub = 1005;
  info.notification = 1006;
  info.hb_ping = 1007;
  info.hb_pong = 1008;
  info.broadcast = {1009};
  return info;
}

// `json` with the first occurrence of `from` replaced.
std::string replaced(std::string json, const std::string& from, const std::string& to) {
  const std::size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return json.replace(at, from.size(), to);
}

class ConnectionFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "connection_file_test_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/ipcontroller-client.json";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::size_t files_in_folder() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  std::string folder_;
  std::string path_;
};

// ---- the text ----

TEST(ConnectionInfo, ReadsWhatAStockControllerWrites) {
  const Result<ConnectionInfo> client =
      parse_connection_info(slurp(ENGINEROOM_WIRE_TESTDATA "/stock_client.json"), Role::kClient);
  ASSERT_TRUE(client.ok()) << client.status().to_string();
  EXPECT_EQ(client.value().interface, "tcp://127.0.0.1");
  EXPECT_EQ(client.value().location, "node1.example.org");
  EXPECT_EQ(client.value().key.size(), 33u);
  EXPECT_EQ(client.value().curve_serverkey, "");
  EXPECT_EQ(client.value().task_scheme, "leastload");
  EXPECT_EQ(client.value().broadcast.size(), 1u);
  EXPECT_GT(client.value().notification, 0);

  const Result<ConnectionInfo> engine =
      parse_connection_info(slurp(ENGINEROOM_WIRE_TESTDATA "/stock_engine.json"), Role::kEngine);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EXPECT_EQ(engine.value().broadcast.size(), 2u);
  EXPECT_GT(engine.value().hb_ping, 0);
  EXPECT_EQ(engine.value().registration, client.value().registration);
}

TEST(ConnectionInfo, RoundTrips) {
  ConnectionInfo info = sample();
  info.ssh = "me@gate";
  info.curve_serverkey = std::string(40, 'Z');
  info.task_scheme = "lru";
  const Result<ConnectionInfo> client =
      parse_connection_info(to_json(info, Role::kClient), Role::kClient);
  ASSERT_TRUE(client.ok()) << client.status().to_string();
  EXPECT_EQ(to_json(client.value(), Role::kClient), to_json(info, Role::kClient));
  EXPECT_EQ(client.value().key, info.key);
  EXPECT_EQ(client.value().ssh, "me@gate");
  EXPECT_EQ(client.value().curve_serverkey, info.curve_serverkey);
  EXPECT_EQ(client.value().task_scheme, "lru");

  info.broadcast = {1, 2, 65535};
  const Result<ConnectionInfo> engine =
      parse_connection_info(to_json(info, Role::kEngine), Role::kEngine);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EXPECT_EQ(engine.value().broadcast, info.broadcast);
  EXPECT_EQ(engine.value().hb_pong, 1008);
}

TEST(ConnectionInfo, WritesTheStockLayout) {
  const std::string json = to_json(sample(), Role::kClient);
  EXPECT_TRUE(json.starts_with("{\n  \"ssh\": \"\",\n  \"interface\": \"tcp://127.0.0.1\",\n"))
      << json;
  EXPECT_NE(json.find("\n  \"curve_serverkey\": null,\n"), std::string::npos);
  EXPECT_NE(json.find("\n  \"broadcast\": 1009,\n"), std::string::npos);
  EXPECT_EQ(json.find("hb_ping"), std::string::npos);
  const std::string engine = to_json(sample(), Role::kEngine);
  EXPECT_NE(engine.find("\n  \"broadcast\": [1009],\n"), std::string::npos);
  EXPECT_EQ(engine.find("notification"), std::string::npos);
  EXPECT_EQ(engine.find("task_scheme"), std::string::npos);
}

TEST(ConnectionInfo, OrjsonIsJson) {
  const std::string json =
      replaced(to_json(sample(), Role::kClient), "\"pack\": \"json\"", "\"pack\": \"orjson\"");
  EXPECT_TRUE(parse_connection_info(json, Role::kClient).ok());
}

TEST(ConnectionInfo, UnsupportedOptionsNameTheRemedy) {
  const std::string json = to_json(sample(), Role::kClient);
  const struct {
    std::string json;
    const char* message;
  } cases[] = {
      {replaced(json, "\"unpack\": \"json\"", "\"unpack\": \"pickle\""), "Session.packer='json'"},
      {replaced(json, "\"pack\": \"json\"", "\"pack\": \"msgpack\""), "msgpack"},
      {replaced(json, "hmac-sha256", "hmac-md5"), "hmac-sha256"},
      {replaced(json, "tcp://127", "udp://127"), "tcp:// or ipc://"},
      {replaced(json, "\"curve_serverkey\": null", "\"curve_serverkey\": \"short\""),
       "40 characters"},
      {replaced(json, "1003", "0"), "'mux' is no port number"},
      {replaced(json, "1003", "65536"), "'mux' is no port number"},
      {replaced(json, "1003", "\"1003\""), "'mux' is no port number"},
      {replaced(json, "\"mux\"", "\"nux\""), "has no 'mux'"},
      {replaced(json, "\"broadcast\"", "\"other\""), "has no 'broadcast'"},
      {replaced(json, "\"broadcast\": 1009", "\"broadcast\": []"), "lists no ports"},
      {replaced(json, "\"interface\"", "\"outerface\""), "has no 'interface'"},
      {replaced(json, "\"node1\"", "7"), "'location' is no string"},
  };
  for (const auto& c : cases) {
    const Result<ConnectionInfo> info = parse_connection_info(c.json, Role::kClient);
    ASSERT_FALSE(info.ok()) << c.message;
    EXPECT_EQ(info.status().code(), ErrorCode::kInvalidArgument) << c.message;
    EXPECT_NE(info.status().message().find(c.message), std::string::npos)
        << info.status().message();
  }
}

TEST(ConnectionInfo, NotJson) {
  for (const char* text : {"", "{", "[]", "null", "\"\""}) {
    EXPECT_EQ(parse_connection_info(text, Role::kClient).status().code(), ErrorCode::kMalformed)
        << text;
  }
}

TEST(ConnectionInfo, Urls) {
  ConnectionInfo info = sample();
  EXPECT_EQ(info.url(4567), "tcp://127.0.0.1:4567");
  info.interface = "ipc:///run/user/er";
  EXPECT_EQ(info.url(1), "ipc:///run/user/er:1");

  for (const char* wildcard : {"tcp://*", "tcp://0.0.0.0"}) {
    info.interface = wildcard;
    info.location = "far.example.org";
    EXPECT_EQ(info.url(80), "tcp://far.example.org:80");
    info.location = "203.0.113.9";
    EXPECT_EQ(info.url(80), "tcp://203.0.113.9:80");
    for (const char* here : {"", "localhost", "127.0.0.1"}) {
      info.location = here;
      EXPECT_EQ(info.url(80), "tcp://127.0.0.1:80") << here;
    }
    char name[256] = {};
    ASSERT_EQ(gethostname(name, sizeof name - 1), 0);
    info.location = name;
    EXPECT_EQ(info.url(80), "tcp://127.0.0.1:80");
  }
}

// ---- the file ----

TEST_F(ConnectionFile, RoundTripsAndIsPrivate) {
  const mode_t mask = umask(0);
  EXPECT_TRUE(write_connection_file(path_, sample(), Role::kClient).ok());
  umask(0777);  // and with a mask that takes everything
  EXPECT_TRUE(write_connection_file(folder_ + "/engine.json", sample(), Role::kEngine).ok());
  umask(mask);

  for (const std::string& path : {path_, folder_ + "/engine.json"}) {
    struct stat stat{};
    ASSERT_EQ(::stat(path.c_str(), &stat), 0);
    EXPECT_EQ(stat.st_mode & 07777, 0600u);
  }
  const Result<ConnectionInfo> read = read_connection_file(path_, Role::kClient);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(read.value().key, sample().key);
  EXPECT_EQ(files_in_folder(), 2u);  // nothing temporary is left
}

TEST_F(ConnectionFile, IsReplacedAsAWhole) {
  // A reader that polls while a writer rewrites must always see one whole version.
  ConnectionInfo info = sample();
  ASSERT_TRUE(write_connection_file(path_, info, Role::kClient).ok());
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) {
      info.key = std::string(static_cast<std::size_t>(i) * 50, 'k');
      EXPECT_TRUE(write_connection_file(path_, info, Role::kClient).ok());
    }
    stop = true;
  });
  while (!stop) {
    const Result<ConnectionInfo> read = read_connection_file(path_, Role::kClient);
    EXPECT_TRUE(read.ok()) << read.status().to_string();
  }
  writer.join();
}

TEST_F(ConnectionFile, DoesNotFollowALinkInItsPlace) {
  const std::string target = folder_ + "/precious";
  std::ofstream(target) << "old";
  fs::create_symlink(target, path_);
  ASSERT_TRUE(write_private_file(path_, "new").ok());
  EXPECT_EQ(slurp(target), "old");
  EXPECT_FALSE(fs::is_symlink(path_));
  EXPECT_EQ(slurp(path_), "new");
}

TEST_F(ConnectionFile, ReadableByOthersIsRefused) {
  ASSERT_TRUE(write_connection_file(path_, sample(), Role::kClient).ok());
  for (const mode_t mode : {0640u, 0604u, 0620u, 0602u}) {
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    const Result<ConnectionInfo> read = read_connection_file(path_, Role::kClient);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.status().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(read.status().message().find("chmod 600 " + path_), std::string::npos)
        << read.status().message();
  }
}

TEST_F(ConnectionFile, ForeignOwnerIsRefusedUnlessRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make a foreign file";
  ASSERT_TRUE(write_connection_file(path_, sample(), Role::kClient).ok());
  ASSERT_EQ(chown(path_.c_str(), 12345, 12345), 0);
  EXPECT_TRUE(read_connection_file(path_, Role::kClient).ok());

  // As another user, who may open it by an access right that the mode does not show.
  ASSERT_EQ(chown(path_.c_str(), 0, 0), 0);
  ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  ASSERT_EQ(seteuid(12345), 0);
  const Result<ConnectionInfo> read = read_connection_file(path_, Role::kClient);
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.status().message().find("belongs to another user"), std::string::npos)
      << read.status().message();
}

TEST_F(ConnectionFile, WhatIsNoFileIsRefused) {
  EXPECT_EQ(read_connection_file(path_, Role::kClient).status().code(), ErrorCode::kNotFound);
  EXPECT_EQ(read_connection_file(folder_, Role::kClient).status().code(),
            ErrorCode::kInvalidArgument);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(read_connection_file(path_, Role::kClient).status().code(),
            ErrorCode::kInvalidArgument);
  const std::string huge = folder_ + "/huge";
  ASSERT_TRUE(write_private_file(huge, std::string(2u << 20, ' ')).ok());
  EXPECT_EQ(read_connection_file(huge, Role::kClient).status().code(),
            ErrorCode::kResourceExhausted);
}

TEST_F(ConnectionFile, FailedWritesLeaveNothing) {
  EXPECT_EQ(write_private_file(folder_ + "/none/file", "x").code(), ErrorCode::kNotFound);
  ASSERT_EQ(mkdir(path_.c_str(), 0700), 0);
  EXPECT_FALSE(write_private_file(path_, "x").ok());  // a folder cannot be replaced
  EXPECT_EQ(files_in_folder(), 1u);
}

}  // namespace
}  // namespace engineroom::wire
