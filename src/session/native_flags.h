// session/native_flags.h — what people write for a C compiler, as our compiler takes it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "jit/job.h"

namespace engineroom::session {

// Moves flags to the job's own fields where it has one (-O3, -fopenmp, -I, -L, -l), and drops those
// that mean nothing here: warnings, -g, -std, -fPIC, and -march=native, which is always so.
void settle_flags(jit::CompileJob& job);

// "# distutils: libraries = m z" and the like; keys without a meaning here are ignored.
void add_distutils(const std::vector<std::pair<std::string, std::string>>& options,
                   jit::CompileJob& job);

}  // namespace engineroom::session
