// jit/code_generator.h — LLVM IR to machine code for this processor.
//
// Optimization 2 has passes of our own choice, the other levels have Clang's; the target's
// machinery is made once instead of per job.
//
// Threads: one at a time.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/status.h"
#include "jit/front_end.h"

namespace llvm {
class TargetMachine;
}  // namespace llvm

namespace engineroom::jit {

class CodeGenerator {
 public:
  CodeGenerator();
  ~CodeGenerator();

  // First of all: makes one function of the constructors of static objects (kInitSymbol).
  // `level`: 0 to 3.
  Status optimize(Unit& unit, int level);
  // An ELF object. The module is used up.
  Result<std::string> object(Unit& unit, int level);
  // The same as text, from a copy of the module.
  Result<std::string> assembly(const Unit& unit, int level);
  std::string ir(const Unit& unit) const;
  // What `optimize` does at a level, as far as we say and not LLVM: another text makes other code.
  static const char* passes(int level);

 private:
  Result<llvm::TargetMachine*> machine(int level);

  std::array<std::unique_ptr<llvm::TargetMachine>, 4> machines_;  // by level, made when needed
};

}  // namespace engineroom::jit
