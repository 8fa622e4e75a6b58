// base/clock.h — the two clocks: one that only moves forward, for deadlines; one on the wall, for
// records.
//
// State machines take Time as an argument and never read a clock, so that tests need no sleeps.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace engineroom {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

// "2026-11-21T05:57:34.884217Z": UTC, microseconds, as Jupyter message headers want it.
std::string iso8601(std::chrono::system_clock::time_point when);
std::string iso8601_now();
// Reads what Python's isoformat() and the above write: a date, 'T' or a space, hours to seconds, a
// fraction if any (beyond microseconds it is cut), and 'Z' or an offset like "+01:00"; without one
// it is UTC. nullopt for anything else.
std::optional<std::chrono::system_clock::time_point> parse_iso8601(std::string_view text);

// Seconds as a floating-point number, for statistics and JSON.
double to_seconds(Duration duration);
// Rounds toward zero; REQUIRES: finite and within ±292 years.
Duration from_seconds(double seconds);

}  // namespace engineroom
