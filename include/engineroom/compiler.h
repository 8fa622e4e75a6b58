// engineroom/compiler.h — compile the Cython language, in a C++ program that has Python inside.
//
//   auto compiler = Compiler::create({.package_dir = "/…/site-packages/engineroom",
//                                     .python_include_dir = "/usr/include/python3.11"}).take();
//   Compilation done = compiler.compile("def square(double x): return x * x", {.file = "a.pyx"});
//   for (const CompileMessage& message : done.messages) std::cerr << message.rendered;
//   PyObject* module = PyModule_New("a");
//   if (done.ok && done.module.run(PyModule_GetDict(module)) == 0) …   // module.square
//
// Nothing throws. Link engineroom::session; the program itself links Python.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engineroom/status.h"

struct _object;  // PyObject

namespace engineroom {

struct CompilerSettings {
  // Where the Python package lies: include/ and libengineroom_runtime.so are in it, and pxd/.
  std::string package_dir;
  std::string python_include_dir;  // where Python.h is
  std::string cache_dir = {};      // of compiled objects; "": in the user's cache folder
};

struct CompileSettings {
  std::string file = "<cell>";                         // what messages and tracebacks name
  std::string name = "cell";                           // __name__
  std::string level = "3";                             // of the language: "2", "3", "3str"
  std::map<std::string, std::string> directives = {};  // {"boundscheck", "False"}
  std::vector<std::string> include_path = {};          // folders with .pxd files and C headers
  int optimization = 2;                                // 0 to 3
};

struct CompileMessage {
  bool is_error = true;  // else a warning
  std::string code;      // "undeclared-name"; "c++" if Clang says it
  std::string file;
  std::size_t line = 0;  // from 1, as columns; 0 if it is about no place
  std::size_t column = 0;
  std::string text;
  std::string hint;      // how to mend it; may be empty
  std::string rendered;  // all of it, with the source line and a caret
};

// Native code of a text. Copies share it; it is never unloaded.
class CompiledModule {
 public:
  // Runs the text's statements, with `globals` (a dict) as its names: 0, or -1 with Python's error
  // set. REQUIRES: the GIL is held, and `globals` lives as long as what was put into it is used.
  int run(_object* globals) const;

 private:
  friend class Compiler;
  int (*entry_)(_object* globals, _object* home) = nullptr;
  std::shared_ptr<const void> code_;
};

struct Compilation {
  bool ok = false;
  std::vector<CompileMessage> messages;  // also warnings
  std::string cpp;                       // what the text became on the way
  CompiledModule module;                 // if ok
};

// Threads: any; one text at a time is compiled. The GIL is not needed.
class Compiler {
 public:
  // kNotFound if the package or Python's headers are not where they should be.
  static Result<Compiler> create(const CompilerSettings& settings);
  Compiler(Compiler&&) noexcept;
  Compiler& operator=(Compiler&&) noexcept;
  ~Compiler();

  Compilation compile(const std::string& source, const CompileSettings& settings = {});

 private:
  struct Impl;
  explicit Compiler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace engineroom
