#include "base/log.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

namespace engineroom {
namespace {

// Python's numbers: 10 debug, 20 info, 30 warning, 40 error, 50 critical; a level between two
// counts as the upper.
spdlog::level::level_enum from_number(int number) {
  if (number <= 10) return spdlog::level::debug;
  if (number <= 20) return spdlog::level::info;
  if (number <= 30) return spdlog::level::warn;
  if (number <= 40) return spdlog::level::err;
  return spdlog::level::critical;
}

spdlog::level::level_enum parse_level(std::string_view text) {
  std::string name(text);
  int number = 0;
  const char* end = name.data() + name.size();
  const std::from_chars_result parsed = std::from_chars(name.data(), end, number);
  if (parsed.ec == std::errc() && parsed.ptr == end) return from_number(number);

  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name == "trace" || name == "debug") return spdlog::level::debug;
  if (name == "warn" || name == "warning") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  if (name == "critical" || name == "fatal") return spdlog::level::critical;
  return spdlog::level::info;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

// For programs that collect logs: a line is
//
//   {"time":"2026-11-22T03:28:04.123456Z","level":"info","program":"engine","pid":7,"message":"…"}
class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& event, spdlog::memory_buf_t& out) override {
    const spdlog::string_view_t level = spdlog::level::to_string_view(event.level);
    JsonWriter w;
    w.begin_object().key("time").value(iso8601(event.time));
    w.key("level").value(std::string_view(level.data(), level.size()));
    w.key("program").value(std::string_view(event.logger_name.data(), event.logger_name.size()));
    // Asked each time: a forked child logs, too.
    w.key("pid").value(static_cast<std::int64_t>(::getpid()));
    w.key("message").value(std::string_view(event.payload.data(), event.payload.size()));
    w.end_object();
    out.append(w.str().data(), w.str().data() + w.str().size());
    out.push_back('\n');
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

// From the environment, which the programs of a cluster inherit from who starts them.
bool wants_json() {
  const char* format = std::getenv("ENGINEROOM_LOG_FORMAT");
  return format != nullptr && std::string_view(format) == "json";
}

}  // namespace

void set_up_logging(std::string_view program, std::string_view level) {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>(std::string(program), std::move(sink));
  if (wants_json()) {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e [%n] %^%l%$ %v");
  }
  logger->set_level(parse_level(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

bool is_logged(LogLevel level) {
  return spdlog::default_logger_raw()->should_log(to_spdlog(level));
}

void log_text(LogLevel level, fmt::string_view format, fmt::format_args arguments) {
  fmt::memory_buffer text;
  fmt::vformat_to(fmt::appender(text), format, arguments);
  spdlog::default_logger_raw()->log(to_spdlog(level),
                                    spdlog::string_view_t(text.data(), text.size()));
}

void silence_log() { spdlog::set_level(spdlog::level::off); }

bool LogOncePer::first_time(std::string_view key) {
  if (seen_.size() >= max_keys_) return false;
  return seen_.emplace(key).second;
}

}  // namespace engineroom
