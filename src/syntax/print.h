// syntax/print.h — the syntax tree as indented text, for people and for tests.
//
// Each node is a line: its name, then its plain fields; nodes in it follow, indented by two blanks.
// Lists of nodes are named by their field. Operators and leaves stand on one line where that reads
// well: expressions are printed fully parenthesised.
//
//   FunctionDef square
//     params: int x
//     body:
//       Return (x * x)
#pragma once

#include <string>

#include "syntax/tree.h"

namespace engineroom::syntax {

std::string print(const Module& module);
// On one line.
std::string print(const Expr& expr);
std::string print(const CType& type);
std::string print(const Pattern& pattern);

}  // namespace engineroom::syntax
