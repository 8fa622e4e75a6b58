// syntax/parser.h — the recursive-descent parser behind parse(). Not for other folders.
//
// One class whose member functions are spread over parse_*.cpp by what they read. They share these
// rules:
//
// - A function is called with the current token at the start of what it reads, and leaves the
//   current token behind it.
// - fail() reports a mistake and moves to the end of the line, where no rule finds anything to
//   read: all callers return as they are, silently, to the loop over statements, which goes on with
//   the next line. Loops therefore end by themselves; results may hold ErrorExpr.
// - Whether a text is a type or an expression is decided by looking ahead over tokens (skip_type),
//   never by trying: trying costs exponential time in nested brackets.
// - Recursion passes through a Nesting, which limits it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "syntax/lexer.h"
#include "syntax/parse.h"
#include "syntax/token.h"
#include "syntax/tree.h"

namespace engineroom::syntax {

class Parser {
 public:
  Parser(const Sources& sources, SourceId id, const ParseOptions& options, Arena& arena,
         Diagnostics& diagnostics);

  const Module* parse_module();

 private:
  using Exprs = std::vector<const Expr*>;
  using Stmts = std::vector<const Stmt*>;

  // Where a statement stands, which decides what may stand there.
  enum class Place : std::uint8_t {
    kModule,
    kFunction,
    kClass,
    kCClass,
    kCppClass,
    kProperty,
    kBlock,    // within if, for, while, try, with
    kUnknown,  // behind a mistake: everything may stand here
  };
  struct Context {
    Place place = Place::kModule;
    bool in_cdef_block = false;  // declarations stand here without their own `cdef`
    CContext c;                  // what the blocks around pass down
  };
  // Changes the context until the end of a scope.
  class ContextScope {
   public:
    ContextScope(Parser& parser, Context context) : parser_(parser), saved_(parser.context_) {
      parser.context_ = context;
    }
    ~ContextScope() { parser_.context_ = saved_; }
    ContextScope(const ContextScope&) = delete;
    ContextScope& operator=(const ContextScope&) = delete;

   private:
    Parser& parser_;
    Context saved_;
  };
  // One level of nesting; not ok() if that is one too many, which has then been reported.
  class Nesting {
   public:
    explicit Nesting(Parser& parser) : parser_(parser), ok_(parser.enter()) {}
    ~Nesting() { --parser_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    bool ok() const { return ok_; }

   private:
    Parser& parser_;
    bool ok_;
  };

  // ---- tokens: parser.cpp ----
  const Token& token() const { return tokens_[index_]; }
  Tok kind() const { return tokens_[index_].kind; }
  Tok peek(std::size_t n = 1) const {
    return tokens_[std::min(index_ + n, tokens_.size() - 1)].kind;
  }
  bool at(Tok kind) const { return token().kind == kind; }
  bool at_word(std::string_view word) const { return is_word(index_, word); }
  bool is_word(std::size_t index, std::string_view word) const {
    return index < tokens_.size() && tokens_[index].kind == Tok::kName && text_at(index) == word;
  }
  bool at_line_end() const { return at(Tok::kNewline) || at(Tok::kEnd); }
  bool at_statement_end() const { return at_line_end() || at(Tok::kSemicolon); }
  std::string_view text_at(std::size_t index) const {
    return text_.substr(tokens_[index].begin, tokens_[index].end - tokens_[index].begin);
  }
  std::string_view token_text() const { return text_at(index_); }
  void next() {
    if (!at(Tok::kEnd)) ++index_;
  }
  bool accept(Tok kind);
  bool accept_word(std::string_view word);
  // Reports and returns false if the current token is another. `where` completes the message:
  // "expected ')' after the arguments".
  bool expect(Tok kind, std::string_view where);
  SourceRange range_at(std::size_t index) const {
    return {id_, tokens_[index].begin, tokens_[index].end};
  }
  // From the token at `first` to the last token read.
  SourceRange range_from(std::size_t first) const;
  // The same without the ends of lines and blocks at its end.
  SourceRange block_range(std::size_t first) const;
  SourceRange here() const { return range_at(index_); }
  SourceRange point_here() const { return {id_, token().begin, token().begin}; }
  std::string describe_token() const;

