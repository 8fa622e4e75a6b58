// Expressions: operators, lists, lambda, yield. What operators stand between is in parse_atom.cpp
// and parse_postfix.cpp.
#include <algorithm>

#include "syntax/parser.h"

namespace engineroom::syntax {
namespace {

struct BinaryOperator {
  Operator op;
  int precedence;  // higher binds tighter; 0: none
};

BinaryOperator binary_operator(Tok kind) {
  switch (kind) {
    case Tok::kPipe:
      return {Operator::kBitOr, 1};
    case Tok::kCaret:
      return {Operator::kBitXor, 2};
    case Tok::kAmper:
      return {Operator::kBitAnd, 3};
    case Tok::kLeftShift:
      return {Operator::kLShift, 4};
    case Tok::kRightShift:
      return {Operator::kRShift, 4};
    case Tok::kPlus:
      return {Operator::kAdd, 5};
    case Tok::kMinus:
      return {Operator::kSub, 5};
    case Tok::kStar:
      return {Operator::kMult, 6};
    case Tok::kSlash:
      return {Operator::kDiv, 6};
    case Tok::kDoubleSlash:
      return {Operator::kFloorDiv, 6};
    case Tok::kPercent:
      return {Operator::kMod, 6};
    case Tok::kAt:
      return {Operator::kMatMult, 6};
    default:
      return {Operator::kAdd, 0};
  }
}

}  // namespace

// ---- the levels of binding, loosest first ----

// test: or_test ['if' or_test 'else' test] | lambda
const Expr* Parser::parse_test() {
  const Nesting nesting(*this);
  if (!nesting.ok()) return error_expr();
  const std::size_t first = index_;
  if (at(Tok::kLambda)) return parse_lambda();
  const Expr* body = parse_or();
  if (!accept(Tok::kIf)) return body;
  const Expr* condition = parse_or();
  if (!at(Tok::kElse)) {
    fail_expected("'else' to complete the conditional expression")
        .hint("write 'a if condition else b'");
    return error_expr();
  }
  next();
  const Expr* orelse = parse_test();
  IfExp* expr = make<IfExp>(range_from(first));
  expr->test = condition;
  expr->body = body;
  expr->orelse = orelse;
  return done(expr);
}

// test, or name := test
const Expr* Parser::parse_named_test() {
  if (!at(Tok::kName) || peek() != Tok::kColonEqual) {
    const Expr* expr = parse_test();
    if (at(Tok::kColonEqual)) {
      fail("bad-walrus-target", expr->range, "':=' can only assign to a plain name");
    }
    return expr;
  }
  const std::size_t first = index_;
  Name* target = make<Name>(here());
  target->id = token_text();
  next();
  next();
  NamedExpr* expr = make<NamedExpr>(here());
  expr->target = target;
  expr->value = parse_test();
  expr->range = range_from(first);
  return done(expr);
}

const Expr* Parser::parse_or() {
  const std::size_t first = index_;
  const Expr* left = parse_and();
  if (!at(Tok::kOr)) return left;
  Exprs values{left};
  while (accept(Tok::kOr)) values.push_back(parse_and());
  BoolOp* expr = make<BoolOp>(range_from(first));
  expr->op = BoolOperator::kOr;
  expr->values = arena_.list(values);
  return done(expr);
}

const Expr* Parser::parse_and() {
  const std::size_t first = index_;
  const Expr* left = parse_not();
  if (!at(Tok::kAnd)) return left;
  Exprs values{left};
  while (accept(Tok::kAnd)) values.push_back(parse_not());
  BoolOp* expr = make<BoolOp>(range_from(first));
  expr->op = BoolOperator::kAnd;
  expr->values = arena_.list(values);
  return done(expr);
}

const Expr* Parser::parse_not() {
  const std::size_t first = index_;
  if (!accept(Tok::kNot)) return parse_comparison();
  const Nesting nesting(*this);
  if (!nesting.ok()) return error_expr();
  UnaryOp* expr = make<UnaryOp>(here());
  expr->op = UnaryOperator::kNot;
  expr->operand = parse_not();
  expr->range = range_from(first);
  return done(expr);
}

const Expr* Parser::parse_comparison() {
  const std::size_t first = index_;
  const Expr* left = parse_binary();
  std::vector<Comparison> rest;
  for (;;) {
    const std::size_t op_first = index_;
    const std::optional<CompareOperator> op = accept_comparison();
    if (!op) break;
    Comparison comparison;
    comparison.op = *op;
    comparison.op_range = range_from(op_first);
    comparison.right = parse_binary();
    rest.push_back(comparison);
  }
  if (rest.empty()) return left;
  Compare* expr = make<Compare>(range_from(first));
  expr->left = left;
  expr->rest = arena_.list(rest);
  return done(expr);
}

std::optional<CompareOperator> Parser::accept_comparison() {
  CompareOperator op{};
  switch (kind()) {
    case Tok::kEqualEqual:
      op = CompareOperator::kEq;
      break;
    case Tok::kNotEqual:
      op = CompareOperator::kNotEq;
      break;
    case Tok::kLessGreater:
      if (!is_level2()) {
        complain_old("old-operator", here(), "'<>' is an operator of Python 2").hint("write '!='");
      }
      op = CompareOperator::kNotEq;
      break;
    case Tok::kLess:
      op = CompareOperator::kLt;
      break;
    case Tok::kLessEqual:
      op = CompareOperator::kLtE;
      break;
    case Tok::kGreater:
      op = CompareOperator::kGt;
      break;
    case Tok::kGreaterEqual:
      op = CompareOperator::kGtE;
      break;
    case Tok::kIn:
      op = CompareOperator::kIn;
      break;
    case Tok::kIs:
      next();
      return accept(Tok::kNot) ? CompareOperator::kIsNot : CompareOperator::kIs;
    case Tok::kNot:
      if (peek() != Tok::kIn) return std::nullopt;
      next();
      op = CompareOperator::kNotIn;
      break;
    default:
      return std::nullopt;
  }
  next();
  return op;
}

// All the left-associative operators, by climbing precedences.
const Expr* Parser::parse_binary(int min_precedence) {
  const std::size_t first = index_;
  const Expr* left = parse_unary();
  for (;;) {
    const BinaryOperator op = binary_operator(kind());
    if (op.precedence == 0 || op.precedence <= min_precedence) break;
    const SourceRange op_range = here();
    next();
    const Expr* right = parse_binary(op.precedence);
    BinOp* expr = make<BinOp>(range_from(first));
    expr->op = op.op;
    expr->op_range = op_range;
    expr->left = left;
    expr->right = right;
    left = done(expr);
  }
  if (min_precedence == 0 && (at(Tok::kDoubleAmper) || at(Tok::kDoublePipe))) {
    const bool is_and = at(Tok::kDoubleAmper);
    fail_here("c-operator", std::string("'") + (is_and ? "&&" : "||") + "' is not an operator here")
        .hint(is_and ? "write 'and'" : "write 'or'");
  }
  return left;
}

const Expr* Parser::parse_unary() {
  switch (kind()) {
    case Tok::kPlus:
    case Tok::kMinus:
    case Tok::kTilde:
      break;
    case Tok::kAmper:
    case Tok::kLess:
      if (is_py()) return parse_power();
      break;
    default:
      return parse_power();
  }
  const Nesting nesting(*this);
  if (!nesting.ok()) return error_expr();
  return parse_prefixed(index_);
}

const Expr* Parser::parse_prefixed(std::size_t first) {
  const Tok op = kind();
  if (op == Tok::kLess) return parse_cast();
  next();
  const Expr* operand = parse_unary();
  if (op == Tok::kAmper) {
    AddressOf* expr = make<AddressOf>(range_from(first));
    expr->value = operand;
    return done(expr);
  }
  UnaryOp* expr = make<UnaryOp>(range_from(first));
  expr->op = op == Tok::kPlus    ? UnaryOperator::kPlus
             : op == Tok::kMinus ? UnaryOperator::kMinus
                                 : UnaryOperator::kInvert;
  expr->operand = operand;
  return done(expr);
}

// Is `await` here the keyword? Outside of `async def` it may be a name, as in old code.
bool Parser::at_await() const {
  if (!at_word("await")) return false;
  if (in_async_) return true;
  switch (peek()) {
    case Tok::kName:
    case Tok::kNumber:
    case Tok::kString:
    case Tok::kFStringStart:
    case Tok::kLBrace:
      return true;
    default:
      return false;
  }
}

const Expr* Parser::parse_power() {
  const std::size_t first = index_;
  const Expr* base = nullptr;
  if (at_await()) {
    next();
    const Nesting nesting(*this);
    if (!nesting.ok()) return error_expr();
    Await* expr = make<Await>(here());
    const std::size_t operand = index_;
    expr->value = parse_postfix(parse_atom(), operand);
    expr->range = range_from(first);
    base = done(expr);
  } else if (at_word("new") && peek() == Tok::kName && !is_py()) {
    base = parse_postfix(parse_new(), first);
  } else {
    base = parse_postfix(parse_atom(), first);
  }
  if (!at(Tok::kDoubleStar)) return base;

  const Nesting nesting(*this);
  if (!nesting.ok()) return error_expr();
  const SourceRange op_range = here();
  next();
  const Expr* exponent = parse_unary();
  BinOp* expr = make<BinOp>(range_from(first));
  expr->op = Operator::kPow;
  expr->op_range = op_range;
  expr->left = base;
  expr->right = exponent;
  return done(expr);
}

// ---- lists without brackets ----

bool Parser::at_expression_start() const {
  switch (kind()) {
    case Tok::kName:
    case Tok::kNumber:
    case Tok::kString:
    case Tok::kFStringStart:
    case Tok::kLParen:
    case Tok::kLBracket:
    case Tok::kLBrace:
    case Tok::kEllipsis:
    case Tok::kMinus:
    case Tok::kPlus:
    case Tok::kTilde:
    case Tok::kNot:
    case Tok::kLambda:
    case Tok::kStar:
    case Tok::kYield:
    case Tok::kError:
      return true;
    case Tok::kAmper:
    case Tok::kLess:
      return !is_py();
    case Tok::kBackquote:
      return is_level2();
    default:
      return false;
  }
}

const Expr* Parser::parse_star_or_test() {
  const std::size_t first = index_;
  if (!accept(Tok::kStar)) return parse_named_test();
  Starred* expr = make<Starred>(here());
  expr->value = parse_binary();
  expr->range = range_from(first);
  return done(expr);
}

const Expr* Parser::parse_star_list() {
  const std::size_t first = index_;
  const Expr* expr = parse_star_or_test();
  if (!at(Tok::kComma)) return expr;
  Exprs items{expr};
  while (accept(Tok::kComma) && at_expression_start()) items.push_back(parse_star_or_test());
  Tuple* tuple = make<Tuple>(range_from(first));
  tuple->elts = arena_.list(items);
  return done(tuple);
}

const Expr* Parser::parse_star_list_or_yield() {
  return at(Tok::kYield) ? parse_yield() : parse_star_list();
}

// ---- lambda, yield ----

const Expr* Parser::parse_lambda() {
  const std::size_t first = index_;
  next();
  const Params* params = parse_params(Tok::kColon, /*annotated=*/false);
  expect(Tok::kColon, "after the parameters of the lambda");
  Lambda* expr = make<Lambda>(here());
  expr->params = params;
  expr->body = parse_test();
  expr->range = range_from(first);
  return done(expr);
}

const Expr* Parser::parse_yield() {
  const std::size_t first = index_;
  next();
  if (accept(Tok::kFrom)) {
    YieldFrom* expr = make<YieldFrom>(here());
    expr->value = parse_test();
    expr->range = range_from(first);
    return done(expr);
  }
  Yield* expr = make<Yield>(here());
  if (at_expression_start()) expr->value = parse_star_list();
  expr->range = range_from(first);
  return done(expr);
}

// ---- Cython's operators ----

// <type>value, <type?>value
const Expr* Parser::parse_cast() {
  const std::size_t first = index_;
  next();
  Cast* expr = make<Cast>(here());
  expr->type = parse_type();
  expr->checked = accept(Tok::kQuestion);
  expect(Tok::kGreater, "after the type of the cast");
  expr->value = parse_unary();
  expr->range = range_from(first);
  return done(expr);
}

// sizeof(type) or sizeof(expression); `sizeof` and the parenthesis are there.
const Expr* Parser::parse_sizeof() {
  const std::size_t first = index_;
  next();
  next();
  SizeOf* expr = make<SizeOf>(here());
  const std::size_t operand_first = index_;
  if (is_surely_type(index_) || at_base_word()) {
    TypeExpr* type = make<TypeExpr>(here());
    type->type = parse_type();
    type->range = range_from(operand_first);
    expr->operand = done(type);
  } else {
    expr->operand = parse_test();
  }
  expect(Tok::kRParen, "after the operand of sizeof");
  expr->range = range_from(first);
  return done(expr);
}

// new type(args)
const Expr* Parser::parse_new() {
  const std::size_t first = index_;
  next();
  New* expr = make<New>(here());
  expr->type = parse_base_type(/*nonempty=*/false);
  if (!at(Tok::kLParen)) {
    fail_expected("'(' after the type to be made").hint("write 'new T()'");
    return error_expr();
  }
  Exprs args;
  std::vector<Keyword> keywords;
  parse_arguments(args, keywords);
  expr->args = arena_.list(args);
  expr->keywords = arena_.list(keywords);
  expr->range = range_from(first);
  return done(expr);
}

}  // namespace engineroom::syntax
