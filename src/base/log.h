// base/log.h — the process's log: spdlog to stderr, one line per event, level from the command
// line.
//
// Use the ER_LOG_* macros with fmt-style arguments. Anything a remote peer can cause repeatedly
// goes through LogOncePer, so that hostile traffic cannot fill a disk.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>

// spdlog removes log calls below this level at compile time; its default would remove ER_LOG_DEBUG.
#ifndef SPDLOG_ACTIVE_LEVEL
#define SPDLOG_ACTIVE_LEVEL SPDLOG_LEVEL_DEBUG
#endif
#include <spdlog/spdlog.h>

#define ER_LOG_DEBUG(...) SPDLOG_LOGGER_DEBUG(spdlog::default_logger_raw(), __VA_ARGS__)
#define ER_LOG_INFO(...) SPDLOG_LOGGER_INFO(spdlog::default_logger_raw(), __VA_ARGS__)
#define ER_LOG_WARN(...) SPDLOG_LOGGER_WARN(spdlog::default_logger_raw(), __VA_ARGS__)
#define ER_LOG_ERROR(...) SPDLOG_LOGGER_ERROR(spdlog::default_logger_raw(), __VA_ARGS__)

namespace engineroom {

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
