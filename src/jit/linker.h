// jit/linker.h — object files to code in this process: LLVM's ORC and JITLink.
//
// Every program is a JITDylib of its own, so that programs may define the same names. It finds
// names in this order: its own, the programs it is linked to, the libraries it wants, with OpenMP
// libomp, the process (the executable, Python and what they loaded for all), libstdc++ and libm.
// Libraries are loaded for it alone: libomp also has the names of GNU's libgomp, and what is loaded
// later, numpy's libraries for one, must not find those.
//
// Static objects: CodeGenerator makes one function of a program's constructors (kInitSymbol), which
// load() calls; their destructors register themselves with our __cxa_atexit and run when the
// program is unloaded. thread_local is emulated (__emutls_get_address), so it needs no support of a
// loader.
//
// Threads: one load() at a time; programs may be used and unloaded meanwhile.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "jit/job.h"
#include "jit/program.h"

namespace engineroom::jit {

// Defined by every object that CodeGenerator makes.
inline constexpr const char* kInitSymbol = "__engineroom_init";

class Linker : public std::enable_shared_from_this<Linker> {
 public:
  // `libraries`: what every program may use, beside its own. kNotFound names one that does not
  // exist.
  static Result<std::shared_ptr<Linker>> create(const std::vector<std::string>& libraries);
  ~Linker();

  // Loads an object file that was made for `job`, and constructs its static objects. kNotFound
  // names the symbols that are defined nowhere, or the library that does not exist.
  Result<Program> load(std::string_view object, const CompileJob& job);

 private:
  friend class LoadedCode;
  struct Session;
  explicit Linker(std::unique_ptr<Session> session);

  std::unique_ptr<Session> session_;
};

}  // namespace engineroom::jit
