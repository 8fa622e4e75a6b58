// Atoms: names, numbers, and what is in brackets. Strings are in parse_string.cpp.
#include <charconv>
#include <cmath>
#include <string>

#include "syntax/parser.h"

namespace engineroom::syntax {
namespace {

std::string without_underscores(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '_') out += c;
  }
  return out;
}

double to_double(const std::string& digits) {
  double value = 0;
  const char* end = digits.data() + digits.size();
  const std::from_chars_result result = std::from_chars(digits.data(), end, value);
  // Beyond the range from_chars leaves the value alone; Python has inf and 0 there.
  if (result.ec == std::errc::result_out_of_range) {
    const bool has_exponent = digits.find_first_of("eE") != std::string::npos;
    const bool is_small =
        has_exponent ? digits.find('-') != std::string::npos : digits[0] == '0' || digits[0] == '.';
    value = is_small ? 0.0 : HUGE_VAL;
  }
  return value;
}

}  // namespace

const Expr* Parser::parse_atom() {
  switch (kind()) {
    case Tok::kName:
      return parse_name();
    case Tok::kNumber:
      return parse_number();
    case Tok::kString:
    case Tok::kFStringStart:
      return parse_strings();
    case Tok::kLParen:
      return parse_paren();
    case Tok::kLBracket:
      return parse_list();
    case Tok::kLBrace:
      return parse_brace();
    case Tok::kEllipsis:
      next();
      return make<EllipsisLiteral>(range_at(index_ - 1));
    case Tok::kBackquote:
      return parse_repr();
    default:
      break;
  }
  const bool is_first = !failed_;
  if (is_keyword(kind())) {
    fail_here("unexpected-keyword",
              "expected an expression, found the keyword " + in_quotes(token_text()));
  } else {
    const bool is_assignment = at(Tok::kEqual);
    std::string hint = is_assignment ? "'=' assigns; to compare, write '=='" : hint_for_increment();
    const Diagnostics::Added added = fail_expected("an expression");
    if (is_first) added.hint(std::move(hint));
  }
  return error_expr();
}

const Expr* Parser::parse_name() {
  const std::string_view text = token_text();
  const SourceRange range = here();
  if (text == "sizeof" && peek() == Tok::kLParen && !is_py()) return parse_sizeof();
  next();
  if (text == "None") return make<NoneLiteral>(range);
  if (text == "True") return make<TrueLiteral>(range);
  if (text == "False") return make<FalseLiteral>(range);
  if (text == "NULL" && !is_py()) return make<NullLiteral>(range);
  Name* name = make<Name>(range);
  name->id = text;
  return name;
}

