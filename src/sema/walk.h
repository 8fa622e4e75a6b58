// sema/walk.h — every expression of a function's own inside an expression.
#pragma once

#include "syntax/children.h"

namespace engineroom::sema {

// Calls `see` with the expression and all inside it; not with what is inside lambdas, whose names
// are their own. Null is none.
template <typename See>
void walk(const syntax::Expr* e, const See& see) {
  if (e == nullptr) return;
  see(*e);
  if (e->kind == syntax::ExprKind::kLambda) return;
  syntax::for_each_child(*e, [&see](const syntax::Expr& child) { walk(&child, see); });
}

}  // namespace engineroom::sema
