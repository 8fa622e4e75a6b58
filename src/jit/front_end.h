// jit/front_end.h — C++ text to LLVM IR: Clang, in this process.
//
// A job of two lines spends most of its time here, so all that jobs have in common is done once:
// the command line is taken apart by Clang's driver (which looks for the system's headers) once per
// set of flags, and the runtime header is precompiled, mapped and only read where a name of it is
// used. The header's own files are not looked at again; see HeaderCache for when it is out of date.
//
// What was tried instead: one incremental compiler for all jobs, as clang-repl has. It is two
// milliseconds faster, but its jobs share one namespace, so that nothing can be redefined.
//
// LLVM's types stay behind Unit: its headers take seconds to compile.
//
// Threads: one at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "jit/file_stamp.h"
#include "jit/job.h"

namespace llvm {
class LLVMContext;
class Module;
}  // namespace llvm

namespace engineroom::jit {

// A translation unit as IR, not optimized.
struct Unit {
  Unit();
  Unit(Unit&&) noexcept;
  Unit& operator=(Unit&&) noexcept;
  ~Unit();

  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::vector<FileStamp> inputs = {};  // the files that the text included, without the header's
};

// A precompiled header and the files it was made from.
struct HeaderImage {
  std::string bytes = {};
  std::vector<FileStamp> inputs = {};
};

class FrontEnd {
 public:
  struct Options {
    std::string header;  // path of the header before every job; "" for none
    std::vector<HeaderSet> header_sets;
    std::vector<std::string> include_dirs;  // where it finds its own includes; Python.h
    std::string clang_dir;                  // Clang's own headers (its resource directory)
  };

  explicit FrontEnd(Options options);
  ~FrontEnd();

  // What else than the job decides about the code: version of Clang, processor, our flags.
  const std::string& identity() const { return identity_; }
  // The part of a job that decides how the header is precompiled: jobs with equal text share one.
  std::string header_flags(const CompileJob& job) const;

  Result<HeaderImage> precompile(const CompileJob& job, std::vector<Diagnostic>& diagnostics);
  // `header`: what precompile() made for the same header_flags(); "" for none. It has to live until
  // this returns. kInvalidArgument if the text has errors: they are in `diagnostics`.
  Result<Unit> compile(const CompileJob& job, std::string_view header,
                       std::vector<Diagnostic>& diagnostics);

 private:
  struct Invocations;
  // The cc1 command lines by their flags.
  Result<const Invocations*> invocations(const CompileJob& job,
                                         std::vector<Diagnostic>& diagnostics);
  std::vector<std::string> base_arguments(const CompileJob& job) const;
  // Null: the usual header.
  const HeaderSet* header_set(const CompileJob& job) const;

  const Options options_;
  std::string identity_;
  std::map<std::string, std::unique_ptr<Invocations>> invocations_;
};

}  // namespace engineroom::jit
