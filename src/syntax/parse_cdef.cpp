// What begins with cdef, cpdef or ctypedef, and what stands in blocks of it.
#include <string>

#include "syntax/parser.h"

namespace engineroom::syntax {
namespace {

// The names in the brackets of `T f[T, U](T x)`, which were read as the size of an array.
std::vector<Identifier> template_names(const Expr* size) {
  std::vector<Identifier> names;
  const auto add = [&](const Expr* expr) {
    if (const Name* name = try_as<Name>(expr)) names.push_back({name->id, name->range});
  };
  if (const Tuple* tuple = try_as<Tuple>(size)) {
    for (const Expr* item : tuple->elts) add(item);
  } else {
    add(size);
  }
  return names;
}

}  // namespace

// ---- which kind of declaration ----

void Parser::parse_cdef(Stmts& out, const Exprs& decorators) {
  const std::size_t first = index_;
  const bool is_cpdef = at(Tok::kCpdef);
  const bool has_keyword = is_cpdef || at(Tok::kCdef);
  if (has_keyword) next();
  check_cdef_place(first);
  CContext c = context_.c;
  parse_visibility(c);

  if (at(Tok::kFrom) && c.visibility == Visibility::kExtern) {
    out.push_back(parse_extern_block(first, c));
  } else if (at(Tok::kImport) && is_word(index_ + 1, "from")) {
    fail_here("old-extern", "'cdef import' was replaced by 'cdef extern'");
  } else if (at(Tok::kColon) || (at_word("nogil") && peek() == Tok::kColon)) {
    out.push_back(parse_cdef_block(first, c));
  } else if (at(Tok::kClass)) {
    out.push_back(parse_c_class(first, c, /*is_typedef=*/false, decorators));
  } else if ((at_word("cppclass") && peek() == Tok::kName) ||
             (at_struct_word() && context_.place == Place::kCppClass)) {
    out.push_back(parse_cpp_class(first, c, decorators));
  } else if (at_struct_word()) {
    out.push_back(parse_struct(first, c, /*is_typedef=*/false));
  } else if (at_enum_word()) {
    out.push_back(parse_enum(first, c, is_cpdef, /*is_typedef=*/false));
  } else if (at_word("fused") && peek() == Tok::kName && peek(2) == Tok::kColon) {
    out.push_back(parse_fused(first, c));
  } else {
    parse_c_declaration(out, first, c, is_cpdef, decorators);
  }
}

void Parser::check_cdef_place(std::size_t first) {
  const char* where = nullptr;
  const char* hint = "";
  switch (context_.place) {
    case Place::kBlock:
      where = "inside a control structure";
      hint = "declare it before the block; the assignment may stay inside";
      break;
    case Place::kClass:
      where = "inside a Python class";
      hint = "make it a 'cdef class'";
      break;
    case Place::kProperty:
      where = "inside a property";
      break;
    default:
      return;
  }
  complain("cdef-not-here", range_at(first), in_quotes(text_at(first)) + " cannot stand " + where)
      .hint(hint);
}

// public, readonly, extern, api
void Parser::parse_visibility(CContext& c) {
  Visibility visibility = c.visibility;
  if (at_word("public")) visibility = Visibility::kPublic;
  if (at_word("readonly")) visibility = Visibility::kReadonly;
  if (at_word("extern")) visibility = Visibility::kExtern;
  // `cdef public` alone would be a variable of that name.
  const bool is_name = peek() == Tok::kNewline || peek() == Tok::kEqual || peek() == Tok::kComma;
  if (visibility != c.visibility && !is_name) {
    if (c.visibility != Visibility::kPrivate) {
      complain("two-visibilities", here(),
               in_quotes(token_text()) + " contradicts the block around it");
    }
    c.visibility = visibility;
    next();
  } else if (!is_name && (at_word("public") || at_word("readonly") || at_word("extern"))) {
    next();
  }
  if (at_word("api") && (peek() == Tok::kName || peek() == Tok::kClass || peek() == Tok::kColon ||
                         peek() == Tok::kLParen)) {
    c.api = true;
    next();
  }
}

bool Parser::at_struct_word() const {
  const bool is_packed = at_word("packed") && is_word(index_ + 1, "struct");
  return is_packed || ((at_word("struct") || at_word("union")) && peek() == Tok::kName &&
                       (peek(2) == Tok::kColon || peek(2) == Tok::kNewline ||
                        peek(2) == Tok::kString || peek(2) == Tok::kSemicolon));
}

bool Parser::at_enum_word() const {
  if (!at_word("enum")) return false;
  if (peek() == Tok::kColon || peek() == Tok::kClass || peek() == Tok::kString) return true;
  return peek() == Tok::kName && (peek(2) == Tok::kColon || peek(2) == Tok::kString ||
                                  peek(2) == Tok::kName || peek(2) == Tok::kNewline);
}

// ---- variables and functions ----

void Parser::parse_c_declaration(Stmts& out, std::size_t first, CContext c, bool is_cpdef,
                                 const Exprs& decorators) {
  while (at_word("inline") && peek() != Tok::kEqual) {
    c.is_inline = true;
    next();
  }
  if (at(Tok::kDef)) {
    fail_here("cdef-def",
              in_quotes(std::string(text_at(first)) + " def") + " says two things at once")
        .hint("write 'def' for a Python function, 'cdef' or 'cpdef' with a type for a C one");
    return;
  }
  const CType* base = parse_base_type(/*nonempty=*/true);
  Declared declared = parse_declarator(base, NameRule::kRequired);
  if (context_.place == Place::kCppClass) accept_word("const");
  if (at(Tok::kArrow)) {
    complain("c-function-arrow", here(), "a C function has its result type before its name")
        .hint("write 'cdef int f(...)'");
    next();
    parse_test();
  }
  if (at(Tok::kColon) && declared.type->kind == CTypeKind::kFunction) {
    CFuncDef* function = make_c_function(first, c, is_cpdef, decorators, declared);
    function->type = with_names(*function->type);
    parse_c_body(first, *function);
    out.push_back(function);
    return;
  }
  // T f[T](T x):
  if (at(Tok::kColon) && declared.type->kind == CTypeKind::kArray) {
    CFuncDef* function = make_c_function(first, c, is_cpdef, decorators, declared);
    if (function->type != nullptr) {
      parse_c_body(first, *function);
      out.push_back(function);
      return;
    }
  }

  std::vector<CDeclarator> variables;
  for (;;) {
    add_declared(out, first, c, is_cpdef, decorators, declared, variables);
    if (!accept(Tok::kComma) || at(Tok::kNewline)) break;
    declared = parse_declarator(base, NameRule::kRequired);
    if (context_.place == Place::kCppClass) accept_word("const");
  }
  if (!variables.empty()) {
    CVarDef* stmt = make<CVarDef>(range_from(first));
    stmt->context = c;
    stmt->declarators = arena_.list(variables);
    if (is_cpdef) {
      complain("cpdef-variable", range_at(first), "a variable cannot be 'cpdef'")
          .hint("write 'cdef', in a class 'cdef public' or 'cdef readonly'");
    }
    out.push_back(stmt);
  }
  end_statement();
}

void Parser::add_declared(Stmts& out, std::size_t first, const CContext& c, bool is_cpdef,
                          const Exprs& decorators, const Declared& declared,
                          std::vector<CDeclarator>& variables) {
  CFuncDef* function = make_c_function(first, c, is_cpdef, decorators, declared);
  if (function->type != nullptr) {
    function->header = range_from(first);
    function->range = function->header;
    out.push_back(function);
    return;
  }
  CDeclarator variable;
  variable.range = declared.range;
  variable.name = declared.name;
  variable.cname = declared.cname;
  variable.type = declared.type;
  if (accept(Tok::kEqual)) {
    variable.value = parse_test();
    variable.range = join(declared.range, variable.value->range);
  }
  variables.push_back(variable);
}

// Its `type` stays null if this is no function.
// Where a body follows, a parameter of one word is an object of that name, be it the name of a
// type: cdef f(short): ...
const CFunctionType* Parser::with_names(const CFunctionType& type) {
  std::vector<Param> list;
  for (Param param : type.params->params) {
    const auto* basic = try_as<CBasicType>(param.type);
    const auto* word = try_as<CNamedType>(param.type);
    const std::string_view text =
        text_.substr(param.type->range.begin, param.type->range.end - param.type->range.begin);
    const bool is_word = basic != nullptr
                             ? basic->basic != CBasic::kVoid &&
                                   text.find_first_of(" \t\\\n") == std::string_view::npos
                             : word != nullptr && word->may_be_name;
    if (param.name.empty() && is_word) {
      const SourceRange range = param.type->range;
      param.name = Identifier{text, range};
      param.type = make<CImplicitType>(SourceRange{range.source, range.begin, range.begin});
    }
    list.push_back(param);
  }
  Params* params = arena_.make<Params>(*type.params);
  params->params = arena_.list(list);
  CFunctionType* named = make<CFunctionType>(type.range);
  *named = type;
  named->params = params;
  return named;
}

CFuncDef* Parser::make_c_function(std::size_t first, const CContext& c, bool is_cpdef,
                                  const Exprs& decorators, const Declared& declared) {
  CFuncDef* function = make<CFuncDef>(range_from(first));
  function->context = c;
  function->name = declared.name;
  function->cname = declared.cname;
  function->decorators = arena_.list(decorators);
  function->is_cpdef = is_cpdef;
  function->type = try_as<CFunctionType>(declared.type);
  const CArrayType* array = try_as<CArrayType>(declared.type);
  if (array != nullptr && array->element->kind == CTypeKind::kFunction) {
    function->type = &as<CFunctionType>(*array->element);
    function->template_params = arena_.list(template_names(array->size));
  }
  return function;
}

void Parser::parse_c_body(std::size_t first, CFuncDef& function) {
  function.header = range_from(first);
  function.has_body = true;
  Context context;
  context.place = Place::kFunction;
  const bool was_async = in_async_;
  in_async_ = false;
  function.body = parse_suite_in(context, "the head of the function");
  in_async_ = was_async;
  function.range = block_range(first);
}

// ---- blocks ----

// cdef: and cdef public: and cdef nogil:
const Stmt* Parser::parse_cdef_block(std::size_t first, CContext c) {
  if (accept_word("nogil")) c.nogil = true;
  Context context = context_;
  context.in_cdef_block = true;
  context.c = c;
  CDefBlock* block = make<CDefBlock>(here());
  block->context = c;
  block->body = parse_suite_in(context, "'cdef'");
  block->range = block_range(first);
  return block;
}

// cdef extern from "header" namespace "name" nogil:
const Stmt* Parser::parse_extern_block(std::size_t first, CContext c) {
  next();
  CExternBlock* block = make<CExternBlock>(here());
  if (accept(Tok::kStar)) {
    block->any_header = true;
  } else {
    block->header = parse_name_in_quotes("the name of a header, or '*'");
  }
  if (accept_word("namespace")) c.name_space = parse_name_in_quotes("the name of a namespace");
  if (accept_word("nogil")) c.nogil = true;
  block->context = c;
  Context context;
  context.in_cdef_block = true;
  context.c = c;
  block->body = parse_suite_in(context, "the header");
  block->range = block_range(first);
  // A docstring is C text.
  const ExprStmt* doc = block->body.empty() ? nullptr : try_as<ExprStmt>(block->body[0]);
  const Str* text = doc != nullptr ? try_as<Str>(doc->value) : nullptr;
  if (text != nullptr) {
    block->verbatim = text->text.empty() ? text->bytes : text->text;
    block->verbatim_range = text->range;
    block->body = block->body.subspan(1);
  }
  return block;
}

std::string_view Parser::parse_name_in_quotes(std::string_view what) {
  const Str* str = read_string_literal(what);
  if (str == nullptr) return {};
  return str->text.empty() ? str->bytes : str->text;
}

// ---- struct, union, enum, fused ----

const Stmt* Parser::parse_struct(std::size_t first, CContext c, bool is_typedef) {
  CStructDef* stmt = make<CStructDef>(here());
  stmt->context = c;
  stmt->is_typedef = is_typedef;
  stmt->packed = accept_word("packed");
  stmt->struct_kind = at_word("union") ? CStructKind::kUnion : CStructKind::kStruct;
  next();
  stmt->name = read_identifier("the name of a struct");
  stmt->cname = parse_cname();
  stmt->has_body = at(Tok::kColon);
  if (stmt->has_body) {
    Context context;
    context.place = Place::kCppClass;
    context.in_cdef_block = true;
    context.c.visibility = c.visibility;
    stmt->body = parse_suite_in(context, "the name");
    const bool is_empty = stmt->body.size() == 1 && stmt->body[0]->kind == StmtKind::kPass;
    if (is_empty && c.visibility != Visibility::kExtern) {
      complain("empty-struct", stmt->name.range, "a struct of C needs at least one field")
          .hint("to announce it only, leave out the colon and 'pass'");
    }
  } else {
    end_statement();
  }
  stmt->range = block_range(first);
  return stmt;
}

// enum name "cname": and enum: and enum class name(type):
const Stmt* Parser::parse_enum(std::size_t first, CContext c, bool is_cpdef, bool is_typedef) {
  next();
  CEnumDef* stmt = make<CEnumDef>(here());
  stmt->context = c;
  stmt->is_cpdef = is_cpdef;
  stmt->is_typedef = is_typedef;
  stmt->scoped = accept(Tok::kClass) || (at_word("struct") && peek() == Tok::kName);
  if (stmt->scoped && at_word("struct")) next();
  if (at(Tok::kName)) {
    stmt->name = read_identifier("the name of an enum");
    stmt->cname = parse_cname();
  } else if (stmt->scoped) {
    fail_expected("the name of the enum");
  }
  if (accept(Tok::kLParen)) {
    stmt->underlying = parse_type();
    expect(Tok::kRParen, "after the type");
  }
  parse_enum_body(*stmt);
  stmt->range = block_range(first);
  return stmt;
}

void Parser::parse_enum_body(CEnumDef& stmt) {
  if (!expect_colon("'enum'")) return;
  stmt.has_body = true;
  std::vector<CEnumItem> items;
  if (!accept(Tok::kNewline)) {
    parse_enum_line(items);
  } else if (!accept(Tok::kIndent)) {
    complain("missing-block", here(), "expected the items of the enum, indented");
  } else {
    stmt.doc = parse_docstring();
    while (!at(Tok::kDedent) && !at(Tok::kEnd)) {
      const std::size_t line = index_;
      parse_enum_line(items);
      if (!failed_ && index_ != line) continue;
      if (!failed_) fail_expected("an item of the enum");
      Stmts ignored;
      recover(line, ignored);
    }
    accept(Tok::kDedent);
  }
  stmt.items = arena_.list(items);
}

// a, b = 2, c "cname"
void Parser::parse_enum_line(std::vector<CEnumItem>& items) {
  if (!accept(Tok::kPass)) {
    do {
      if (at_line_end()) break;
      const std::size_t first = index_;
      CEnumItem item;
      item.name = read_identifier("the name of an item");
      item.cname = parse_cname();
      if (accept(Tok::kEqual)) item.value = parse_test();
      item.range = range_from(first);
      if (!failed_) items.push_back(item);
    } while (accept(Tok::kComma));
  }
  end_statement();
}

// fused name: one type a line
const Stmt* Parser::parse_fused(std::size_t first, CContext c) {
  next();
  CFusedDef* stmt = make<CFusedDef>(here());
  stmt->context = c;
  stmt->name = read_identifier("the name of a fused type");
  if (!expect_colon("the name")) return stmt;
  std::vector<const CType*> types;
  const bool is_block = accept(Tok::kNewline);
  if (is_block && !accept(Tok::kIndent)) {
    complain("missing-block", here(), "expected the types, one a line, indented");
    return stmt;
  }
  do {
    const std::size_t line = index_;
    if (!accept(Tok::kPass)) types.push_back(parse_type());
    end_statement();
    if (failed_) {
      Stmts ignored;
      recover(line, ignored);
    }
  } while (is_block && !at(Tok::kDedent) && !at(Tok::kEnd));
  if (is_block) accept(Tok::kDedent);
  stmt->types = arena_.list(types);
  stmt->range = block_range(first);
  return stmt;
}

const Stmt* Parser::parse_ctypedef() {
  const std::size_t first = index_;
  check_cdef_place(first);
  next();
  CContext c = context_.c;
  parse_visibility(c);
  if (at(Tok::kClass)) return parse_c_class(first, c, /*is_typedef=*/true, {});
  if (at_struct_word()) return parse_struct(first, c, /*is_typedef=*/true);
  if (at_enum_word()) return parse_enum(first, c, /*is_cpdef=*/false, /*is_typedef=*/true);
  if (at_word("fused") && peek() == Tok::kName && peek(2) == Tok::kColon)
    return parse_fused(first, c);

  CTypedef* stmt = make<CTypedef>(here());
  stmt->context = c;
  const CType* base = parse_base_type(/*nonempty=*/true);
  const Declared declared = parse_declarator(base, NameRule::kRequired);
  stmt->declarator = {declared.range, declared.name, declared.cname, declared.type, nullptr};
  stmt->range = range_from(first);
  end_statement();
  return stmt;
}

// ---- classes ----

// class module.Name as Other (bases) [options]: body
const Stmt* Parser::parse_c_class(std::size_t first, CContext c, bool is_typedef,
                                  const Exprs& decorators) {
  next();
  CClassDef* stmt = make<CClassDef>(here());
  stmt->context = c;
  stmt->is_typedef = is_typedef;
  stmt->decorators = arena_.list(decorators);
  const std::size_t name_first = index_;
  stmt->name = read_identifier("the name of a class");
  while (accept(Tok::kDot)) {
    const std::uint32_t begin = tokens_[name_first].begin;
    const std::uint32_t end = tokens_[index_ - 2].end;
    stmt->module_name = text_.substr(begin, end - begin);
    stmt->name = read_identifier("the name of a class");
  }
  if (accept(Tok::kAs)) stmt->as_name = read_identifier("a name");
  if (at(Tok::kLParen)) {
    Exprs bases;
    std::vector<Keyword> keywords;
    parse_arguments(bases, keywords);
    stmt->bases = arena_.list(bases);
    stmt->keywords = arena_.list(keywords);
  }
  if (accept(Tok::kLBracket)) parse_c_class_options(stmt->options);
  stmt->has_body = at(Tok::kColon) || (at(Tok::kNewline) && peek() == Tok::kIndent);
  if (stmt->has_body) {
    Context context;
    context.place = Place::kCClass;
    stmt->body = parse_suite_in(context, "the head of the class");
  } else {
    end_statement();
  }
  stmt->range = block_range(first);
  return stmt;
}

// object Name, type Name, check_size how]
void Parser::parse_c_class_options(CClassOptions& options) {
  while (!at(Tok::kRBracket) && !failed_) {
    std::string_view* option = at_word("object")       ? &options.objstruct
                               : at_word("type")       ? &options.typeobj
                               : at_word("check_size") ? &options.check_size
                                                       : nullptr;
    if (option == nullptr) {
      fail_expected("'object', 'type' or 'check_size'");
      return;
    }
    next();
    const Identifier value = read_identifier("a name");
    if (option == &options.check_size && value.text != "error" && value.text != "warn" &&
        value.text != "ignore" && value.text != "opaque") {
      complain("bad-check-size", value.range,
               "'check_size' is one of error, warn, ignore and opaque");
    }
    *option = value.text;
    if (!accept(Tok::kComma)) break;
  }
  expect(Tok::kRBracket, "after the options of the class");
}

// cppclass name "cname" [T, U=*] (bases) nogil: body. Also `struct` and `union` within a C++ class.
const Stmt* Parser::parse_cpp_class(std::size_t first, CContext c, const Exprs& decorators) {
  next();
  CppClassDef* stmt = make<CppClassDef>(here());
  stmt->decorators = arena_.list(decorators);
  stmt->name = read_identifier("the name of a C++ class");
  stmt->cname = parse_cname();
  std::vector<CppTemplateParam> params;
  if (accept(Tok::kLBracket)) {
    do {
      CppTemplateParam param;
      param.name = read_identifier("the name of a template parameter");
      if (accept(Tok::kEqual)) {
        param.optional = true;
        expect_star();
      }
      params.push_back(param);
    } while (accept(Tok::kComma));
    expect(Tok::kRBracket, "after the template parameters");
  }
  stmt->template_params = arena_.list(params);
  std::vector<const CType*> bases;
  if (accept(Tok::kLParen)) {
    while (!at(Tok::kRParen) && !failed_) {
      bases.push_back(parse_base_type(/*nonempty=*/false));
      if (!accept(Tok::kComma)) break;
    }
    expect(Tok::kRParen, "after the bases");
  }
  stmt->bases = arena_.list(bases);
  if (accept_word("nogil")) c.nogil = true;
  stmt->context = c;
  stmt->has_body = at(Tok::kColon);
  if (stmt->has_body) {
    Context context;
    context.place = Place::kCppClass;
    context.in_cdef_block = true;
    context.c.visibility = c.visibility;
    context.c.nogil = c.nogil;
    stmt->body = parse_suite_in(context, "the head of the class");
  } else {
    end_statement();
  }
  stmt->range = block_range(first);
  return stmt;
}

// The `*` of `T=*`.
void Parser::expect_star() {
  if (!accept(Tok::kStar)) fail_expected("'*', as its default is in the C++ declaration");
}

// property name: body
const Stmt* Parser::parse_property() {
  const std::size_t first = index_;
  next();
  PropertyDef* stmt = make<PropertyDef>(here());
  stmt->name = read_identifier("the name of a property");
  Context context;
  context.place = Place::kProperty;
  stmt->body = parse_suite_in(context, "the name of the property");
  stmt->range = block_range(first);
  return stmt;
}

}  // namespace engineroom::syntax
