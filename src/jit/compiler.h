// jit/compiler.h — C++ text to code that can be called, in this process and in milliseconds.
//
//   Compiler compiler({.header = ".../engineroom_runtime.h", .include_dirs = {".../python3.11"}});
//   CompileReport report;
//   Result<Program> program = compiler.compile({.source = "extern \"C\" int f() { return 1; }"},
//   report); if (!program.ok()) show(report.diagnostics); auto f = reinterpret_cast<int
//   (*)()>(program.value().symbol("f"));
//
// The way of a job: the runtime header, precompiled by an earlier process or now (HeaderCache); the
// object of an equal job from an earlier process (object cache), or FrontEnd (Clang) and
// CodeGenerator (LLVM); then Linker. Clang is not started where the object cache has the answer.
//
// An object is equal if all it came from is: text, options, our version and Clang's, the processor,
// and the size and time of every file included. "processor" includes its features, as code is made
// for the machine at hand.
//
// Nothing here is undone at the end of the process; see Program. The code of a job runs with the
// rights of the process: a source is trusted as much as a Python file.
//
// Threads: any; jobs run one after the other. Does not need the GIL, and never asks for it, but for
// what the static objects of a program do when it is loaded and unloaded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "jit/job.h"
#include "jit/program.h"

namespace engineroom::jit {

// What includes and links as the process that calls it does.
struct CompilerOptions {
  std::string header = {};                     // before every job's text; "" for none
  std::vector<HeaderSet> header_sets = {};     // of several that apply, the first
  std::vector<std::string> include_dirs = {};  // for the header and every job; Python's own
  // Shared libraries that every job may use, as CompileJob::libraries; found before the process's.
  std::vector<std::string> libraries = {};
  std::string cache_root = {};                   // CacheDirectory::default_root(); "" for no caches
  std::uint64_t cache_limit_bytes = 512u << 20;  // of objects; precompiled headers take half of it
  std::string clang_dir = {};  // Clang's own headers; "" for where they were at build time
};

class Compiler {
 public:
  explicit Compiler(const CompilerOptions& options);
  Compiler(Compiler&&) noexcept;
  Compiler& operator=(Compiler&&) noexcept;
  ~Compiler();

  // kInvalidArgument if the text has errors: the first is the message, all are in the report.
  // kNotFound if it uses symbols that are defined nowhere.
  Result<Program> compile(const CompileJob& job, CompileReport& report);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace engineroom::jit
