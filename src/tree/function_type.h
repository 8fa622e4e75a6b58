// tree/function_type.h — what is called: a function, or what a pointer points to.
#pragma once

#include "tree/expr.h"

namespace engineroom::tree {

// REQUIRES: the type of `callee` is kFunction, or a pointer to one.
inline const Type& function_type(const Expr& callee) {
  return callee.type->kind == TypeKind::kFunction ? *callee.type : *callee.type->base;
}

}  // namespace engineroom::tree
