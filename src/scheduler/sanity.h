// scheduler/sanity.h — an assertion that is always on, for the sanity_check() functions.
//
// They run in tests only, so there is no reason to let NDEBUG turn them into nothing.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace engineroom::scheduler {

[[noreturn]] inline void sanity_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: inconsistent: %s\n", file, line, what);
  std::abort();
}

}  // namespace engineroom::scheduler

#define SANITY(condition) \
  ((condition) ? (void)0 : ::engineroom::scheduler::sanity_failed(#condition, __FILE__, __LINE__))
