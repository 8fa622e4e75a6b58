// jit/program.h — native code in this process.
//
// A Program is a handle: copies share the code, and the last one to go unloads it, after running
// the destructors of its static objects. A program keeps those alive that it was linked to. Nothing
// knows whether a function of the code is still running or will be called again: whoever gives out
// its addresses holds a Program for as long.
//
// At the end of the process nothing is unloaded, and static objects of programs still loaded are
// not destroyed: other threads may be running their code.
//
// Threads: any; unloading runs on the thread that drops the last handle.
#pragma once

#include <memory>
#include <string>

namespace engineroom::jit {

class LoadedCode;

class Program {
 public:
  // No code; every symbol is missing.
  Program() = default;
  explicit Program(std::shared_ptr<LoadedCode> code) : code_(std::move(code)) {}

  // The address of a function or variable that the program defines, by its linker name: extern "C"
  // names are as written. Null if it defines none, or a static one.
  void* symbol(const std::string& name) const;

  explicit operator bool() const { return code_ != nullptr; }
  const std::shared_ptr<LoadedCode>& code() const { return code_; }

 private:
  std::shared_ptr<LoadedCode> code_;
};

// From now on nothing is unloaded, whatever becomes of its handles: the process is about to end.
// Python calls it at exit, because what it then destroys last may be functions of a program.
void stop_unloading();

}  // namespace engineroom::jit
