// String literals: escapes, adjacent ones joined, f-strings and t-strings.
#include <string>

#include "syntax/parser.h"
#include "syntax/unicode.h"

namespace engineroom::syntax {
namespace {

struct Prefix {
  bool raw = false;
  char kind = '\0';  // 'u', 'b', 'f', 't', 'c', or 0 if none was written
  bool valid = true;
};

Prefix prefix_of(std::string_view text) {
  Prefix prefix;
  for (const char c : text) {
    const char lower = static_cast<char>(c | 0x20);
    if (lower == 'r') {
      prefix.valid = prefix.valid && !prefix.raw;
      prefix.raw = true;
    } else {
      prefix.valid = prefix.valid && prefix.kind == '\0';
      prefix.kind = lower;
    }
  }
  return prefix;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// The characters of simple escapes; nothing for others.
std::string_view simple_escape(char c) {
  switch (c) {
    case '\\':
      return "\\";
    case '\'':
      return "'";
    case '"':
      return "\"";
    case 'a':
      return "\a";
    case 'b':
      return "\b";
    case 'f':
      return "\f";
    case 'n':
      return "\n";
    case 'r':
      return "\r";
    case 't':
      return "\t";
    case 'v':
      return "\v";
    default:
      return "";
  }
}

}  // namespace

// Collects the value of a string: as text, and as bytes, since which one is wanted may depend on
// what follows. Of f-strings the parts so far.
class Parser::StringBuilder {
 public:
  explicit StringBuilder(Parser& parser) : parser_(parser) {}

  // The body of a literal. `is_bytes`: \u is no escape, and only ASCII may be written plainly.
  // `doubled`: {{ and }} are one brace.
  void add(SourceRange body, bool raw, bool is_bytes, bool doubled);
  // Raw text of Python 2's unicode has \u and \U all the same.
  void has_code_points(bool has) { has_code_points_ = has; }
  void add_text(std::string_view text) {
    text_ += text;
    bytes_ += text;
  }
  void add_part(const Expr* part) {
    flush(part->range);
    parts_.push_back(part);
  }
  // The text since the last part becomes a part of its own.
  void flush(SourceRange where);

  std::string_view text() const { return text_; }
  std::string_view bytes() const { return bytes_; }
  const Exprs& parts() const { return parts_; }

 private:
  std::size_t add_escape(std::string_view body, std::size_t at, SourceRange range, bool is_bytes);
  std::size_t add_code_escape(std::string_view body, std::size_t at, SourceRange range);
  std::size_t add_named_escape(std::string_view body, std::size_t at, SourceRange range);
  void add_byte(unsigned value) {
    append_utf8(text_, value);
    bytes_ += static_cast<char>(value);
  }