  Diagnostics::Added fail(std::string_view code, SourceRange range, std::string message);
  Diagnostics::Added fail_here(std::string_view code, std::string message) {
    return fail(code, here(), std::move(message));
  }
  // "expected X, found Y"
  Diagnostics::Added fail_expected(std::string_view what);
  // ---- habits_of_c.cpp: what is meant, as a hint; may be empty ----
  std::string hint_for_c() const;
  std::string hint_for_increment() const;
  std::string hint_for_loop_variable(const Expr& target) const;

  // Reports without giving up on the line.
  Diagnostics::Added complain(std::string_view code, SourceRange range, std::string message);
  // Syntax of Python 2 at a later level. Cython accepts it, CPython does not.
  Diagnostics::Added complain_old(std::string_view code, SourceRange range, std::string message);
  bool enter();
  Identifier read_identifier(std::string_view what);
  Identifier read_dotted_name(std::string_view what);
  bool is_py() const { return options_.file_kind == FileKind::kPy; }
  bool is_pxd() const { return options_.file_kind == FileKind::kPxd; }
  bool is_level2() const { return level_ == LanguageLevel::k2; }

  template <typename T>
  T* make(SourceRange range) {
    return arena_.make<T>(range);
  }
  // Completes an expression: computes its height.
  const Expr* done(Expr* expr);
  const Expr* error_expr();
  // The same for a type of the given parts.
  const CType* done(CType* type, std::size_t height_of_parts);
  std::uint16_t checked_height(std::size_t height, SourceRange range);

  // ---- head of the text: parse_head.cpp ----
  void read_directives(Module& module);
  void read_directive_list(SourceRange range, std::vector<Directive>& out);
  void apply_level(const Directive& directive);
  void note_future_import(const ImportFrom& import);

  // ---- expressions: parse_expr.cpp ----
  const Expr* parse_test();
  const Expr* parse_named_test();
  const Expr* parse_or();
  const Expr* parse_and();
  const Expr* parse_not();
  const Expr* parse_comparison();
  std::optional<CompareOperator> accept_comparison();
  const Expr* parse_binary(int min_precedence = 0);
  const Expr* parse_unary();
  const Expr* parse_prefixed(std::size_t first);
  const Expr* parse_power();
  const Expr* parse_lambda();
  const Expr* parse_yield();
  const Expr* parse_cast();
  const Expr* parse_sizeof();
  const Expr* parse_new();
  // A test or a starred expression.
  const Expr* parse_star_or_test();
  // One expression, or several with commas as a tuple.
  const Expr* parse_star_list();
  const Expr* parse_star_list_or_yield();
  bool at_expression_start() const;
  bool at_await() const;

  // ---- what follows an atom: parse_postfix.cpp ----
  const Expr* parse_postfix(const Expr* expr, std::size_t first);
  Identifier read_attribute_name();
  void parse_arguments(Exprs& args, std::vector<Keyword>& keywords);
  void parse_argument(Exprs& args, std::vector<Keyword>& keywords);
  const Expr* parse_subscript(const Expr* value, std::size_t first);
  const Expr* parse_index();
  const Expr* parse_slice(const Expr* lower, std::size_t first);

  // ---- targets: parse_target.cpp ----
  // What stands between `for` and `in`.
  const Expr* parse_target_list();
  // Complains unless the expression can be assigned to. `verb` is "assigned to", "deleted".
  void check_target(const Expr& expr, std::string_view verb);

  // ---- atoms: parse_atom.cpp ----
  const Expr* parse_atom();
  const Expr* parse_name();
  const Expr* parse_number();
  const Expr* parse_paren();
  const Expr* parse_list();
  const Expr* parse_brace();
  const Expr* parse_dict(std::size_t first, const Expr* key);
  const Expr* parse_set(std::size_t first, const Expr* item);
  const Expr* parse_repr();
  bool at_comprehension() const;
  List<Comprehension> parse_comprehension(bool is_scoped = true);

  // ---- strings: parse_string.cpp ----
  class StringBuilder;
  const Expr* parse_strings();
  const Expr* finish_strings(StringBuilder& builder, std::string_view kinds, SourceRange range);
  void read_fstring(StringBuilder& builder, bool raw);
  const Expr* parse_field(StringBuilder& builder, bool raw);
  const JoinedStr* parse_format_spec(bool raw);
  const Str* read_string_literal(std::string_view what);
  const Str* parse_docstring();

