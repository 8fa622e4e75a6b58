#include "base/log.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <utility>

#include <spdlog/sinks/stdout_color_sinks.h>

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

}  // namespace

void set_up_logging(std::string_view program, std::string_view level) {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>(std::string(program), std::move(sink));
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e [%n] %^%l%$ %v");
  logger->set_level(parse_level(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

bool LogOncePer::first_time(std::string_view key) {
  if (seen_.size() >= max_keys_) return false;
  return seen_.emplace(key).second;
}

}  // namespace engineroom
