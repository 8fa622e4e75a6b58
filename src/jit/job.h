// jit/job.h — what the compiler is given, and what it tells beside the program. Data only.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "jit/program.h"

namespace engineroom::jit {

// What is precompiled in place of the usual header for jobs that include certain others, which
// would take long to read.
struct HeaderSet {
  std::string prefix;                     // such jobs include a header that starts so: "numpy/"
  std::string header;                     // path; it includes the usual one
  std::vector<std::string> include_dirs;  // as those of every job
};

struct CompileJob {
  std::string source;           // C++20; the runtime header is included before its first line
  std::string name = "<cell>";  // the file that diagnostics name where no #line says otherwise
  // Headers that it includes, as it spells them: they decide which header is precompiled; see
  // HeaderSet.
  std::vector<std::string> headers = {};
  std::vector<std::string> include_dirs = {};
  // As on Clang's command line. -D, -U, -I and -include apply to `source` alone; with any other
  // flag the runtime header is precompiled once more, which takes half a second the first time.
  std::vector<std::string> flags = {};
  int optimization = 2;            // 0 to 3
  bool openmp = false;             // #pragma omp; the program then uses libomp
  std::vector<Program> link = {};  // earlier programs whose symbols this one may use, in order
  // Shared libraries whose symbols it may use: names as for -l, or paths with a slash.
  std::vector<std::string> libraries = {};
  std::vector<std::string> library_dirs = {};  // looked into before the system's
  bool use_cache = true;                       // look into the object cache, and add to it
  bool want_ir = false;        // fill CompileReport::ir; the cache is then not looked into
  bool want_assembly = false;  // fill CompileReport::assembly; likewise
};

enum class Severity { kNote, kWarning, kError };

// One message of Clang. A note belongs to the warning or error before it.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file = {};  // as #line names it; "" if the message is about no place
  unsigned line = 0;      // 1-based; 0 if the message is about no place
  unsigned column = 0;    // 1-based, in bytes
  std::string message = {};

  // "cell.pyx:3:7: error: use of undeclared identifier 'x'"
  std::string to_string() const;
  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

// Where the time of one job went; zero for what was not needed.
struct Timings {
  Duration header = {};     // finding or making the precompiled header
  Duration front_end = {};  // text to IR
  Duration optimize = {};
  Duration generate = {};  // IR to object
  Duration link = {};      // object to callable
  Duration total = {};
};

struct CompileReport {
  std::vector<Diagnostic> diagnostics = {};
  bool from_cache = false;
  std::string ir = {};  // optimized LLVM IR
  std::string assembly = {};
  Timings timings = {};
};

}  // namespace engineroom::jit
