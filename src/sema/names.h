// sema/names.h — names as text: which ones a module binds, which ones Python has anyway, and what
// somebody may have meant who wrote one that there is not.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "syntax/tree.h"

namespace engineroom::sema {

// The names that the text of a module gives to its namespace.
struct ModuleNames {
  // Assigned, imported or defined at its top, whatever the condition.
  std::set<std::string_view> bound;
  // Declared in C, or cimported.
  std::set<std::string_view> declared;
  // Declared `global` in a function, or changed by `x += 1`: they may be somebody else's.
  std::set<std::string_view> rebound;
  // `from m import *`: there may be any other, too.
  bool is_open = false;

  bool binds(std::string_view name) const {
    return bound.contains(name) || declared.contains(name);
  }
};

// The statements that an `include` stands for; null if there are none to be had.
using Included = std::function<const syntax::Block*(const syntax::Stmt&)>;

// The result's texts are those of the tree. Without `included`, or where it has nothing, an include
// may bring any name.
ModuleNames names_bound_by(const syntax::Module& module, const Included& included = nullptr);

// Names that are there without being bound: Python's builtins, of any version that we run on, and
// what each module has.
bool is_builtin_name(std::string_view name);
const std::vector<std::string_view>& builtin_names();

// Python 2's name of a builtin, which Cython knows at every level: unicode → str; else empty.
std::string_view renamed_builtin(std::string_view name);

// The candidate that is spelled most like the name, the earliest of equals; empty if none is near.
std::string_view closest_name(std::string_view name,
                              const std::vector<std::string_view>& candidates);

// What people write at the top to have it: np → "import numpy as np"; empty if it is not that
// common.
std::string_view usual_import(std::string_view name);

// The C names that a statement declares itself, cimports aside.
std::vector<std::string_view> declared_names(const syntax::Stmt& stmt);

// Calls `see` with each name that a target assigns to.
void for_each_target_name(const syntax::Expr& target,
                          const std::function<void(std::string_view)>& see);

// And with each that an expression binds in what is around it, leaving aside what is inside it: by
// `:=`, or as a variable of a list comprehension at level 2.
void for_each_bound_name(const syntax::Expr& expr,
                         const std::function<void(std::string_view)>& see);

// And with each that a pattern of `match` does; a null pattern has none.
void for_each_pattern_name(const syntax::Pattern* pattern,
                           const std::function<void(std::string_view)>& see);

}  // namespace engineroom::sema
