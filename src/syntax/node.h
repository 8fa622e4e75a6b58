// syntax/node.h — what all nodes of the syntax tree have in common.
//
// There are four families: Expr, Stmt, CType and Pattern. Each has a closed enum of kinds, and one
// plain struct per kind that derives from the family's base. Later stages switch over the kind and
// use as<T>():
//
//   switch (expr.kind) {
//     case ExprKind::kName: return check_name(as<Name>(expr));
//     ...
//   }
//
// Nodes are written by the parser and never changed afterwards. They belong to the arena of their
// Tree; texts in them lie there too, or in the Source.
#pragma once

#include <cassert>
#include <string_view>

#include "syntax/arena.h"
#include "syntax/source.h"

namespace engineroom::syntax {

struct Expr;
struct Stmt;
struct CType;
struct Pattern;
struct Params;

// A name as it was written, and where. `text` is empty if there is none.
struct Identifier {
  std::string_view text;
  SourceRange range;

  bool empty() const { return text.empty(); }
};

// Checked downcasts within a family. `T` is a node struct, with its kind in T::kKind.
template <typename T, typename Base>
const T& as(const Base& node) {
  assert(node.kind == T::kKind);
  return static_cast<const T&>(node);
}
template <typename T, typename Base>
const T* try_as(const Base* node) {
  return node != nullptr && node->kind == T::kKind ? static_cast<const T*>(node) : nullptr;
}

}  // namespace engineroom::syntax
