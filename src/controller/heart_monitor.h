// controller/heart_monitor.h — pings, and which engines stopped answering them.
//
// Every `period` a ping goes out to all engines, which return it unchanged. A pong counts if it
// repeats a ping not older than the previous scheduled one: an engine that was suspended and then
// sends a pile of old pongs is not alive for that. More than `max_misses` scheduled pings in a row
// without an answer mean that it is dead.
//
// Extra pings go out between the scheduled ones when an engine registers or subscribes, so that its
// first pong, which completes the registration, comes in milliseconds. They never count as missed.
//
// Pure: time is an argument. Threads: the loop thread only.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "controller/registry.h"

namespace engineroom::controller {

class HeartMonitor {
 public:
  // However many engines arrive at once, extra pings are at least this far apart.
  static constexpr Duration kExtraPingSpacing = std::chrono::milliseconds(20);

  HeartMonitor(Duration period, int max_misses) : period_(period), max_misses_(max_misses) {}

  // An engine waits for its first ping.
  void want_extra_ping(Time now);
  bool is_recent(std::string_view pong) const;

  // What is due at `now`: a ping to send (nullopt if none) and the engines that are dead.
  struct Beat {
    std::optional<std::string> ping;
    std::vector<EngineId> dead;
  };
  Beat on_time(Time now, Registry& registry);
  Time next_deadline() const;

 private:
  std::string new_ping(Time now);
  std::vector<EngineId> count_misses(Registry& registry) const;

  const Duration period_;
  const int max_misses_;
  std::optional<Time> next_beat_;
  std::optional<Time> extra_ping_at_;
  std::optional<Time> last_ping_at_;
  // Pings sent since the previous scheduled one, oldest first, and how many of them precede the
  // last scheduled one.
  std::deque<std::string> recent_;
  std::size_t before_last_beat_ = 0;
};

}  // namespace engineroom::controller
