#include "transport/log_forwarder.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/log.h"
#include "transport/socket.h"

namespace engineroom::transport {
namespace {

// Logs `text` until the collector has seen something: it may not have subscribed yet.
std::vector<std::string> log_until_seen(Socket& collector, const char* text) {
  for (int i = 0; i < 500; ++i) {
    ER_LOG_WARN("{}", text);
    poll({{&collector}}, 20);
    if (const std::optional<Received> received = collector.receive()) {
      std::vector<std::string> texts;
      for (const Bytes& frame : received->frames) texts.emplace_back(frame.view());
      return texts;
    }
  }
  return {};
}

TEST(LogForwarder, TopicAndText) {
  Context context;
  Socket collector(context, SocketType::kSub);
  ASSERT_TRUE(collector.subscribe("").ok());
  const Result<std::string> url = collector.bind("tcp://127.0.0.1:*");
  ASSERT_TRUE(url.ok());
  set_up_logging("test", "info");
  set_log_topic("nobody listens");
  ASSERT_TRUE(forward_logs(url.value(), "engine").ok());
  EXPECT_EQ(log_until_seen(collector, "first"),
            (std::vector<std::string>{"engine.WARNING", "first"}));
  while (collector.receive()) {
  }
  set_log_topic("engine.3");
  ER_LOG_DEBUG("too little to be said");
  EXPECT_EQ(log_until_seen(collector, "second"),
            (std::vector<std::string>{"engine.3.WARNING", "second"}));
  // Another logger, another start.
  set_up_logging("test", "info");
}

TEST(LogForwarder, WrongAddress) { EXPECT_FALSE(forward_logs("nowhere", "engine").ok()); }

}  // namespace
}  // namespace engineroom::transport
