// What follows an atom: attributes, calls, subscripts.
#include "syntax/parser.h"

namespace engineroom::syntax {

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

}  // namespace engineroom::syntax