const Expr* Parser::parse_number() {
  const SourceRange range = here();
  std::string_view text = token_text();
  next();
  const char second = text.size() > 1 && text[0] == '0' ? static_cast<char>(text[1] | 0x20) : '\0';
  const bool has_prefix = second == 'x' || second == 'o' || second == 'b';
  const char prefix = has_prefix ? second : '\0';
  const bool is_hex = prefix == 'x';

  std::size_t end = text.size();
  while (end > 0 && std::string_view("uUlLjJ").find(text[end - 1]) != std::string_view::npos) --end;
  const std::string_view suffix = text.substr(end);
  text = text.substr(0, end);
  const std::string digits = without_underscores(text);
  const bool is_float = !has_prefix && digits.find_first_of(".eE") != std::string::npos;

  if (suffix == "j" || suffix == "J") {
    Imaginary* number = make<Imaginary>(range);
    number->digits = arena_.text(digits);
    number->value = to_double(digits);
    return number;
  }
  if (is_float && suffix.empty()) {
    Float* number = make<Float>(range);
    number->digits = arena_.text(digits);
    number->value = to_double(digits);
    return number;
  }

  Int* number = make<Int>(range);
  for (const char c : suffix) {
    if (c == 'u' || c == 'U') {
      number->unsigned_suffix = true;
    } else if (c == 'l' || c == 'L') {
      ++number->long_suffix;
    }
  }
  const bool bad_suffix = suffix.find_first_of("jJ") != std::string_view::npos || is_float ||
                          number->long_suffix > 2 || suffix.size() > 3 ||
                          (is_py() && !suffix.empty() && !(is_level2() && suffix.size() == 1));
  if (bad_suffix) {
    complain("bad-number", range, "a number cannot end with " + in_quotes(suffix));
    return number;
  }

  std::string value = digits;
  if (has_prefix) {
    number->base = is_hex ? 16 : prefix == 'o' ? 8 : 2;

    value.erase(0, 2);
  } else if (digits.size() > 1 && digits[0] == '0' &&
             digits.find_first_not_of('0') != std::string::npos) {
    if (!is_level2()) {
      complain_old("old-octal", range, "a decimal number cannot begin with 0")
          .hint("for an octal number write 0o" + digits.substr(1));
    }
    number->base = 8;
    value.erase(0, 1);
  }
  number->digits = arena_.text(value);
  const char* last = value.data() + value.size();
  const std::from_chars_result result =
      std::from_chars(value.data(), last, number->value, number->base);
  number->fits = result.ec == std::errc();
  if (number->digits.empty() || (number->fits && result.ptr != last)) {
    complain("bad-number", range, in_quotes(text) + " is not a number");
  }
  return number;
}

// ---- brackets ----

bool Parser::at_comprehension() const {
  return at(Tok::kFor) || (at_word("async") && peek() == Tok::kFor);
}

List<Comprehension> Parser::parse_comprehension(bool is_scoped) {
  std::vector<Comprehension> generators;
  while (at_comprehension()) {
    const std::size_t first = index_;
    Comprehension generator;
    generator.is_scoped = is_scoped;
    generator.is_async = accept_word("async");
    next();
    generator.target = parse_target_list();
    check_target(*generator.target, "assigned to");
    if (at(Tok::kFrom) && !is_py()) {
      next();
      ForBounds* bounds = arena_.make<ForBounds>();
      *bounds = parse_for_bounds(generator.target, parse_binary());
      generator.bounds = bounds;
    } else {
      expect(Tok::kIn, "after the variable of the comprehension");
      generator.iter = parse_or();
    }
    Exprs ifs;
    while (accept(Tok::kIf)) ifs.push_back(at(Tok::kLambda) ? parse_test() : parse_or());
    generator.ifs = arena_.list(ifs);
    generator.range = range_from(first);
    generators.push_back(generator);
  }
  return arena_.list(generators);
}

// (), (a), (a, b), (a for ...), (yield a)
const Expr* Parser::parse_paren() {
  const std::size_t first = index_;
  next();
  if (accept(Tok::kRParen)) {
    Tuple* tuple = make<Tuple>(range_from(first));
    tuple->parenthesized = true;
    return tuple;
  }
  if (at(Tok::kYield)) {
    const Expr* expr = parse_yield();
    expect(Tok::kRParen, "after the yield expression");
    return expr;
  }
  const Expr* item = parse_star_or_test();
  if (at_comprehension()) {
    GeneratorExp* expr = make<GeneratorExp>(here());
    expr->elt = item;
    expr->generators = parse_comprehension();
    expect(Tok::kRParen, "after the generator expression");
    expr->range = range_from(first);
    return done(expr);
  }
  if (!at(Tok::kComma)) {
    if (item->kind == ExprKind::kStarred && at(Tok::kRParen)) {
      complain("lone-star", item->range, "a starred expression cannot stand alone")
          .hint("for a tuple write '(*x,)'");
    }
    if (at_expression_start() && !at(Tok::kError)) {
      fail_here("missing-comma", "expected ',' or ')', found " + describe_token())
          .hint("is a comma missing?");
      return item;
    }
    expect(Tok::kRParen, "to close the parenthesis");
    return item;
  }
  Exprs items{item};
  while (accept(Tok::kComma) && !at(Tok::kRParen) && !failed_)
    items.push_back(parse_star_or_test());
  expect(Tok::kRParen, "after the items of the tuple");
  Tuple* tuple = make<Tuple>(range_from(first));
  tuple->elts = arena_.list(items);
  tuple->parenthesized = true;
  return done(tuple);
}