  // ---- statements: parse_stmt.cpp ----
  void parse_statements(Stmts& out);
  void parse_statement(Stmts& out);
  void parse_statement_line(Stmts& out);
  const Stmt* parse_simple_statement();
  const Stmt* parse_expression_statement();
  const Stmt* parse_assignment(const Expr* first_target, std::size_t first);
  const Stmt* parse_return();
  const Stmt* parse_delete();
  const Stmt* parse_raise();
  const Stmt* parse_assert();
  const Stmt* parse_scope_statement();
  const Stmt* parse_import();
  const Stmt* parse_from_import();
  Alias parse_alias(bool dotted);
  const Stmt* parse_type_alias();
  void note_semicolon();
  const Stmt* parse_old_statement(const Name& name, std::size_t first);
  const Stmt* parse_print();
  const Stmt* parse_exec();
  const Stmt* parse_include();
  const Stmt* parse_compile_time_def();
  void end_statement();
  void recover(std::size_t first, Stmts& out);
  void skip_block();
  const Stmt* parse_compound_statement();
  const Stmt* parse_orphan();
  const Stmt* parse_annotated(const Expr* target, std::size_t first);
  const Stmt* parse_augmented(const Expr* target, std::size_t first);
  std::vector<Alias> parse_imported_names();

  // ---- compound statements: parse_compound.cpp ----
  Block parse_suite(std::string_view after);
  Block parse_suite_in(Context context, std::string_view after);
  Block parse_block_suite(std::string_view after);
  bool expect_colon(std::string_view after);
  const Stmt* parse_if();
  const Stmt* parse_compile_time_if();
  const Stmt* parse_while();
  const Stmt* parse_for(std::size_t first, bool is_async);
  const Stmt* parse_for_from(std::size_t first, const Expr* target, const Expr* lower);
  const Stmt* parse_try();
  ExceptHandler parse_handler(bool& is_star);
  bool binds_as_of_old(const Exprs& parts) const;
  const Stmt* parse_with(std::size_t first, bool is_async);
  bool with_items_are_parenthesized() const;
  struct WithEntry;
  WithEntry parse_with_entry();
  const Stmt* make_with(const std::vector<WithEntry>& entries, Block body, SourceRange range,
                        bool is_async);
  ForBounds parse_for_bounds(const Expr*& target, const Expr* lower);
  static bool is_relation(Tok kind);
  CompareOperator parse_relation();
  const Stmt* parse_function(const Exprs& decorators, bool is_async);
  const Stmt* parse_class(const Exprs& decorators);
  List<TypeParam> parse_type_params();
  TypeParam parse_type_param();
  Exprs parse_decorators();
  void parse_decorated(Stmts& out);
  bool at_match_statement() const;

  // ---- match: parse_match.cpp ----
  const Stmt* parse_match();
  MatchCase parse_case();
  const Pattern* parse_open_pattern();
  const Pattern* parse_star_pattern();
  const Pattern* parse_pattern();
  const Pattern* parse_closed_pattern();
  const Pattern* parse_literal_pattern();
  const Pattern* parse_name_pattern();
  const Pattern* parse_class_pattern(const Expr* cls, std::size_t first);
  const Pattern* parse_sequence_pattern();
  const Pattern* parse_mapping_pattern();
  const Expr* parse_literal_key();
  const Expr* parse_pattern_number();
  const Pattern* error_pattern();

  // ---- C types: parse_ctype.cpp ----
  // A name with its complete type.
  struct Declared {
    SourceRange range;
    Identifier name;
    std::string_view cname;
    const CType* type = nullptr;
    std::string_view calling_convention;
  };
  enum class NameRule : std::uint8_t { kRequired, kOptional, kForbidden };
  struct Suffix;

