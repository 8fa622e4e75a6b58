// base/stopwatch.h — how long a stage takes.
#pragma once

#include "base/clock.h"

namespace engineroom {

// Adds the time from its making to its end.
class Stopwatch {
 public:
  explicit Stopwatch(Duration& total) : total_(total), start_(Clock::now()) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { total_ += Clock::now() - start_; }

 private:
  Duration& total_;
  const Time start_;
};

}  // namespace engineroom
