// C types, and the look-ahead that tells them from expressions. Declarators are in
// parse_declarator.cpp.
#include <algorithm>
#include <array>
#include <string>

#include "syntax/parser.h"

namespace engineroom::syntax {
namespace {

// C's own words for types.
constexpr std::array<std::string_view, 10> kBaseWords = {
    "void", "char", "int", "float", "double", "bint", "short", "long", "signed", "unsigned"};

bool is_base_word(std::string_view word) {
  return std::find(kBaseWords.begin(), kBaseWords.end(), word) != kBaseWords.end();
}

bool ends_argument(Tok kind) {
  return kind == Tok::kComma || kind == Tok::kRParen || kind == Tok::kRBracket ||
         kind == Tok::kNewline || kind == Tok::kEnd;
}

}  // namespace

// ---- looking ahead ----

// The index behind the type's names and brackets; 0 if no type can begin here.
std::size_t Parser::skip_base_type(std::size_t i) const {
  while (is_word(i, "const") || is_word(i, "volatile")) ++i;
  const auto text = [&] { return tokens_[i].kind == Tok::kName ? text_at(i) : std::string_view(); };
  if (is_base_word(text())) {
    while (is_base_word(text()) || text() == "complex") ++i;
  } else if (tokens_[i].kind == Tok::kName) {
    ++i;
    while (tokens_[i].kind == Tok::kDot && tokens_[i + 1].kind == Tok::kName) i += 2;
  } else if (tokens_[i].kind == Tok::kLParen && tokens_[i].match > i) {
    i = tokens_[i].match + 1;  // a C tuple
  } else {
    return 0;
  }
  while (tokens_[i].kind == Tok::kLBracket && tokens_[i].match > i) {
    i = tokens_[i].match + 1;
    while (tokens_[i].kind == Tok::kDot && tokens_[i + 1].kind == Tok::kName) i += 2;
  }
  return i;
}

std::size_t Parser::skip_type(std::size_t index) const {
  std::size_t i = skip_base_type(index);
  if (i == 0) return 0;
  // `double(int)` is the type of a function, `f(x)` a call.
  const bool is_basic = tokens_[index].kind == Tok::kName && is_base_word(text_at(index));
  bool has_params = false;
  for (;; ++i) {
    switch (tokens_[i].kind) {
      case Tok::kStar:
      case Tok::kDoubleStar:
      case Tok::kAmper:
      case Tok::kDoubleAmper:
        continue;
      case Tok::kLParen: {
        const Tok after = tokens_[i + 1].kind;
        const bool is_declarator = after == Tok::kStar || after == Tok::kDoubleStar;
        if (tokens_[i].match <= i || !(is_declarator || is_basic || has_params)) return 0;
        has_params = true;
        i = tokens_[i].match;
        continue;
      }
      case Tok::kLBracket:
        if (tokens_[i].match <= i) return 0;
        i = tokens_[i].match;
        continue;
      case Tok::kName:
        if (is_word(i, "const") || is_word(i, "restrict")) continue;
        if (has_params && (is_word(i, "nogil") || is_word(i, "noexcept"))) continue;
        return i;
      case Tok::kExcept:
        // Its value is an expression: up to the end of the argument.
        if (!has_params) return i;
        while (!ends_argument(tokens_[i].kind)) i = tokens_[i].match > i ? tokens_[i].match : i + 1;
        return i;
      default:
        return i;
    }
  }
}

// A type that ends its bracket or is followed by a comma, and has what no expression has: two words
// side by side, or a star without right operand.
bool Parser::is_surely_type(std::size_t index) const {
  if (is_py() || tokens_[index].kind != Tok::kName) return false;
  const std::size_t base_end = skip_base_type(index);
  if (base_end == 0) return false;
  bool sure = false;
  for (std::size_t i = index + 1; i < base_end; ++i) {
    const bool two_words = tokens_[i].kind == Tok::kName && tokens_[i - 1].kind == Tok::kName;
    if (two_words) sure = true;
    if (tokens_[i].match > i) i = tokens_[i].match;
  }
  const std::size_t end = skip_type(index);
  if (end == 0) return false;
  const Tok after = tokens_[end].kind;
  if (after != Tok::kComma && after != Tok::kRParen && after != Tok::kRBracket) return false;
  const Tok last = tokens_[end - 1].kind;
  const Tok first_suffix = tokens_[base_end].kind;
  const bool is_pointer = last == Tok::kStar || last == Tok::kDoubleStar || last == Tok::kAmper;
  // int (*)(int), int *[3]
  const bool is_function = first_suffix == Tok::kLParen &&
                           (tokens_[base_end + 1].kind == Tok::kStar ||
                            tokens_[base_end + 1].kind == Tok::kDoubleStar) &&
                           tokens_[base_end].match == base_end + 2;
  return sure || is_pointer || is_function;
}

bool Parser::at_base_word() const { return at(Tok::kName) && is_base_word(token_text()); }

// With a name to follow, is the current word that name? Otherwise it is the type.
bool Parser::single_word_is_name() const {
  switch (peek()) {
    case Tok::kName:
    case Tok::kStar:
    case Tok::kDoubleStar:
    case Tok::kLBracket:
    case Tok::kAmper:
    case Tok::kDoubleAmper:
      return false;
    case Tok::kLParen:
      // `T (*f)(int)`, but `f(int)`
      switch (peek(2)) {
        case Tok::kStar:
        case Tok::kDoubleStar:
        case Tok::kAmper:
          return false;
        default:
          return !is_calling_convention(index_ + 2);
      }
    default:
      return true;
  }
}

// ---- types ----

const CType* Parser::implicit_type() { return make<CImplicitType>(point_here()); }
const CType* Parser::error_type() { return make<CErrorType>(point_here()); }

const CType* Parser::parse_type() {
  const CType* base = parse_base_type(/*nonempty=*/false);
  return parse_declarator(base, NameRule::kForbidden).type;
}

const CType* Parser::parse_base_type(bool nonempty) {
  const Nesting nesting(*this);
  if (!nesting.ok()) return error_type();
  const std::size_t first = index_;
  if (at(Tok::kLParen)) return parse_type_suffixes(parse_paren_type(), first);
  if (at_word("const") || at_word("volatile")) return parse_qualified(nonempty);
  if (!at(Tok::kName)) {
    fail_expected("a type");
    return error_type();
  }
  if (at_base_word()) return parse_type_suffixes(parse_basic_type(), first);
  if (nonempty && single_word_is_name() && peek() != Tok::kDot) return implicit_type();
  return parse_type_suffixes(parse_named_type(nonempty), first);
}

const CType* Parser::parse_qualified(bool nonempty) {
  const std::size_t first = index_;
  CQualifiedType* qualified = make<CQualifiedType>(here());
  for (; at_word("const") || at_word("volatile"); next()) {
    bool& flag = at_word("const") ? qualified->is_const : qualified->is_volatile;
    if (flag) {
      complain("repeated-qualifier", here(), in_quotes(token_text()) + " is given twice");
    }
    flag = true;
  }
  const CType* type = parse_base_type(nonempty);
  qualified->range = range_from(first);
  if (const CMemoryViewType* view = try_as<CMemoryViewType>(type)) {
    // `const int[:]` is a view of const int, not a const view.
    qualified->type = view->element;
    CMemoryViewType* result = make<CMemoryViewType>(range_from(first));
    result->element = done(qualified, view->element->height);
    result->axes = view->axes;
    return done(result, view->height);
  }
  qualified->type = type;
  return done(qualified, type->height);
}

// unsigned long long, double complex, ...
const CType* Parser::parse_basic_type() {
  const std::size_t first = index_;
  CBasicType* type = make<CBasicType>(here());
  int n_long = 0;
  bool is_short = false;
  std::string_view name;
  for (; at_base_word() && name.empty(); next()) {
    const std::string_view word = token_text();
    if (word == "unsigned") {
      type->sign = CSign::kUnsigned;
    } else if (word == "signed") {
      type->sign = CSign::kSigned;
    } else if (word == "long") {
      ++n_long;
    } else if (word == "short") {
      is_short = true;
    } else {
      name = word;
    }
  }
  if (name == "void") type->basic = CBasic::kVoid;
  if (name == "char") type->basic = CBasic::kChar;
  if (name == "bint") type->basic = CBasic::kBint;
  if (name == "float") type->basic = CBasic::kFloat;
  if (name == "double") type->basic = n_long > 0 ? CBasic::kLongDouble : CBasic::kDouble;
  if (name == "int" || name.empty()) {
    type->basic = is_short      ? CBasic::kShort
                  : n_long == 0 ? CBasic::kInt
                  : n_long == 1 ? CBasic::kLong
                                : CBasic::kLongLong;
  }
  type->is_complex = accept_word("complex");
  type->range = range_from(first);

  const bool is_integer = name == "int" || name.empty();
  const bool bad_length = (is_short && (n_long > 0 || !is_integer)) || n_long > 2 ||
                          (n_long > 0 && !is_integer && !(name == "double" && n_long == 1));
  const bool bad_sign = type->sign != CSign::kPlain && !is_integer && name != "char";
  if (bad_length || bad_sign) {
    complain("bad-c-type", type->range,
             in_quotes(text_.substr(type->range.begin, type->range.end - type->range.begin)) +
                 " is no type of C");
  }
  return type;
}

// A name, dotted or not.
const CType* Parser::parse_named_type(bool nonempty) {
  const std::size_t first = index_;
  const bool is_elaborated = at_word("struct") || at_word("union") || at_word("enum");
  if (is_elaborated && peek() == Tok::kName && nonempty) {
    complain("elaborated-type", here(),
             in_quotes(token_text()) + " is not repeated where the type is used")
        .hint("write " + in_quotes(text_at(index_ + 1)) + " alone");
    next();
  }
  std::vector<Identifier> path;
  do {
    path.push_back(read_identifier("the name of a type"));
  } while (accept(Tok::kDot));
  CNamedType* type = make<CNamedType>(range_from(first));
  type->path = arena_.list(path);
  return type;
}

// (type), or a C tuple (type, type).
const CType* Parser::parse_paren_type() {
  const std::size_t first = index_;
  next();
  std::vector<const CType*> items;
  bool is_tuple = false;
  std::size_t height = 0;
  while (!at(Tok::kRParen) && !failed_) {
    items.push_back(parse_type());
    height = std::max<std::size_t>(height, items.back()->height);
    if (!accept(Tok::kComma)) break;
    is_tuple = true;
  }
  if (items.empty()) fail_expected("a type");
  expect(Tok::kRParen, "after the type");
  if (items.empty()) return error_type();
  if (!is_tuple) return items[0];
  CTupleType* tuple = make<CTupleType>(range_from(first));
  tuple->items = arena_.list(items);
  return done(tuple, height);
}

// [args], [:, ::1], and .name behind one of them.
const CType* Parser::parse_type_suffixes(const CType* type, std::size_t first) {
  bool is_plain = true;
  while (!failed_) {
    if (at(Tok::kLBracket)) {
      type = at_memory_view_axes() ? parse_memory_view(type, first) : parse_brackets(type, first);
      is_plain = false;
    } else if (!is_plain && accept(Tok::kDot)) {
      CNestedType* nested = make<CNestedType>(here());
      nested->outer = type;
      nested->name = read_identifier("the name of a type");
      nested->range = range_from(first);
      type = done(nested, type->height);
    } else {
      break;
    }
  }
  return type;
}

// Is there a colon in these brackets, outside of others?
bool Parser::at_memory_view_axes() const {
  const std::size_t close = token().match;
  for (std::size_t i = index_ + 1; i < close; ++i) {
    if (tokens_[i].kind == Tok::kColon) return true;
    if (tokens_[i].match > i) i = tokens_[i].match;
  }
  return false;
}

const CType* Parser::parse_memory_view(const CType* element, std::size_t first) {
  next();
  std::vector<const Slice*> axes;
  std::size_t height = element->height;
  while (!at(Tok::kRBracket) && !failed_) {
    const Expr* axis = parse_index();
    height = std::max<std::size_t>(height, axis->height);
    if (const Slice* slice = try_as<Slice>(axis)) {
      axes.push_back(slice);
    } else {
      complain("bad-axis", axis->range, "an axis of a memoryview needs a ':'")
          .hint("write ':' for a strided axis, '::1' for a contiguous one");
    }
    if (!accept(Tok::kComma)) break;
  }
  expect(Tok::kRBracket, "after the axes");
  CMemoryViewType* type = make<CMemoryViewType>(range_from(first));
  type->element = element;
  type->axes = arena_.list(axes);
  return done(type, height);
}

const CType* Parser::parse_brackets(const CType* base, std::size_t first) {
  if (base->kind == CTypeKind::kBasic) return parse_array_brackets(base, first);
  next();
  Exprs args;
  std::vector<Keyword> keywords;
  std::size_t height = base->height;
  while (!at(Tok::kRBracket) && !failed_) {
    Keyword keyword;
    if (at(Tok::kName) && peek() == Tok::kEqual) {
      keyword.name = read_identifier("a name");
      next();
    }
    keyword.value = parse_template_argument();
    height = std::max<std::size_t>(height, keyword.value->height);
    if (!keyword.name.empty()) {
      keywords.push_back(keyword);
    } else {
      args.push_back(keyword.value);
      if (!keywords.empty()) {
        complain("positional-after-keyword", keyword.value->range,
                 "a positional argument follows a keyword argument");
      }
    }
    if (!accept(Tok::kComma)) break;
  }
  expect(Tok::kRBracket, "after the arguments of the type");
  CTemplateType* type = make<CTemplateType>(range_from(first));
  type->base = base;
  type->args = arena_.list(args);
  type->keywords = arena_.list(keywords);
  return done(type, height);
}

// int[3][4]: the first bracket is the outer dimension.
const CType* Parser::parse_array_brackets(const CType* element, std::size_t first) {
  std::vector<const Expr*> sizes;
  while (accept(Tok::kLBracket)) {
    sizes.push_back(at(Tok::kRBracket) ? nullptr : parse_test());
    expect(Tok::kRBracket, "after the size of the array");
    if (failed_ || (at(Tok::kLBracket) && at_memory_view_axes())) break;
  }
  const CType* type = element;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    CArrayType* array = make<CArrayType>(range_from(first));
    array->element = type;
    array->size = sizes[i];
    const std::size_t size_height = sizes[i] != nullptr ? sizes[i]->height : 0;
    type = done(array, std::max<std::size_t>(type->height, size_height));
  }
  return type;
}

const Expr* Parser::parse_template_argument() {
  const std::size_t end = skip_type(index_);
  const bool is_type =
      end != 0 && (tokens_[end].kind == Tok::kComma || tokens_[end].kind == Tok::kRBracket);
  if (!is_type) return parse_test();
  TypeExpr* expr = make<TypeExpr>(here());
  const std::size_t first = index_;
  expr->type = parse_type();
  expr->range = range_from(first);
  return done(expr);
}

}  // namespace engineroom::syntax