  // If a type begins at the token `index`: the index behind it, with pointers and arrays. 0 if not.
  std::size_t skip_type(std::size_t index) const;
  std::size_t skip_base_type(std::size_t index) const;
  // The same, but only if it cannot also be read as an expression.
  bool is_surely_type(std::size_t index) const;
  bool at_base_word() const;
  // `nonempty`: a name must follow, so that a single word is the name and not the type.
  const CType* parse_base_type(bool nonempty);
  const CType* parse_qualified(bool nonempty);
  const CType* parse_basic_type();
  const CType* parse_named_type(bool nonempty);
  const CType* parse_paren_type();
  const CType* parse_type_suffixes(const CType* type, std::size_t first);
  bool at_memory_view_axes() const;
  const CType* parse_memory_view(const CType* element, std::size_t first);
  const CType* parse_brackets(const CType* base, std::size_t first);
  const CType* parse_array_brackets(const CType* element, std::size_t first);
  const Expr* parse_template_argument();
  bool single_word_is_name() const;
  // A whole type without a name: in casts, sizeof, template arguments.
  const CType* parse_type();
  const CType* implicit_type();
  const CType* error_type();

  // ---- declarators and parameters: parse_declarator.cpp ----
  Declared parse_declarator(const CType* base, NameRule rule);
  const CType* parse_pointers(const CType* base, std::size_t first);
  const CType* parse_pointer_qualifiers(const CType* pointer, std::size_t first);
  const Expr* parse_postfix_names(std::size_t first);
  bool is_calling_convention(std::size_t index) const;
  void parse_declared_name(Declared& declared, NameRule rule);
  Identifier parse_operator_name();
  std::vector<Suffix> parse_declarator_suffixes();
  const CType* apply_suffixes(const CType* type, const std::vector<Suffix>& suffixes,
                              std::string_view calling_convention);
  bool at_nested_declarator() const;
  std::string_view accept_calling_convention();
  std::string_view parse_cname();
  ExceptClause parse_except_clause();
  void parse_function_tail(Suffix& suffix);

  const Params* parse_c_params();
  const Params* parse_params(Tok end, bool annotated);
  Param parse_c_param();
  Param parse_typed_param(bool annotated);
  Param parse_star_param(ParamKind kind, bool annotated);
  void parse_param_tail(Param& param, bool annotated);
  void check_param(const Param& param, const std::vector<Param>& before);

  // ---- C declarations: parse_cdef.cpp ----
  void parse_cdef(Stmts& out, const Exprs& decorators);
  void check_cdef_place(std::size_t first);
  void parse_visibility(CContext& c);
  bool at_struct_word() const;
  bool at_enum_word() const;
  void parse_c_declaration(Stmts& out, std::size_t first, CContext c, bool is_cpdef,
                           const Exprs& decorators);
  void add_declared(Stmts& out, std::size_t first, const CContext& c, bool is_cpdef,
                    const Exprs& decorators, const Declared& declared,
                    std::vector<CDeclarator>& variables);
  CFuncDef* make_c_function(std::size_t first, const CContext& c, bool is_cpdef,
                            const Exprs& decorators, const Declared& declared);
  const CFunctionType* with_names(const CFunctionType& type);
  void parse_c_body(std::size_t first, CFuncDef& function);
  const Stmt* parse_cdef_block(std::size_t first, CContext c);
  const Stmt* parse_extern_block(std::size_t first, CContext c);
  std::string_view parse_name_in_quotes(std::string_view what);
  const Stmt* parse_struct(std::size_t first, CContext c, bool is_typedef);
  const Stmt* parse_enum(std::size_t first, CContext c, bool is_cpdef, bool is_typedef);
  void parse_enum_body(CEnumDef& stmt);
  void parse_enum_line(std::vector<CEnumItem>& items);
  const Stmt* parse_fused(std::size_t first, CContext c);
  const Stmt* parse_ctypedef();
  const Stmt* parse_c_class(std::size_t first, CContext c, bool is_typedef,
                            const Exprs& decorators);
  void parse_c_class_options(CClassOptions& options);
  const Stmt* parse_cpp_class(std::size_t first, CContext c, const Exprs& decorators);
  void expect_star();
  const Stmt* parse_property();

  const SourceId id_;
  const std::string_view text_;
  const ParseOptions& options_;
  Arena& arena_;
  Diagnostics& diagnostics_;
  LexedText lexed_;
  const std::vector<Token>& tokens_;

  std::size_t index_ = 0;
  int depth_ = 0;
  bool failed_ = false;  // a mistake in this line was reported
  bool is_whole_;
  LanguageLevel level_;
  Context context_;
  // `from __future__ import ...`
  bool print_function_ = false;
  bool unicode_literals_ = false;
  bool in_async_ = false;  // directly in an async def: await is a keyword
};

}  // namespace engineroom::syntax
