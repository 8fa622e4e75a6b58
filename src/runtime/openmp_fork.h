// runtime/openmp_fork.h — LLVM's OpenMP in a process that may be forked.
//
// libomp gives a forked child threads of its own, unless KMP_INIT_AT_FORK says FALSE: then a
// child's first loop on threads waits for ever for those of its parent. joblib, and with it
// scikit-learn, says so for the whole process when it is imported. libomp reads that once, when it
// is first used.
#pragma once

#include <cstdlib>
#include <string>

namespace er {

// Calls `use`, which is to use libomp for the first time, with what a child needs. What the process
// has set is there again afterwards.
template <typename Use>
void use_openmp_for_forks(Use use) {
  constexpr const char* kName = "KMP_INIT_AT_FORK";
  const char* set = std::getenv(kName);
  if (set == nullptr) return;
  const std::string kept = set;
  ::setenv(kName, "TRUE", 1);
  use();
  ::setenv(kName, kept.c_str(), 1);
}

}  // namespace er
