#include "controller/heart_monitor.h"

#include <algorithm>

#include <fmt/core.h>

namespace engineroom::controller {

void HeartMonitor::want_extra_ping(Time now) {
  if (extra_ping_at_) return;
  extra_ping_at_ = last_ping_at_ ? std::max(now, *last_ping_at_ + kExtraPingSpacing) : now;
}

// From the newest on: a live engine returns that one.
bool HeartMonitor::is_recent(std::string_view pong) const {
  return std::find(recent_.rbegin(), recent_.rend(), pong) != recent_.rend();
}

// Seconds as decimal text, as stock monitors send them. Microseconds keep two pings of one loop
// apart.
std::string HeartMonitor::new_ping(Time now) {
  std::string ping = fmt::format("{:.6f}", to_seconds(now.time_since_epoch()));
  if (!recent_.empty() && recent_.back() == ping) ping += "1";
  recent_.push_back(ping);
  last_ping_at_ = now;
  extra_ping_at_.reset();
  return ping;
}

std::vector<EngineId> HeartMonitor::count_misses(Registry& registry) const {
  std::vector<EngineId> dead;
  for (auto& [id, engine] : registry.all()) {
    if (!engine.is_registered || engine.is_awaited) continue;
    engine.misses = engine.has_answered ? 0 : engine.misses + 1;
    engine.has_answered = false;
    if (engine.misses > max_misses_) dead.push_back(id);
  }
  return dead;
}

HeartMonitor::Beat HeartMonitor::on_time(Time now, Registry& registry) {
  Beat beat;
  if (!next_beat_ || now >= *next_beat_) {
    beat.dead = count_misses(registry);
    recent_.erase(recent_.begin(),
                  recent_.begin() + static_cast<std::ptrdiff_t>(before_last_beat_));
    before_last_beat_ = recent_.size();
    beat.ping = new_ping(now);
    // Not next_beat_ + period: after a pause (suspended machine) beats do not catch up, which would
    // count several misses at once.
    next_beat_ = now + period_;
  } else if (extra_ping_at_ && now >= *extra_ping_at_) {
    beat.ping = new_ping(now);
  }
  return beat;
}

Time HeartMonitor::next_deadline() const {
  if (!next_beat_) return Time{};
  return extra_ping_at_ ? std::min(*extra_ping_at_, *next_beat_) : *next_beat_;
}

}  // namespace engineroom::controller
