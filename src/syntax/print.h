// syntax/print.h — the syntax tree as indented text, for people and for tests.
//
// A statement is a line with its kind and its short parts; the statements in it follow, indented by
// two blanks, each list under its name. Expressions, types and patterns stand on one line, fully
// parenthesised, types the right way round:
//
//   FunctionDef square (int x)
//     body:
//       Return (x * x)
//   CVarDef
//     p: pointer(char) = NULL
#pragma once

#include <string>

#include "syntax/tree.h"

namespace engineroom::syntax {

std::string print(const Module& module);
std::string print(const Stmt& stmt);
std::string print(const Expr& expr);
std::string print(const CType& type);
std::string print(const Pattern& pattern);
std::string print(const Params& params);

}  // namespace engineroom::syntax