  Parser& parser_;
  bool has_code_points_ = false;
  std::string text_;
  std::string bytes_;
  Exprs parts_;
};

void Parser::StringBuilder::flush(SourceRange where) {
  if (text_.empty()) return;
  Str* str = parser_.make<Str>(SourceRange{where.source, where.begin, where.begin});
  str->text = parser_.arena_.text(text_);
  parts_.push_back(str);
  text_.clear();
  bytes_.clear();
}

namespace {

// Is the backslash that of \u or \U, as Python 2 sees it in raw text? An even number of them is
// not.
bool starts_code_point(std::string_view body, std::size_t at) {
  if (at + 1 == body.size() || (body[at + 1] != 'u' && body[at + 1] != 'U')) return false;
  std::size_t n = 1;
  while (n <= at && body[at - n] == '\\') ++n;
  return n % 2 == 1;
}

}  // namespace

void Parser::StringBuilder::add(SourceRange range, bool raw, bool is_bytes, bool doubled) {
  const std::string_view body = parser_.text_.substr(range.begin, range.end - range.begin);
  for (std::size_t i = 0; i < body.size();) {
    const char c = body[i];
    if (c == '\\' && (!raw || (has_code_points_ && starts_code_point(body, i)))) {
      i = add_escape(body, i, range, is_bytes);
    } else if (c == '\r') {
      // All line ends are "\n" in a value.
      add_text("\n");
      i += i + 1 < body.size() && body[i + 1] == '\n' ? 2 : 1;
    } else if (doubled && (c == '{' || c == '}')) {
      add_text(body.substr(i, 1));
      i += 2;
    } else {
      if (is_bytes && static_cast<unsigned char>(c) >= 0x80 && !parser_.is_level2()) {
        const auto place = static_cast<std::uint32_t>(range.begin + i);
        parser_
            .complain("not-ascii-bytes", {range.source, place, place + 1},
                      "a bytes literal can only hold ASCII characters")
            .hint("write the byte as an escape, such as '\\xe4'");
        return;
      }
      add_text(body.substr(i, 1));
      ++i;
    }
  }
}

// Returns the index behind the escape.
std::size_t Parser::StringBuilder::add_escape(std::string_view body, std::size_t at,
                                              SourceRange range, bool is_bytes) {
  if (at + 1 == body.size()) {
    add_text("\\");
    return at + 1;
  }
  const char c = body[at + 1];
  if (c == '\n') return at + 2;
  if (c == '\r') return at + (at + 2 < body.size() && body[at + 2] == '\n' ? 3 : 2);
  if (const std::string_view value = simple_escape(c); !value.empty()) {
    add_text(value);
    return at + 2;
  }
  if (is_octal(c)) {
    unsigned value = 0;
    std::size_t i = at + 1;
    for (; i < body.size() && i < at + 4 && is_octal(body[i]); ++i)
      value = value * 8 + static_cast<unsigned>(body[i] - '0');
    add_byte(is_bytes ? value & 0xFF : value);
    return i;
  }
  if (c == 'x' || (!is_bytes && (c == 'u' || c == 'U'))) return add_code_escape(body, at, range);
  if (c == 'N' && !is_bytes) return add_named_escape(body, at, range);
  // Not an escape: the backslash stays.
  add_text("\\");
  return at + 1;
}

// \xhh, \uhhhh, \Uhhhhhhhh
std::size_t Parser::StringBuilder::add_code_escape(std::string_view body, std::size_t at,
                                                   SourceRange range) {
  const char c = body[at + 1];
  const std::size_t n_digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
  char32_t code = 0;
  std::size_t i = at + 2;
  for (; i < body.size() && i < at + 2 + n_digits; ++i) {
    const int digit = hex_value(body[i]);
    if (digit < 0) break;
    code = code * 16 + static_cast<char32_t>(digit);
  }
  const auto place = static_cast<std::uint32_t>(range.begin + at);
  const SourceRange escape{range.source, place, static_cast<std::uint32_t>(range.begin + i)};
  if (i < at + 2 + n_digits) {
    parser_.complain("bad-escape", escape,
                     "the escape \\" + std::string(1, c) + " needs " + std::to_string(n_digits) +
                         " hexadecimal digits");
  } else if (code > 0x10FFFF) {
    parser_.complain("bad-escape", escape, "there is no character with this code");
  } else if (c == 'x') {
    add_byte(code);
  } else {
    append_utf8(text_, code);
    // In a string that may also be used as bytes this is no escape there.
    bytes_ += body.substr(at, i - at);
  }
  return i;
}

// \N{name}
std::size_t Parser::StringBuilder::add_named_escape(std::string_view body, std::size_t at,
                                                    SourceRange range) {
  const std::size_t close = body.find('}', at);
  const auto place = static_cast<std::uint32_t>(range.begin + at);
  if (at + 2 >= body.size() || body[at + 2] != '{' || close == std::string_view::npos) {
    parser_.complain("bad-escape", {range.source, place, place + 2},
                     "the escape \\N needs the name of a character in braces");
    return at + 2;
  }
  const std::string_view name = body.substr(at + 3, close - at - 3);
  std::optional<char32_t> code;
  if (parser_.options_.character_by_name) code = parser_.options_.character_by_name(name);
  if (code) {
    append_utf8(text_, *code);
    bytes_ += body.substr(at, close + 1 - at);
  } else {
    const auto end = static_cast<std::uint32_t>(range.begin + close + 1);
    parser_.complain("unknown-character-name", {range.source, place, end},
                     "no character is named " + in_quotes(name));
  }
  return close + 1;
}

// ---- literals ----

const Expr* Parser::parse_strings() {
  const std::size_t first = index_;
  StringBuilder builder(*this);
  std::string kinds;  // those of the literals, each once
  const auto note = [&](char kind) {
    if (kinds.find(kind) == std::string::npos) kinds += kind;
  };
  while (at(Tok::kString) || at(Tok::kFStringStart)) {
    const std::string_view text = token_text();
    const std::size_t quote = text.find_first_of("'\"");
    const Prefix prefix = prefix_of(text.substr(0, quote));
    if (!prefix.valid) {
      complain("bad-string-prefix",
               {id_, token().begin, static_cast<std::uint32_t>(token().begin + quote)},
               "there are no strings with the prefix " + in_quotes(text.substr(0, quote)));
    }
    note(prefix.kind == '\0' ? 's' : prefix.kind);
    if (at(Tok::kFStringStart)) {
      read_fstring(builder, prefix.raw);
      continue;
    }
    const bool is_bytes = prefix.kind == 'b' || prefix.kind == 'c';
    const bool triple = text.size() >= quote + 6 && text[quote + 1] == text[quote] &&
                        text[quote + 2] == text[quote];
    const std::uint32_t n_quotes = triple ? 3 : 1;
    const bool is_unicode = prefix.kind == 'u' || (prefix.kind == '\0' && unicode_literals_);
    builder.has_code_points(prefix.raw && is_unicode && is_level2());
    builder.add(
        {id_, static_cast<std::uint32_t>(token().begin + quote + n_quotes), token().end - n_quotes},
        prefix.raw, is_bytes, /*doubled=*/false);
    next();
  }
  return finish_strings(builder, kinds, range_from(first));
}

const Expr* Parser::finish_strings(StringBuilder& builder, std::string_view kinds,
                                   SourceRange range) {
  const auto has = [&](char kind) { return kinds.find(kind) != std::string_view::npos; };
  const bool has_text = has('u') || has('f') || has('t') || (has('s') && !is_level2());
  if ((has('b') && has_text) || (has('c') && kinds.size() > 1) || (has('f') && has('t'))) {
    complain("mixed-strings", range, "adjacent strings of different kinds cannot be joined")
        .hint(has('b') ? "give all of them the prefix b, or none" : "");
  }
  if (has('f') || has('t')) {
    builder.flush(SourceRange{range.source, range.end, range.end});
    if (has('t')) {
      TemplateStr* expr = make<TemplateStr>(range);
      expr->values = arena_.list(builder.parts());
      return done(expr);
    }
    JoinedStr* expr = make<JoinedStr>(range);
    expr->values = arena_.list(builder.parts());
    return done(expr);
  }
  Str* str = make<Str>(range);
  if (has('c')) {
    str->str_kind = StrKind::kChar;
    if (builder.bytes().size() != 1) {
      complain("bad-char", range, "a C character literal holds exactly one character");
    }
  } else if (has('b')) {
    str->str_kind = StrKind::kBytes;
  } else if (has('u') || level_ == LanguageLevel::k3 || unicode_literals_) {
    str->str_kind = StrKind::kUnicode;
  } else {
    str->str_kind = StrKind::kStr;
  }
  const bool is_text = str->str_kind == StrKind::kUnicode || str->str_kind == StrKind::kStr;
  if (is_text) str->text = arena_.text(builder.text());
  if (str->str_kind != StrKind::kUnicode) str->bytes = arena_.text(builder.bytes());
  return str;
}

void Parser::read_fstring(StringBuilder& builder, bool raw) {
  next();
  while (!failed_ && !at(Tok::kFStringEnd)) {
    if (at(Tok::kFStringMiddle)) {
      builder.add(here(), raw, /*is_bytes=*/false, /*doubled=*/true);
      next();
    } else if (at(Tok::kLBrace)) {
      builder.add_part(parse_field(builder, raw));
    } else {
      fail_expected("the end of the string");
    }
  }
  accept(Tok::kFStringEnd);
}

// {value=!r:spec}
const Expr* Parser::parse_field(StringBuilder& builder, bool raw) {
  const Nesting nesting(*this);
  if (!nesting.ok()) return error_expr();
  const std::size_t first = index_;
  next();
  FormattedValue* field = make<FormattedValue>(here());
  if (at(Tok::kRBrace) || at(Tok::kColon) || at(Tok::kExclaim)) {
    fail_expected("an expression in the braces").hint("write '{{' for the character itself");
    return error_expr();
  }
  const std::size_t value_first = index_;
  field->value = parse_star_list_or_yield();
  const SourceRange value_range = range_from(value_first);
  field->expression_text = text_.substr(value_range.begin, value_range.end - value_range.begin);
  if (accept(Tok::kEqual)) {
    // The text as written, up to what follows the '='.
    const std::uint32_t begin = tokens_[first].end;
    field->is_debug = true;
    builder.add_text(text_.substr(begin, token().begin - begin));
    field->expression_text = text_.substr(begin, tokens_[index_ - 1].begin - begin);
    if (!at(Tok::kExclaim) && !at(Tok::kColon)) field->conversion = 'r';
  }
  if (accept(Tok::kExclaim)) {
    const std::string_view conversion = token_text();
    if (at(Tok::kName) && (conversion == "r" || conversion == "s" || conversion == "a")) {
      field->conversion = conversion[0];
      next();
    } else {
      fail_here("bad-conversion", "a conversion is one of !r, !s and !a");
    }
  }
  if (accept(Tok::kColon)) field->format_spec = parse_format_spec(raw);
  expect(Tok::kRBrace, "after the expression in the string");
  field->range = range_from(first);
  return done(field);
}

const JoinedStr* Parser::parse_format_spec(bool raw) {
  const std::size_t first = index_;
  StringBuilder builder(*this);
  while (!failed_ && (at(Tok::kFStringMiddle) || at(Tok::kLBrace))) {
    if (at(Tok::kLBrace)) {
      builder.add_part(parse_field(builder, raw));
    } else {
      builder.add(here(), raw, /*is_bytes=*/false, /*doubled=*/false);
      next();
    }
  }
  const SourceRange range = index_ > first ? range_from(first) : point_here();
  builder.flush({id_, range.end, range.end});
  JoinedStr* spec = make<JoinedStr>(range);
  spec->values = arena_.list(builder.parts());
  done(spec);
  return spec;
}

// ---- strings of the grammar: C names, headers, docstrings ----

// Null if there is none, which was reported.
const Str* Parser::read_string_literal(std::string_view what) {
  if (!at(Tok::kString)) {
    fail_expected(what);
    return nullptr;
  }
  const Expr* expr = parse_strings();
  const Str* str = try_as<Str>(expr);
  if (str == nullptr)
    complain("bad-string", expr->range, std::string(what) + " cannot be an f-string");
  return str;
}

// A string that is a whole line, if there is one.
const Str* Parser::parse_docstring() {
  if (!at(Tok::kString)) return nullptr;
  const Str* str = try_as<Str>(parse_strings());
  end_statement();
  return str;
}

}  // namespace engineroom::syntax
