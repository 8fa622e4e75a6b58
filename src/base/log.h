// base/log.h — the process's log: spdlog to stderr, one line per event, level from the command
// line. Its header and most of fmt's stay in log.cpp: they take a compiler longer than what logs.
//
// Use the ER_LOG_* macros with fmt-style arguments. Anything a remote peer can cause repeatedly
// goes through LogOncePer, so that hostile traffic cannot fill a disk.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>

#include <fmt/core.h>

#define ER_LOG_DEBUG(...) ER_LOG(kDebug, __VA_ARGS__)
#define ER_LOG_INFO(...) ER_LOG(kInfo, __VA_ARGS__)
#define ER_LOG_WARN(...) ER_LOG(kWarn, __VA_ARGS__)
#define ER_LOG_ERROR(...) ER_LOG(kError, __VA_ARGS__)
// Arguments are looked at only if the level is wanted.
#define ER_LOG(level, ...)                                             \
  (::engineroom::is_logged(::engineroom::LogLevel::level)              \
       ? ::engineroom::log(::engineroom::LogLevel::level, __VA_ARGS__) \
       : void())

namespace engineroom {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

bool is_logged(LogLevel level);
void log_text(LogLevel level, fmt::string_view format, fmt::format_args arguments);
template <typename... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  log_text(level, format, fmt::make_format_args(args...));
}

// No line any more, of any level.
void silence_log();

// `level`: a Python logging number ("10", "20" …) or a name ("debug", "INFO"). Unknown text means
// info.
void set_up_logging(std::string_view program, std::string_view level);

// Remembers which keys were logged already; bounded: past `max_keys` it says no to new keys.
class LogOncePer {
 public:
  explicit LogOncePer(std::size_t max_keys = 1024) : max_keys_(max_keys) {}
  bool first_time(std::string_view key);

 private:
  std::size_t max_keys_;
  std::unordered_set<std::string> seen_;
};

}  // namespace engineroom
