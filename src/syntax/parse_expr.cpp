// Expressions: operators, access, calls. What they are made of is in parse_atom.cpp.
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

// ---- what follows an atom ----

const Expr* Parser::parse_postfix(const Expr* expr, std::size_t first) {
  for (;;) {
    switch (kind()) {
      case Tok::kDot: {
        next();
        const Identifier name = read_attribute_name();
        Attribute* attribute = make<Attribute>(range_from(first));
        attribute->value = expr;
        attribute->attr = name;
        expr = done(attribute);
        break;
      }
      case Tok::kLParen: {
        Exprs args;
        std::vector<Keyword> keywords;
        parse_arguments(args, keywords);
        Call* call = make<Call>(range_from(first));
        call->func = expr;
        call->args = arena_.list(args);
        call->keywords = arena_.list(keywords);
        expr = done(call);
        break;
      }
      case Tok::kLBracket:
        expr = parse_subscript(expr, first);
        break;
      default:
        return expr;
    }
  }
}

// `as` is one, too: see parse_declared_name().
Identifier Parser::read_attribute_name() {
  if (!at(Tok::kAs) || is_py()) return read_identifier("the name of an attribute");
  const Identifier name{token_text(), here()};
  next();
  return name;
}

// "(" ... ")"
void Parser::parse_arguments(Exprs& args, std::vector<Keyword>& keywords) {
  next();
  while (!at(Tok::kRParen) && !failed_) {
    parse_argument(args, keywords);
    if (!accept(Tok::kComma)) break;
  }
  if (accept(Tok::kRParen)) return;
  if (at_expression_start()) {
    fail_here("missing-comma", "expected ',' or ')' in the arguments, found " + describe_token())
        .hint("is a comma missing?");
    return;
  }
  expect(Tok::kRParen, "after the arguments");
}

void Parser::parse_argument(Exprs& args, std::vector<Keyword>& keywords) {
  const std::size_t first = index_;
  if (at(Tok::kName) && peek() == Tok::kEqual) {
    Keyword keyword;
    keyword.name = read_identifier("a name");
    next();
    for (const Keyword& other : keywords) {
      if (other.name.text == keyword.name.text && !keyword.name.empty()) {
        complain("repeated-argument", keyword.name.range,
                 "the argument " + in_quotes(keyword.name.text) + " is given twice");
      }
    }
    keyword.value = parse_test();
    keywords.push_back(keyword);
    return;
  }
  if (accept(Tok::kDoubleStar)) {
    keywords.push_back({{}, parse_test()});
    return;
  }
  if (accept(Tok::kStar)) {
    Starred* starred = make<Starred>(here());
    starred->value = parse_test();
    starred->range = range_from(first);
    args.push_back(done(starred));
    if (at_comprehension()) {
      // f(*x for x in y), PEP 798
      GeneratorExp* expr = make<GeneratorExp>(here());
      expr->elt = args.back();
      expr->generators = parse_comprehension();
      expr->range = range_from(first);
      args.back() = done(expr);
    }
    return;
  }
  if (is_surely_type(index_)) {
    TypeExpr* type = make<TypeExpr>(here());
    type->type = parse_type();
    type->range = range_from(first);
    args.push_back(done(type));
    return;
  }
  const Expr* arg = parse_named_test();
  if (at_comprehension()) {
    GeneratorExp* expr = make<GeneratorExp>(here());
    expr->elt = arg;
    expr->generators = parse_comprehension();
    expr->range = range_from(first);
    arg = done(expr);
  } else if (at(Tok::kEqual)) {
    fail("bad-keyword", arg->range, "the name of an argument must be a plain name")
        .hint("did you mean '=='?");
    return;
  }
  if (!keywords.empty()) {
    complain("positional-after-keyword", arg->range,
             "a positional argument follows a keyword argument")
        .hint("give it before 'name=value'");
  }
  args.push_back(arg);
}

const Expr* Parser::parse_subscript(const Expr* value, std::size_t first) {
  next();
  const std::size_t list_first = index_;
  Exprs items;
  bool is_tuple = false;
  while (!at(Tok::kRBracket) && !failed_) {
    items.push_back(parse_index());
    if (!accept(Tok::kComma)) break;
    is_tuple = true;
  }
  if (items.empty()) fail_expected("an index");
  // x[*args] is a tuple, too.
  if (items.size() == 1 && items[0]->kind == ExprKind::kStarred) is_tuple = true;
  const Expr* slice = items.empty() ? error_expr() : items[0];
  if (is_tuple) {
    Tuple* tuple = make<Tuple>(range_from(list_first));
    tuple->elts = arena_.list(items);
    slice = done(tuple);
  }
  expect(Tok::kRBracket, "after the index");
  Subscript* expr = make<Subscript>(range_from(first));
  expr->value = value;
  expr->slice = slice;
  return done(expr);
}

const Expr* Parser::parse_index() {
  const std::size_t first = index_;
  if (at(Tok::kColon)) return parse_slice(nullptr, first);
  if (at(Tok::kStar)) return parse_star_or_test();
  if (is_surely_type(index_)) {
    TypeExpr* type = make<TypeExpr>(here());
    type->type = parse_type();
    type->range = range_from(first);
    return done(type);
  }
  const Expr* expr = parse_named_test();
  return at(Tok::kColon) ? parse_slice(expr, first) : expr;
}

const Expr* Parser::parse_slice(const Expr* lower, std::size_t first) {
  const auto ends = [&] { return at(Tok::kColon) || at(Tok::kComma) || at(Tok::kRBracket); };
  next();
  Slice* slice = make<Slice>(here());
  slice->lower = lower;
  if (!ends()) slice->upper = parse_test();
  if (accept(Tok::kColon) && !ends()) slice->step = parse_test();
  slice->range = range_from(first);
  return done(slice);
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
