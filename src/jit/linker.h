// jit/linker.h — object files to code in this process: LLVM's ORC and JITLink.
//
// Every program is a JITDylib of its own, so that programs may define the same names. It finds
// names in this order: its own, the programs it is linked to, the process (the executable, Python
// and what they loaded for all), libstdc++ and libm, with OpenMP also libomp.
//
// Static objects: CodeGenerator makes one function of a program's constructors (kInitSymbol), which
// load() calls; their destructors register themselves with our __cxa_atexit and run when the
// program is unloaded. thread_local is emulated (__emutls_get_address), so it needs no support of a
// loader.
//
// Threads: any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "jit/program.h"

namespace engineroom::jit {

// Defined by every object that CodeGenerator makes.
inline constexpr const char* kInitSymbol = "__engineroom_init";

class Linker : public std::enable_shared_from_this<Linker> {
 public:
  static Result<std::shared_ptr<Linker>> create();
  ~Linker();

  // Loads an object file and constructs its static objects. `name` is for messages. kNotFound names
  // the symbols that are defined nowhere.
  Result<Program> load(std::string_view object, const std::string& name,
                       const std::vector<Program>& link, bool openmp);

 private:
  friend class LoadedCode;
  struct Session;
  explicit Linker(std::unique_ptr<Session> session);

  std::unique_ptr<Session> session_;
};

}  // namespace engineroom::jit
