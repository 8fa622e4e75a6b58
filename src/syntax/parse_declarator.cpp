// Declarators (`*f[3]`, `(*g)(int)`), parameters, exception clauses.
#include <algorithm>
#include <string>

#include "syntax/parser.h"

namespace engineroom::syntax {

// [size] or (params) behind a name. They bind tighter than the stars before the name, and the first
// one is the outermost: `int *f[3]` is an array of pointers.
struct Parser::Suffix {
  std::size_t first = 0;  // its first token
  bool is_function = false;
  const Expr* size = nullptr;      // of an array
  const Params* params = nullptr;  // and the following, of a function
  ExceptClause except;
  bool nogil = false;
  bool with_gil = false;
};

bool Parser::is_calling_convention(std::size_t index) const {
  return is_word(index, "__stdcall") || is_word(index, "__cdecl") || is_word(index, "__fastcall");
}

std::string_view Parser::accept_calling_convention() {
  if (!is_calling_convention(index_)) return {};
  next();
  return text_at(index_ - 1);
}

Parser::Declared Parser::parse_declarator(const CType* base, NameRule rule) {
  const Nesting nesting(*this);
  Declared declared;
  declared.type = base;
  if (!nesting.ok()) return declared;
  const std::size_t first = index_;
  declared.calling_convention = accept_calling_convention();
  base = parse_pointers(base, first);
  if (declared.calling_convention.empty())
    declared.calling_convention = accept_calling_convention();

  if (!at_nested_declarator()) {
    parse_declared_name(declared, rule);
    declared.type = apply_suffixes(base, parse_declarator_suffixes(), declared.calling_convention);
    declared.range = range_from(first);
    return declared;
  }
  // `int (*f)(double)`: what is behind the parenthesis applies first. Read it first, then go back.
  const std::size_t inner = index_ + 1;
  const std::size_t close = token().match;
  index_ = close + 1;
  // The convention stands inside, `(__stdcall *f)`, but is the function's.
  std::string_view convention;
  if (is_calling_convention(inner)) convention = text_at(inner);
  base = apply_suffixes(base, parse_declarator_suffixes(), convention);
  if (failed_) return declared;
  const std::size_t end = index_;
  index_ = inner;
  declared = parse_declarator(base, rule);
  if (!failed_ && index_ != close) fail_expected("')' in the declaration");
  if (failed_) return declared;
  index_ = end;
  declared.calling_convention = {};
  declared.range = range_from(first);
  return declared;
}

// `(` begins the parameters of a function without name if a name or `)` follows, else a declarator.
bool Parser::at_nested_declarator() const {
  if (!at(Tok::kLParen) || token().match == 0) return false;
  if (peek() == Tok::kRParen || peek() == Tok::kEllipsis) return false;
  return peek() != Tok::kName || is_calling_convention(index_ + 1);
}

const CType* Parser::parse_pointers(const CType* base, std::size_t first) {
  for (;;) {
    const SourceRange range = base->range.empty() ? here() : join(base->range, here());
    CType* type = nullptr;
    switch (kind()) {
      case Tok::kStar:
      case Tok::kDoubleStar: {
        CPointerType* pointer = make<CPointerType>(range);
        pointer->to = base;
        type = pointer;
        if (at(Tok::kDoubleStar)) {
          CPointerType* outer = make<CPointerType>(range);
          outer->to = done(pointer, base->height);
          base = outer->to;
          type = outer;
        }
        break;
      }
      case Tok::kAmper: {
        CReferenceType* reference = make<CReferenceType>(range);
        reference->to = base;
        type = reference;
        break;
      }
      case Tok::kDoubleAmper: {
        CRvalueReferenceType* reference = make<CRvalueReferenceType>(range);
        reference->to = base;
        type = reference;
        break;
      }
      default:
        return base;
    }
    next();
    base = done(type, base->height);
    base = parse_pointer_qualifiers(base, first);
  }
}

// `const` and `restrict` behind a star.
const CType* Parser::parse_pointer_qualifiers(const CType* pointer, std::size_t first) {
  bool is_const = false;
  while (at_word("const") || at_word("restrict") || at_word("volatile")) {
    is_const = is_const || at_word("const");
    next();
  }
  if (!is_const) return pointer;
  CQualifiedType* type = make<CQualifiedType>(range_from(first));
  type->type = pointer;
  type->is_const = true;
  return done(type, pointer->height);
}

void Parser::parse_declared_name(Declared& declared, NameRule rule) {
  // Structs of C may have a field `as`, and numpy has one.
  const bool is_as = at(Tok::kAs) && rule == NameRule::kRequired;
  if (at(Tok::kName) || is_as) {
    // Words of what follows a declaration are no names in a type.
    if (rule == NameRule::kForbidden) return;
    const bool is_clause = rule == NameRule::kOptional &&
                           (at_word("nogil") || at_word("noexcept")) && peek() != Tok::kEqual;
    if (is_clause) return;
    declared.name = {token_text(), here()};
    next();
    if (declared.name.text == "operator" && context_.c.visibility == Visibility::kExtern)
      declared.name = parse_operator_name();
    declared.cname = parse_cname();
    return;
  }
  if (rule != NameRule::kRequired) return;
  if (is_keyword(kind())) {
    read_identifier("the name of a variable");
  } else {
    const bool has_colon = at(Tok::kColon);
    const Diagnostics::Added added = fail_expected("a name in the declaration");
    if (has_colon) added.hint("a declaration has no ':': 'cdef int x = 1'");
  }
}

// What follows `operator` in a C++ class: +, [], ==, bool ...
Identifier Parser::parse_operator_name() {
  const std::size_t first = index_ - 1;
  std::string name = "operator";
  if (at(Tok::kName)) {
    name += " ";
    name += token_text();
    next();
  } else if (at(Tok::kLParen) || at(Tok::kLBracket)) {
    const bool is_call = at(Tok::kLParen);
    name += is_call ? "()" : "[]";
    next();
    expect(is_call ? Tok::kRParen : Tok::kRBracket, "after 'operator'");
  } else if (kind() >= Tok::kComma && !is_keyword(kind())) {
    // `++`, `->*` and the like are several tokens.
    do {
      name += token_text();
      next();
    } while (kind() >= Tok::kEqual && !is_keyword(kind()) &&
             tokens_[index_ - 1].end == token().begin);
  } else {
    fail_expected("an operator");
  }
  return {arena_.text(name), range_from(first)};
}

std::string_view Parser::parse_cname() {
  if (!at(Tok::kString)) return {};
  const Str* str = read_string_literal("the name in C");
  return str == nullptr ? std::string_view() : str->text.empty() ? str->bytes : str->text;
}

std::vector<Parser::Suffix> Parser::parse_declarator_suffixes() {
  std::vector<Suffix> suffixes;
  while (!failed_ && (at(Tok::kLBracket) || at(Tok::kLParen))) {
    Suffix suffix;
    suffix.first = index_;
    suffix.is_function = at(Tok::kLParen);
    next();
    if (suffix.is_function) {
      suffix.params = parse_c_params();
      expect(Tok::kRParen, "after the parameters");
      parse_function_tail(suffix);
    } else {
      // Several: the template parameters of `T f[T, U](T x)`.
      if (!at(Tok::kRBracket)) suffix.size = parse_star_list();
      expect(Tok::kRBracket, "after the size of the array");
    }
    suffixes.push_back(suffix);
  }
  return suffixes;
}

const CType* Parser::apply_suffixes(const CType* type, const std::vector<Suffix>& suffixes,
                                    std::string_view calling_convention) {
  for (std::size_t i = suffixes.size(); i-- > 0;) {
    const Suffix& suffix = suffixes[i];
    SourceRange range = range_from(suffix.first);
    if (!type->range.empty()) range = {id_, std::min(type->range.begin, range.begin), range.end};
    if (!suffix.is_function) {
      CArrayType* array = make<CArrayType>(range);
      array->element = type;
      array->size = suffix.size;
      const std::size_t size_height = suffix.size != nullptr ? suffix.size->height : 0;
      type = done(array, std::max<std::size_t>(type->height, size_height));
      continue;
    }
    CFunctionType* function = make<CFunctionType>(range);
    function->result = type;
    function->params = suffix.params;
    function->except = suffix.except;
    function->nogil = suffix.nogil || suffix.with_gil;
    function->with_gil = suffix.with_gil;
    function->calling_convention = calling_convention;
    std::size_t height = type->height;
    for (const Param& param : suffix.params->params) {
      height = std::max<std::size_t>(height, param.type->height);
      if (param.default_value != nullptr)
        height = std::max<std::size_t>(height, param.default_value->height);
    }
    type = done(function, height);
  }
  return type;
}

// nogil, the exception clause, with gil
void Parser::parse_function_tail(Suffix& suffix) {
  suffix.nogil = accept_word("nogil") || context_.c.nogil;
  suffix.except = parse_except_clause();
  if (accept_word("nogil")) suffix.nogil = true;
  if (at(Tok::kWith) && is_word(index_ + 1, "gil")) {
    next();
    next();
    suffix.with_gil = true;
  }
}

ExceptClause Parser::parse_except_clause() {
  const std::size_t first = index_;
  ExceptClause clause;
  clause.range = point_here();
  if (accept_word("noexcept")) {
    clause.kind = ExceptKind::kNoexcept;
    clause.range = range_from(first);
    return clause;
  }
  if (!accept(Tok::kExcept)) return clause;
  if (accept(Tok::kStar)) {
    clause.kind = ExceptKind::kAlways;
  } else if (accept(Tok::kPlus)) {
    clause.kind = accept(Tok::kStar) ? ExceptKind::kCppAlways : ExceptKind::kCpp;
    if (at_word("nogil") && tokens_[index_ - 1].end == token().begin) {
      complain("except-plus-nogil", range_from(index_ - 1),
               "'+nogil' would name a function that handles the exception")
          .hint("write 'except + nogil'");
    }
    if (clause.kind == ExceptKind::kCpp && at(Tok::kName) && !at_word("nogil")) {
      const std::size_t handler = index_;
      clause.value = parse_postfix_names(handler);
    }
  } else {
    clause.kind = accept(Tok::kQuestion) ? ExceptKind::kMaybeValue : ExceptKind::kValue;
    clause.value = parse_test();
  }
  clause.range = range_from(first);
  return clause;
}

// A dotted name.
const Expr* Parser::parse_postfix_names(std::size_t first) {
  const Expr* expr = parse_name();
  while (accept(Tok::kDot)) {
    Attribute* attribute = make<Attribute>(here());
    attribute->value = expr;
    attribute->attr = read_identifier("the name of an attribute");
    attribute->range = range_from(first);
    expr = done(attribute);
  }
  return expr;
}

// ---- parameters ----

// Of a C function: up to `)`, which is not read.
const Params* Parser::parse_c_params() {
  Params* params = arena_.make<Params>();
  const std::size_t first = index_;
  std::vector<Param> list;
  while (!at(Tok::kRParen) && !failed_) {
    if (accept(Tok::kEllipsis)) {
      params->c_varargs = true;
      break;
    }
    if (at(Tok::kStar) || at(Tok::kDoubleStar)) {
      fail_here("star-in-c-function", "a C function cannot take '*args' or '**kwargs'")
          .hint("make it a 'def' function");
      break;
    }
    list.push_back(parse_c_param());
    if (!accept(Tok::kComma)) break;
  }
  params->range = index_ > first ? range_from(first) : point_here();
  params->params = arena_.list(list);
  return params;
}

Param Parser::parse_c_param() {
  const std::size_t first = index_;
  Param param;
  const bool single_word =
      at(Tok::kName) &&
      (peek() == Tok::kComma || peek() == Tok::kRParen || peek() == Tok::kEqual ||
       peek() == Tok::kNot || peek() == Tok::kOr || peek() == Tok::kColon) &&
      !at_base_word();
  const CType* base = parse_base_type(/*nonempty=*/false);
  const CNamedType* named = try_as<CNamedType>(base);
  if (single_word && named != nullptr && !at(Tok::kComma) && !at(Tok::kRParen)) {
    // `x=1`, `x not None`: that is a name, as nothing else can have a default.
    param.name = named->path[0];
    param.type = make<CImplicitType>(SourceRange{id_, named->range.begin, named->range.begin});
  } else if (single_word && named != nullptr) {
    CNamedType* ambiguous = make<CNamedType>(named->range);
    ambiguous->path = named->path;
    ambiguous->may_be_name = true;
    param.type = ambiguous;
  } else {
    const Declared declared = parse_declarator(base, NameRule::kOptional);
    param.type = declared.type;
    param.name = declared.name;
    param.cname = declared.cname;
  }
  parse_param_tail(param, /*annotated=*/true);
  param.range = range_from(first);
  if (param.none_rule != NoneRule::kUnspecified) {
    complain("none-rule-in-c-function", param.range,
             "only parameters of Python functions can be 'not None' or 'or None'")
        .hint("check it in the function, or make that a 'def' function");
  }
  return param;
}

// Of a Python function or lambda: up to `end`, which is not read.
const Params* Parser::parse_params(Tok end, bool annotated) {
  Params* params = arena_.make<Params>();
  const std::size_t first = index_;
  std::vector<Param> list;
  ParamKind kind = ParamKind::kNormal;
  while (!at(end) && !failed_) {
    const SourceRange range = here();
    if (accept(Tok::kSlash)) {
      if (kind != ParamKind::kNormal || list.empty() ||
          list[0].kind == ParamKind::kPositionalOnly) {
        complain("bad-slash", range, "'/' must follow the positional parameters, and only once");
      }
      for (Param& param : list) param.kind = ParamKind::kPositionalOnly;
    } else if (at(Tok::kStar)) {
      next();
      if (kind != ParamKind::kNormal) complain("bad-star", range, "'*' can be given only once");
      kind = ParamKind::kKeywordOnly;
      if (!at(Tok::kComma)) {
        list.push_back(parse_star_param(ParamKind::kVarArgs, annotated));
      } else if (peek() == end || peek() == Tok::kDoubleStar) {
        complain("bad-star", range, "a name must follow the lone '*'");
      }
    } else if (accept(Tok::kDoubleStar)) {
      list.push_back(parse_star_param(ParamKind::kVarKeywords, annotated));
      accept(Tok::kComma);
      if (!at(end) && !failed_) fail_expected("the end of the parameters after '**'");
      break;
    } else {
      Param param = parse_typed_param(annotated);
      param.kind = kind;
      check_param(param, list);
      list.push_back(param);
    }
    if (!accept(Tok::kComma)) break;
  }
  params->range = index_ > first ? range_from(first) : point_here();
  params->params = arena_.list(list);
  return params;
}

void Parser::check_param(const Param& param, const std::vector<Param>& before) {
  if (param.kind != ParamKind::kNormal || param.default_value != nullptr) return;
  for (const Param& other : before) {
    if (other.default_value == nullptr) continue;
    complain("missing-default", param.range,
             "a parameter without default follows one with a default");
    return;
  }
}

Param Parser::parse_typed_param(bool annotated) {
  const std::size_t first = index_;
  Param param;
  if (is_py()) {
    param.type = implicit_type();
    param.name = read_identifier("the name of a parameter");
  } else {
    const CType* base = parse_base_type(/*nonempty=*/true);
    const Declared declared = parse_declarator(base, NameRule::kRequired);
    param.type = declared.type;
    param.name = declared.name;
    param.cname = declared.cname;
  }
  parse_param_tail(param, annotated);
  param.range = range_from(first);
  return param;
}

Param Parser::parse_star_param(ParamKind kind, bool annotated) {
  const std::size_t first = index_ - 1;
  Param param;
  param.kind = kind;
  param.type = implicit_type();
  param.name = read_identifier("the name of a parameter");
  // *args: *Ts (PEP 646)
  if (annotated && accept(Tok::kColon)) param.annotation = parse_star_or_test();
  if (at(Tok::kEqual)) fail_here("star-default", "a starred parameter cannot have a default");
  param.range = range_from(first);
  return param;
}

// not None, : annotation, = default
void Parser::parse_param_tail(Param& param, bool annotated) {
  if ((at(Tok::kNot) || at(Tok::kOr)) && !is_py()) {
    param.none_rule = at(Tok::kNot) ? NoneRule::kNotNone : NoneRule::kOrNone;
    next();
    if (!accept_word("None")) fail_expected("'None'");
  }
  if (annotated && accept(Tok::kColon)) param.annotation = parse_test();
  if (!accept(Tok::kEqual)) return;
  const bool elsewhere =
      (at(Tok::kStar) || at(Tok::kQuestion)) && (peek() == Tok::kComma || peek() == Tok::kRParen);
  if (elsewhere) {
    next();
    param.default_elsewhere = true;
  } else {
    param.default_value = parse_test();
  }
}

}  // namespace engineroom::syntax