// [], [a, b], [a for ...]
const Expr* Parser::parse_list() {
  const std::size_t first = index_;
  next();
  Exprs items;
  while (!at(Tok::kRBracket) && !failed_) {
    items.push_back(parse_star_or_test());
    if (items.size() == 1 && at_comprehension()) {
      ListComp* expr = make<ListComp>(here());
      expr->elt = items[0];
      expr->generators = parse_comprehension(!is_level2());
      expect(Tok::kRBracket, "after the comprehension");
      expr->range = range_from(first);
      return done(expr);
    }
    if (!accept(Tok::kComma)) break;
  }
  expect(Tok::kRBracket, "after the items of the list");
  ListExpr* list = make<ListExpr>(range_from(first));
  list->elts = arena_.list(items);
  return done(list);
}

const Expr* Parser::parse_brace() {
  const std::size_t first = index_;
  next();
  if (at(Tok::kRBrace) || at(Tok::kDoubleStar)) return parse_dict(first, nullptr);
  const Expr* item = parse_star_or_test();
  return at(Tok::kColon) ? parse_dict(first, item) : parse_set(first, item);
}

// {a: b, **c}, {a: b for ...}, {**a for ...}. `key` is the first key, read already, or null.
const Expr* Parser::parse_dict(std::size_t first, const Expr* key) {
  std::vector<DictItem> items;
  while (!at(Tok::kRBrace) && !failed_) {
    DictItem item;
    if (key == nullptr && accept(Tok::kDoubleStar)) {
      item.value = parse_binary();
    } else {
      item.key = key != nullptr ? key : parse_test();
      key = nullptr;
      expect(Tok::kColon, "after the key");
      item.value = parse_test();
    }
    items.push_back(item);
    if (items.size() == 1 && at_comprehension()) {
      DictComp* expr = make<DictComp>(here());
      expr->key = item.key;
      expr->value = item.value;
      expr->generators = parse_comprehension();
      expect(Tok::kRBrace, "after the comprehension");
      expr->range = range_from(first);
      return done(expr);
    }
    if (!accept(Tok::kComma)) break;
  }
  expect(Tok::kRBrace, "after the items of the dict");
  Dict* dict = make<Dict>(range_from(first));
  dict->items = arena_.list(items);
  return done(dict);
}

const Expr* Parser::parse_set(std::size_t first, const Expr* item) {
  if (at_comprehension()) {
    SetComp* expr = make<SetComp>(here());
    expr->elt = item;
    expr->generators = parse_comprehension();
    expect(Tok::kRBrace, "after the comprehension");
    expr->range = range_from(first);
    return done(expr);
  }
  Exprs items{item};
  while (accept(Tok::kComma) && !at(Tok::kRBrace) && !failed_)
    items.push_back(parse_star_or_test());
  expect(Tok::kRBrace, "after the items of the set");
  Set* set = make<Set>(range_from(first));
  set->elts = arena_.list(items);
  return done(set);
}

const Expr* Parser::parse_repr() {
  const std::size_t first = index_;
  if (!is_level2()) {
    complain_old("old-repr", here(), "backquotes are syntax of Python 2").hint("write 'repr(...)'");
  }
  const Nesting nesting(*this);
  if (!nesting.ok()) return error_expr();
  next();
  Repr* expr = make<Repr>(here());
  expr->value = parse_star_list();
  expect(Tok::kBackquote, "to close the expression");
  expr->range = range_from(first);
  return done(expr);
}

}  // namespace engineroom::syntax
