// sema/compile_time.h — expressions that DEF and IF evaluate while compiling.
//
//   DEF SIZE = 4 * 16
//   IF UNAME_SYSNAME == "Linux" and SIZE > 32: ...
//
// Integers (of 128 bits), floats, truths, texts, None and tuples, the operators on them, and a few
// builtins. What else Python could compute is refused.
#pragma once

#include <functional>
#include <string_view>

#include "syntax/arena.h"
#include "syntax/expr.h"

namespace engineroom::sema {

// The value as an expression made of literals, in the arena; null if it cannot be computed here.
// `find` knows names that were defined: an expression made of literals, or null.
const syntax::Expr* evaluate(const syntax::Expr& expr,
                             const std::function<const syntax::Expr*(std::string_view)>& find,
                             syntax::Arena& arena);

// A text as a literal.
const syntax::Expr* text_literal(std::string_view text, syntax::SourceRange range,
                                 syntax::Arena& arena);

// Is a literal that evaluate() made true?
bool is_true(const syntax::Expr& literal);

}  // namespace engineroom::sema
