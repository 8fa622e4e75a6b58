// What is assigned to, deleted, or bound by a loop.
#include "syntax/parser.h"

namespace engineroom::syntax {
namespace {

// What an expression is called in a message about assigning to it; empty if it may be assigned to.
std::string_view unassignable(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kName:
    case ExprKind::kAttribute:
    case ExprKind::kSubscript:
    case ExprKind::kError:
    // Of C++: dereference(p) = 1.
    case ExprKind::kCall:
    case ExprKind::kTuple:
    case ExprKind::kList:
    case ExprKind::kStarred:
      return "";
    case ExprKind::kNone:
      return "None";
    case ExprKind::kTrue:
      return "True";
    case ExprKind::kFalse:
      return "False";
    case ExprKind::kNull:
      return "NULL";
    case ExprKind::kEllipsis:
      return "'...'";
    case ExprKind::kInt:
    case ExprKind::kFloat:
    case ExprKind::kImaginary:
      return "a number";
    case ExprKind::kStr:
    case ExprKind::kJoinedStr:
    case ExprKind::kTemplateStr:
      return "a string";
    case ExprKind::kCompare:
      return "a comparison";
    case ExprKind::kIfExp:
      return "a conditional expression";
    case ExprKind::kNamedExpr:
      return "an assignment expression";
    case ExprKind::kLambda:
      return "a lambda";
    case ExprKind::kSet:
    case ExprKind::kDict:
      return "a set or dict";
    case ExprKind::kListComp:
    case ExprKind::kSetComp:
    case ExprKind::kDictComp:
    case ExprKind::kGeneratorExp:
      return "a comprehension";
    case ExprKind::kYield:
    case ExprKind::kYieldFrom:
    case ExprKind::kAwait:
      return "a yield or await";
    case ExprKind::kCast:
      return "a cast";
    default:
      return "the result of an operator";
  }
}

}  // namespace

// What stands between `for` and `in`: operators that bind looser than `|` would swallow the `in`.
const Expr* Parser::parse_target_list() {
  const std::size_t first = index_;
  const auto parse_one = [&]() -> const Expr* {
    const std::size_t start = index_;
    if (!accept(Tok::kStar)) return parse_binary();
    Starred* expr = make<Starred>(here());
    expr->value = parse_binary();
    expr->range = range_from(start);
    return done(expr);
  };
  const Expr* expr = parse_one();
  if (at(Tok::kComma)) {
    Exprs items{expr};
    while (accept(Tok::kComma) && at_expression_start()) items.push_back(parse_one());
    Tuple* tuple = make<Tuple>(range_from(first));
    tuple->elts = arena_.list(items);
    expr = done(tuple);
  }
  return expr;
}

void Parser::check_target(const Expr& expr, std::string_view verb) {
  List<const Expr*> parts;
  if (const Tuple* tuple = try_as<Tuple>(&expr)) parts = tuple->elts;
  if (const ListExpr* list = try_as<ListExpr>(&expr)) parts = list->elts;
  for (const Expr* part : parts) check_target(*part, verb);
  if (const Starred* starred = try_as<Starred>(&expr)) check_target(*starred->value, verb);

  const std::string_view what = unassignable(expr);
  if (what.empty()) return;
  const Diagnostics::Added added =
      complain("bad-target", expr.range, std::string(what) + " cannot be " + std::string(verb));
  if (expr.kind == ExprKind::kCompare) added.hint("did you mean to compare? That is '=='");
}

}  // namespace engineroom::syntax
