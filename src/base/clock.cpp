#include "base/clock.h"

#include <cassert>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace engineroom {
namespace {

// Writes `value` in exactly `width` digits at `out`; zero-padded.
void put_digits(char* out, int width, std::int64_t value) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

std::string iso8601(std::chrono::system_clock::time_point when) {
  // By hand rather than with strftime: a header is made for every message, and this takes tens of
  // nanoseconds.
  namespace chr = std::chrono;
  const chr::sys_time<chr::microseconds> time = chr::floor<chr::microseconds>(when);
  const chr::sys_days day = chr::floor<chr::days>(time);
  const chr::year_month_day date(day);
  const chr::hh_mm_ss<chr::microseconds> clock(time - day);

  std::string text = "0000-00-00T00:00:00.000000Z";
  put_digits(&text[0], 4, static_cast<int>(date.year()));
  put_digits(&text[5], 2, static_cast<unsigned>(date.month()));
  put_digits(&text[8], 2, static_cast<unsigned>(date.day()));
  put_digits(&text[11], 2, clock.hours().count());
  put_digits(&text[14], 2, clock.minutes().count());
  put_digits(&text[17], 2, clock.seconds().count());
  put_digits(&text[20], 6, clock.subseconds().count());
  return text;
}

std::string iso8601_now() { return iso8601(std::chrono::system_clock::now()); }

double to_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Duration from_seconds(double seconds) {
  assert(std::isfinite(seconds) && std::abs(seconds) < 292.0 * 365 * 86400);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace engineroom
