// races/patterns.h — shapes of expressions and statements that mean something to parallel loops.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "races/record.h"
#include "tree/module.h"

namespace engineroom::races {

// Without conversions between numbers.
const tree::Expr& bare(const tree::Expr& expr);
// The variable, if that is all there is.
const tree::Variable* variable_of(const tree::Expr& expr);
bool mentions(const tree::Expr& expr, const tree::Variable& variable);

// The variable at the bottom of x[…].y, &x[…], x + 1; null if there is none.
const tree::Variable* root_of(const tree::Expr& expr);

// x = x + …, x = max(x, …): the reduction that it is of `variable`.
std::optional<Update> update_of(const tree::Variable& variable, const tree::Expr& value);
// x = x / …: "/"; null if it is none.
const char* in_place_operator(const tree::Variable& variable, const tree::Expr& value);

// `if value > x: x = value`, and perhaps other variables.
std::optional<Extreme> extreme_of(const tree::If& stmt);

// The first `break` that leaves the loop with this body; null if there is none.
const tree::Stmt* break_of(const tree::Block& body);

bool are_same(const tree::Expr& a, const tree::Expr& b);
// 3, -1; null of anything else.
std::optional<std::int64_t> integer_of(const tree::Expr& expr);

}  // namespace engineroom::races
