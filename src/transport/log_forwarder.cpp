#include "transport/log_forwarder.h"

#include <cctype>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "base/log.h"
#include "transport/socket.h"

namespace engineroom::transport {
namespace {

// Lines that wait for a slow collector; more are dropped.
constexpr int kMaxWaiting = 10'000;
// How long the end of the process waits for the last ones.
constexpr int kLingerMs = 500;
// How long the start waits for the collector, so that the first lines are not lost.
constexpr int kConnectMs = 300;

// Python's names of levels.
std::string_view level_name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return "DEBUG";
    case spdlog::level::warn:
      return "WARNING";
    case spdlog::level::err:
      return "ERROR";
    case spdlog::level::critical:
      return "CRITICAL";
    default:
      return "INFO";
  }
}

SocketOptions socket_options() {
  SocketOptions options;
  options.send_high_water_mark = kMaxWaiting;
  options.linger_ms = kLingerMs;
  return options;
}

class ForwardSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit ForwardSink(std::string topic)
      : topic_(std::move(topic)), socket_(context_, SocketType::kXpub, socket_options()) {}

  Status connect(const std::string& url) {
    if (Status status = socket_.connect(url); !status.ok()) return status;
    // The subscription: before it has come, there is nobody to send to.
    if (!socket_.readable()) poll({{&socket_}}, kConnectMs);
    return {};
  }

  void set_topic(std::string topic) {
    const std::lock_guard lock(mutex_);
    topic_ = std::move(topic);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& event) override {
    if (::getpid() != owner_) return;
    while (socket_.receive()) {
      // Subscriptions; ZeroMQ heeds them by itself.
    }
    const std::string topic = topic_ + '.' + std::string(level_name(event.level));
    const std::string_view text(event.payload.data(), event.payload.size());
    // A failure has nowhere to be logged.
    static_cast<void>(socket_.send({Bytes::copy_of(topic), Bytes::copy_of(text)}));
  }
  void flush_() override {}

 private:
  const pid_t owner_ = ::getpid();
  std::string topic_;
  Context context_;
  Socket socket_;
};

std::shared_ptr<ForwardSink>& the_sink() {
  static std::shared_ptr<ForwardSink> sink;
  return sink;
}

}  // namespace

Status forward_logs(const std::string& url, std::string topic) {
  auto sink = std::make_shared<ForwardSink>(std::move(topic));
  if (Status status = sink->connect(url); !status.ok()) return status;
  the_sink() = sink;
  spdlog::default_logger()->sinks().push_back(std::move(sink));
  return {};
}

void set_log_topic(std::string topic) {
  if (the_sink()) the_sink()->set_topic(std::move(topic));
}

}  // namespace engineroom::transport
