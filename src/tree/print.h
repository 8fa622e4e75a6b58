// tree/print.h — the typed tree as text, for er.explain(stage="types") and tests.
//
//   def square(x: object)
//     return er::multiply(x, x) : object
//   cdef double step(double x) except? -1
//     local n: int
//     n = <int>x : int
//
// Names are as written; C++ names where the compiler made them. What follows a colon is a type; `!`
// after a call says that it can fail.
#pragma once

#include <string>

#include "tree/module.h"

namespace engineroom::tree {

std::string print(const Module& module);
std::string print(const Function& function);
std::string print(const Expr& expr);

}  // namespace engineroom::tree
