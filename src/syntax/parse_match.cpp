// match statements and their patterns.
#include <string>

#include "syntax/parser.h"

namespace engineroom::syntax {

// `match` is a keyword only here: the line ends with a colon, and the block below begins with
// `case`.
bool Parser::at_match_statement() const {
  if (!at_word("match")) return false;
  std::size_t i = index_ + 1;
  while (tokens_[i].kind != Tok::kNewline && tokens_[i].kind != Tok::kEnd)
    i = tokens_[i].match > i ? tokens_[i].match : i + 1;
  return i > index_ + 2 && tokens_[i - 1].kind == Tok::kColon && i + 2 < tokens_.size() &&
         tokens_[i + 1].kind == Tok::kIndent && is_word(i + 2, "case");
}

const Stmt* Parser::parse_match() {
  const std::size_t first = index_;
  next();
  Match* stmt = make<Match>(here());
  stmt->subject = parse_star_list();
  const Nesting nesting(*this);
  if (!nesting.ok() || !expect_colon("what is matched")) return stmt;
  // Both are there, or this would be no match statement.
  next();
  next();
  std::vector<MatchCase> cases;
  while (!at(Tok::kDedent) && !at(Tok::kEnd)) {
    if (at_word("case")) {
      cases.push_back(parse_case());
    } else {
      fail_expected("'case'");
    }
    if (!failed_) continue;
    Stmts ignored;
    recover(index_, ignored);
  }
  accept(Tok::kDedent);
  stmt->cases = arena_.list(cases);
  stmt->range = block_range(first);
  return stmt;
}

MatchCase Parser::parse_case() {
  const std::size_t first = index_;
  next();
  MatchCase match_case;
  match_case.pattern = parse_open_pattern();
  if (accept(Tok::kIf)) match_case.guard = parse_named_test();
  match_case.body = parse_block_suite("the pattern");
  match_case.range = block_range(first);
  return match_case;
}

// ---- patterns ----

const Pattern* Parser::error_pattern() { return make<MatchAs>(point_here()); }

// Without brackets, a comma makes a sequence.
const Pattern* Parser::parse_open_pattern() {
  const std::size_t first = index_;
  const Pattern* pattern = parse_star_pattern();
  if (!at(Tok::kComma)) {
    if (pattern->kind == PatternKind::kMatchStar) {
      complain("lone-star", pattern->range, "a starred pattern must be in a sequence")
          .hint("write '*name,'");
    }
    return pattern;
  }
  std::vector<const Pattern*> patterns{pattern};
  while (accept(Tok::kComma) && !at(Tok::kColon) && !at(Tok::kIf) && !failed_)
    patterns.push_back(parse_star_pattern());
  MatchSequence* sequence = make<MatchSequence>(range_from(first));
  sequence->patterns = arena_.list(patterns);
  return sequence;
}

const Pattern* Parser::parse_star_pattern() {
  const std::size_t first = index_;
  if (!accept(Tok::kStar)) return parse_pattern();
  MatchStar* star = make<MatchStar>(here());
  const Identifier name = read_identifier("a name");
  if (name.text != "_") star->name = name;
  star->range = range_from(first);
  return star;
}

// a | b as name
const Pattern* Parser::parse_pattern() {
  const Nesting nesting(*this);
  if (!nesting.ok()) return error_pattern();
  const std::size_t first = index_;
  const Pattern* pattern = parse_closed_pattern();
  if (at(Tok::kPipe)) {
    std::vector<const Pattern*> patterns{pattern};
    while (accept(Tok::kPipe)) patterns.push_back(parse_closed_pattern());
    MatchOr* any = make<MatchOr>(range_from(first));
    any->patterns = arena_.list(patterns);
    pattern = any;
  }
  if (!accept(Tok::kAs)) return pattern;
  MatchAs* as = make<MatchAs>(here());
  as->pattern = pattern;
  as->name = read_identifier("a name");
  if (as->name.text == "_") {
    complain("bad-pattern", as->name.range, "'_' is no name here: it matches anything");
  } else if (at(Tok::kDot) || at(Tok::kLParen)) {
    fail_here("bad-pattern", "a plain name must follow 'as'");
  }
  as->range = range_from(first);
  return as;
}

const Pattern* Parser::parse_closed_pattern() {
  switch (kind()) {
    case Tok::kLParen:
    case Tok::kLBracket:
      return parse_sequence_pattern();
    case Tok::kLBrace:
      return parse_mapping_pattern();
    case Tok::kName:
      return parse_name_pattern();
    case Tok::kNumber:
    case Tok::kMinus:
    case Tok::kPlus:
    case Tok::kString:
    case Tok::kFStringStart:
      return parse_literal_pattern();
    default:
      fail_expected("a pattern");
      return error_pattern();
  }
}

const Pattern* Parser::parse_literal_pattern() {
  const std::size_t first = index_;
  const Expr* value = parse_literal_key();
  MatchValue* pattern = make<MatchValue>(range_from(first));
  pattern->value = value;
  return pattern;
}

// A number, signed or complex, a string, None, True, False, or a dotted name.
const Expr* Parser::parse_literal_key() {
  if (at(Tok::kString) || at(Tok::kFStringStart)) {
    const Expr* expr = parse_strings();
    if (expr->kind != ExprKind::kStr)
      complain("bad-pattern", expr->range, "an f-string cannot be a pattern");
    return expr;
  }
  if (!at(Tok::kName)) return parse_pattern_number();
  const std::size_t first = index_;
  const Expr* expr = parse_name();
  while (at(Tok::kDot)) {
    next();
    Attribute* attribute = make<Attribute>(here());
    attribute->value = expr;
    attribute->attr = read_identifier("the name of an attribute");
    attribute->range = range_from(first);
    expr = done(attribute);
  }
  return expr;
}

// -1, 1.5, 3 + 4j
const Expr* Parser::parse_pattern_number() {
  const std::size_t first = index_;
  const bool minus = at(Tok::kMinus);
  if (minus || at(Tok::kPlus)) next();
  if (!at(Tok::kNumber)) {
    fail_expected("a number");
    return error_expr();
  }
  const Expr* number = parse_number();
  if (minus) {
    UnaryOp* negative = make<UnaryOp>(range_from(first));
    negative->op = UnaryOperator::kMinus;
    negative->operand = number;
    number = done(negative);
  }
  if (!at(Tok::kPlus) && !at(Tok::kMinus)) return number;
  BinOp* sum = make<BinOp>(here());
  sum->op = at(Tok::kPlus) ? Operator::kAdd : Operator::kSub;
  sum->op_range = here();
  next();
  sum->left = number;
  accept(Tok::kPlus);  // 1 - +2j
  if (!at(Tok::kNumber)) {
    fail_expected("an imaginary number");
    return error_expr();
  }
  sum->right = parse_number();
  if (sum->right->kind != ExprKind::kImaginary)
    complain("bad-pattern", sum->right->range, "an imaginary number must follow, such as 4j");
  sum->range = range_from(first);
  return done(sum);
}

// A capture, a wildcard, a value, a class, or None, True, False.
const Pattern* Parser::parse_name_pattern() {
  const std::size_t first = index_;
  const std::string_view text = token_text();
  const SourceRange range = here();
  if (peek() != Tok::kDot && peek() != Tok::kLParen) {
    const bool is_singleton =
        text == "None" || text == "True" || text == "False" || (text == "NULL" && !is_py());
    if (is_singleton) {
      MatchSingleton* singleton = make<MatchSingleton>(range);
      singleton->value = parse_name();
      return singleton;
    }
    next();
    MatchAs* capture = make<MatchAs>(range);
    if (text != "_") capture->name = {text, range};
    return capture;
  }
  const Expr* value = parse_literal_key();
  if (at(Tok::kLParen)) return parse_class_pattern(value, first);
  MatchValue* pattern = make<MatchValue>(range_from(first));
  pattern->value = value;
  return pattern;
}

const Pattern* Parser::parse_class_pattern(const Expr* cls, std::size_t first) {
  next();
  std::vector<const Pattern*> patterns;
  std::vector<MatchKeyword> keywords;
  while (!at(Tok::kRParen) && !failed_) {
    if (at(Tok::kName) && peek() == Tok::kEqual) {
      MatchKeyword keyword;
      keyword.name = read_identifier("a name");
      next();
      keyword.pattern = parse_pattern();
      keywords.push_back(keyword);
    } else {
      patterns.push_back(parse_pattern());
      if (!keywords.empty()) {
        complain("positional-after-keyword", patterns.back()->range,
                 "a positional pattern follows a keyword pattern");
      }
    }
    if (!accept(Tok::kComma)) break;
  }
  expect(Tok::kRParen, "after the patterns");
  MatchClass* pattern = make<MatchClass>(range_from(first));
  pattern->cls = cls;
  pattern->patterns = arena_.list(patterns);
  pattern->keywords = arena_.list(keywords);
  return pattern;
}

// [a, *b], (a, b), and (a), which is a alone.
const Pattern* Parser::parse_sequence_pattern() {
  const std::size_t first = index_;
  const Tok close = at(Tok::kLParen) ? Tok::kRParen : Tok::kRBracket;
  next();
  std::vector<const Pattern*> patterns;
  bool has_comma = false;
  while (!at(close) && !failed_) {
    patterns.push_back(parse_star_pattern());
    if (!accept(Tok::kComma)) break;
    has_comma = true;
  }
  expect(close, "after the patterns");
  if (close == Tok::kRParen && patterns.size() == 1 && !has_comma &&
      patterns[0]->kind == PatternKind::kMatchStar) {
    complain("lone-star", patterns[0]->range, "a starred pattern must be in a sequence")
        .hint("write '(*name,)'");
  }
  const bool is_group = close == Tok::kRParen && patterns.size() == 1 && !has_comma &&
                        patterns[0]->kind != PatternKind::kMatchStar;
  if (is_group) return patterns[0];
  MatchSequence* sequence = make<MatchSequence>(range_from(first));
  sequence->patterns = arena_.list(patterns);
  return sequence;
}

const Pattern* Parser::parse_mapping_pattern() {
  const std::size_t first = index_;
  next();
  MatchMapping* mapping = make<MatchMapping>(here());
  std::vector<MatchMappingItem> items;
  while (!at(Tok::kRBrace) && !failed_) {
    if (!mapping->rest.empty()) {
      fail_here("bad-pattern", "'**' must be the last item of the pattern");
      break;
    }
    if (accept(Tok::kDoubleStar)) {
      mapping->rest = read_identifier("a name");
      if (mapping->rest.text == "_") {
        complain("bad-pattern", mapping->rest.range, "'**_' matches nothing that is not ignored")
            .hint("leave it out");
      }
    } else {
      MatchMappingItem item;
      item.key = parse_literal_key();
      if (item.key->kind == ExprKind::kName)
        complain("bad-pattern", item.key->range, "a key must be a literal or a dotted name");
      expect(Tok::kColon, "after the key");
      item.pattern = parse_pattern();
      items.push_back(item);
    }
    if (!accept(Tok::kComma)) break;
  }
  expect(Tok::kRBrace, "after the items of the pattern");
  mapping->items = arena_.list(items);
  mapping->range = range_from(first);
  return mapping;
}

}  // namespace engineroom::syntax
