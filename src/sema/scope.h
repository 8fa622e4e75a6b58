// sema/scope.h — names and what they stand for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "syntax/source.h"
#include "syntax/stmt.h"
#include "tree/module.h"

namespace engineroom::sema {

struct Scope;

enum class SymbolKind {
  kPython,    // an ordinary name of the module: looked up when the code runs
  kVariable,  // of C, or a local
  kFunction,  // of C
  kType,
  kConstant,  // a C++ expression: items of enums, extern names that are no variables
  kModule,    // cimported
  kCython,    // the module `cython` itself, or something in it
  kError,     // its declaration was refused; nothing more is said about it
};

// Where a name comes from, if not from the module's own text.
struct Origin {
  // cimported: from there, under that name ("" for the module itself).
  std::string pxd;
  std::string name;
  // Declared by an earlier module of the session.
  std::shared_ptr<const tree::Declarations> earlier;
};

struct Symbol {
  SymbolKind kind = SymbolKind::kPython;
  syntax::SourceRange range;
  const tree::Type* type = nullptr;    // kVariable, kFunction (the function type), kType, kConstant
  tree::Variable* variable = nullptr;  // kVariable
  std::string cpp;                     // kFunction, kConstant
  std::shared_ptr<Scope> scope;        // kModule
  std::string name;                    // kCython: "" or "boundscheck"; the name as declared
  // Python knows it too: cpdef; a cimported module that is imported as well.
  bool is_also_python = false;
  // kFunction: the definition in a .pxd, which is compiled if it is used.
  const syntax::CFuncDef* definition = nullptr;
  Scope* home = nullptr;   // of the .pxd that declares it
  bool is_extern = false;  // kFunction: a header defines it
  // kFunction, kVariable: another compiled module defines it.
  std::shared_ptr<const tree::LentName> lent;
  std::string c_spelling;  // kType: how Cython's C code calls it, if it has a name of its own there
  Origin origin;
};

struct Scope {
  std::map<std::string, Symbol, std::less<>> names;
  // Of a .pxd: names of what is not supported yet, and what that is; they may be used nowhere.
  std::map<std::string, std::string, std::less<>> unsupported;
  std::string module;  // of Python; what the names in it are mangled with

  Symbol* find(std::string_view name) {
    const auto found = names.find(name);
    return found == names.end() ? nullptr : &found->second;
  }
};

}  // namespace engineroom::sema
