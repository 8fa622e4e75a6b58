// The loop over statements, recovery from mistakes, and the simple statements.
#include <string>

#include "syntax/parser.h"

namespace engineroom::syntax {

// ---- the loop ----

void Parser::parse_statements(Stmts& out) {
  while (!at(Tok::kDedent) && !at(Tok::kEnd)) {
    const std::size_t first = index_;
    parse_statement(out);
    if (failed_) {
      recover(first, out);
    } else if (index_ == first) {
      // No rule wanted this token and none complained: cannot be, but must not hang.
      fail_expected("a statement");
    }
  }
}

// Goes on behind a line with a mistake. A block that hangs on the line is read for its own
// mistakes.
void Parser::recover(std::size_t first, Stmts& out) {
  failed_ = false;
  out.push_back(make<ErrorStmt>(range_from(first)));
  accept(Tok::kNewline);
  if (!at(Tok::kIndent)) return;
  const Tok start = tokens_[first].kind;
  const bool is_c = start == Tok::kCdef || start == Tok::kCpdef || start == Tok::kCtypedef;
  if (is_c || context_.in_cdef_block) return skip_block();

  Context context = context_;
  context.place = Place::kUnknown;
  const ContextScope scope(*this, context);
  next();
  parse_statements(out);
  accept(Tok::kDedent);
}

void Parser::skip_block() {
  int depth = 0;
  do {
    if (at(Tok::kIndent)) ++depth;
    if (at(Tok::kDedent)) --depth;
    next();
  } while (depth > 0 && !at(Tok::kEnd));
}

void Parser::parse_statement(Stmts& out) {
  switch (kind()) {
    case Tok::kIndent:
      complain("unexpected-indent", here(), "this line is indented more than the one above it")
          .hint("remove the blanks, or end the line above with ':' if this is its block");
      next();
      parse_statements(out);
      accept(Tok::kDedent);
      return;
    case Tok::kAt:
      return parse_decorated(out);
    case Tok::kCdef:
    case Tok::kCpdef:
      return parse_cdef(out, {});
    case Tok::kCtypedef:
      out.push_back(parse_ctypedef());
      return;
    case Tok::kDEF:
      out.push_back(parse_compile_time_def());
      return;
    case Tok::kIF:
      out.push_back(parse_compile_time_if());
      return;
    case Tok::kNewline:
      next();
      return;
    default:
      break;
  }
  if (context_.in_cdef_block && !at(Tok::kPass) && !at(Tok::kString)) {
    if (!at(Tok::kDef)) return parse_cdef(out, {});
    fail_here("python-in-cdef-block", "'def' cannot stand among C declarations")
        .hint("close the block before it");
    return;
  }
  if (const Stmt* stmt = parse_compound_statement()) {
    out.push_back(stmt);
    return;
  }
  parse_statement_line(out);
}

// Null if none begins here.
const Stmt* Parser::parse_compound_statement() {
  const std::size_t first = index_;
  switch (kind()) {
    case Tok::kIf:
      return parse_if();
    case Tok::kWhile:
      return parse_while();
    case Tok::kFor:
      return parse_for(first, false);
    case Tok::kTry:
      return parse_try();
    case Tok::kWith:
      return parse_with(first, false);
    case Tok::kDef:
      return parse_function({}, false);
    case Tok::kClass:
      return parse_class({});
    case Tok::kElif:
    case Tok::kElse:
    case Tok::kExcept:
    case Tok::kFinally:
    case Tok::kELIF:
    case Tok::kELSE:
      return parse_orphan();
    case Tok::kName:
      break;
    default:
      return nullptr;
  }
  if (at_word("async")) {
    if (peek() == Tok::kDef) {
      next();
      return parse_function({}, true);
    }
    if (peek() == Tok::kFor || peek() == Tok::kWith) {
      next();
      return at(Tok::kFor) ? parse_for(first, true) : parse_with(first, true);
    }
  }
  if (at_match_statement()) return parse_match();
  if (context_.place == Place::kCClass && at_word("property") && peek() == Tok::kName && !is_py())
    return parse_property();
  return nullptr;
}

// `else` without `if`, and the like.
const Stmt* Parser::parse_orphan() {
  const std::size_t first = index_;
  const std::string word(token_text());
  const bool of_try = at(Tok::kExcept) || at(Tok::kFinally);
  fail_here("orphan-clause", in_quotes(word) + " belongs to no " +
                                 (of_try ? "'try'" : "'if', 'for', 'while' or 'try'") +
                                 " before it")
      .hint("is it indented as the statement it belongs to?");
  return make<ErrorStmt>(range_from(first));
}

// Simple statements on one line.
void Parser::parse_statement_line(Stmts& out) {
  do {
    if (at_line_end()) break;
    out.push_back(parse_simple_statement());
    if (at(Tok::kSemicolon) && peek() == Tok::kNewline) note_semicolon();
  } while (accept(Tok::kSemicolon));
  end_statement();
}

void Parser::note_semicolon() {
  diagnostics_.warning("semicolon", here(), "a semicolon at the end of a line does nothing");
}

void Parser::end_statement() {
  if (failed_ || accept(Tok::kNewline) || at(Tok::kEnd)) return;
  // C declarations may end with a semicolon, as in C.
  if (at(Tok::kSemicolon) && peek() == Tok::kNewline) {
    note_semicolon();
    next();
    next();
    return;
  }
  const Tok before = index_ > 1 ? tokens_[index_ - 2].kind : Tok::kNewline;
  const bool declares = at(Tok::kName) && index_ > 0 && tokens_[index_ - 1].kind == Tok::kName &&
                        (before <= Tok::kDedent || before == Tok::kSemicolon) &&
                        (peek() == Tok::kNewline || peek() == Tok::kEqual || peek() == Tok::kComma);
  const std::string previous(index_ > 0 ? text_at(index_ - 1) : "");
  const std::string found(token_text());
  const bool is_error = at(Tok::kError);
  std::string habit = hint_for_c();
  const Diagnostics::Added added =
      fail_here("unexpected-token", "expected the end of the statement, found " + describe_token());
  if (is_error) return;
  if (is_py() && (previous == "cdef" || previous == "cpdef" || previous == "ctypedef" ||
                  previous == "cimport")) {
    added.hint("C declarations need a .pyx file or a cell of Cython");
  } else if (declares) {
    added.hint("to declare a C variable, write 'cdef " + previous + " " + found + "'");
  } else {
    added.hint(std::move(habit));
  }
}

// ---- simple statements ----

const Stmt* Parser::parse_simple_statement() {
  const std::size_t first = index_;
  switch (kind()) {
    case Tok::kPass:
      next();
      return make<Pass>(range_from(first));
    case Tok::kBreak:
      next();
      return make<Break>(range_from(first));
    case Tok::kContinue:
      next();
      return make<Continue>(range_from(first));
    case Tok::kReturn:
      return parse_return();
    case Tok::kDel:
      return parse_delete();
    case Tok::kRaise:
      return parse_raise();
    case Tok::kAssert:
      return parse_assert();
    case Tok::kGlobal:
    case Tok::kNonlocal:
      return parse_scope_statement();
    case Tok::kImport:
    case Tok::kCimport:
      return parse_import();
    case Tok::kFrom:
      return parse_from_import();
    case Tok::kName:
      break;
    default:
      return parse_expression_statement();
  }
  if (is_level2() && !print_function_ && at_word("print")) return parse_print();
  if (is_level2() && at_word("exec")) return parse_exec();
  if (at_word("type") && peek() == Tok::kName &&
      (peek(2) == Tok::kEqual || peek(2) == Tok::kLBracket))
    return parse_type_alias();
  if (at_word("include") && peek() == Tok::kString && !is_py()) return parse_include();
  return parse_expression_statement();
}

const Stmt* Parser::parse_expression_statement() {
  const std::size_t first = index_;
  const Expr* expr = parse_star_list_or_yield();
  if (at(Tok::kEqual)) return parse_assignment(expr, first);
  if (at(Tok::kColon) && expr->kind != ExprKind::kError) return parse_annotated(expr, first);
  if (is_augmented_assignment(kind())) return parse_augmented(expr, first);

  if (const Name* name = try_as<Name>(expr);
      name != nullptr && at_expression_start() && (name->id == "print" || name->id == "exec"))
    return parse_old_statement(*name, first);
  ExprStmt* stmt = make<ExprStmt>(range_from(first));
  stmt->value = expr;
  return stmt;
}

// `print x` where print is a function: what is meant is clear, so what follows can be checked too.
const Stmt* Parser::parse_old_statement(const Name& name, std::size_t first) {
  const Diagnostics::Added added = complain(
      "old-statement", name.range, in_quotes(name.id) + " is a function at language level 3");
  index_ = first;
  const Stmt* stmt = name.id == "print" ? parse_print() : parse_exec();
  const bool has_file = name.id == "print" && as<Print>(*stmt).file != nullptr;
  const std::uint32_t end = stmt->range.end;
  const std::string_view values = text_.substr(name.range.end, end - name.range.end);
  const std::size_t blanks = std::min(values.find_first_not_of(' '), values.size());
  const std::string_view written = values.substr(blanks);
  const bool is_short = !has_file && name.id == "print" && written.size() <= 40 &&
                        written.find('\n') == std::string_view::npos;
  const std::string call =
      std::string(name.id) + "(" + (is_short ? std::string(written) : "...") + ")";
  added.hint("write " + in_quotes(call) + ", or set language_level=2");
  return stmt;
}

const Stmt* Parser::parse_assignment(const Expr* first_target, std::size_t first) {
  Exprs values{first_target};
  while (accept(Tok::kEqual)) values.push_back(parse_star_list_or_yield());
  const Expr* value = values.back();
  values.pop_back();
  for (const Expr* target : values) {
    check_target(*target, "assigned to");
    if (target->kind == ExprKind::kStarred) {
      complain("lone-star", target->range, "a starred target must be in a list or tuple")
          .hint("write '*x, = ...'");
    }
  }
  Assign* stmt = make<Assign>(range_from(first));
  stmt->targets = arena_.list(values);
  stmt->value = value;
  return stmt;
}

// target: annotation = value
const Stmt* Parser::parse_annotated(const Expr* target, std::size_t first) {
  if (target->kind != ExprKind::kName && target->kind != ExprKind::kAttribute &&
      target->kind != ExprKind::kSubscript) {
    fail_expected("the end of the statement");
    return make<ErrorStmt>(range_from(first));
  }
  next();
  AnnAssign* stmt = make<AnnAssign>(here());
  stmt->target = target;
  stmt->annotation = parse_test();
  if (accept(Tok::kEqual)) stmt->value = parse_star_list_or_yield();
  stmt->range = range_from(first);
  return stmt;
}

const Stmt* Parser::parse_augmented(const Expr* target, std::size_t first) {
  check_target(*target, "assigned to");
  if (target->kind == ExprKind::kTuple || target->kind == ExprKind::kList) {
    complain("bad-target", target->range,
             in_quotes(token_text()) + " cannot assign to several targets");
  }
  AugAssign* stmt = make<AugAssign>(here());
  stmt->target = target;
  stmt->op = static_cast<Operator>(static_cast<int>(kind()) - static_cast<int>(Tok::kPlusEqual));
  next();
  stmt->value = parse_star_list_or_yield();
  stmt->range = range_from(first);
  return stmt;
}

const Stmt* Parser::parse_return() {
  const std::size_t first = index_;
  next();
  Return* stmt = make<Return>(here());
  if (!at_statement_end()) stmt->value = parse_star_list();
  stmt->range = range_from(first);
  return stmt;
}

const Stmt* Parser::parse_delete() {
  const std::size_t first = index_;
  next();
  Exprs targets;
  do {
    if (at_statement_end()) break;
    targets.push_back(parse_binary());
    check_target(*targets.back(), "deleted");
  } while (accept(Tok::kComma));
  if (targets.empty()) fail_expected("what to delete");
  Delete* stmt = make<Delete>(range_from(first));
  stmt->targets = arena_.list(targets);
  return stmt;
}

const Stmt* Parser::parse_raise() {
  const std::size_t first = index_;
  next();
  Raise* stmt = make<Raise>(here());
  if (!at_statement_end()) {
    stmt->exc = parse_test();
    if (accept(Tok::kFrom)) {
      stmt->cause = parse_test();
    } else if (at(Tok::kComma)) {
      if (!is_level2()) {
        complain_old("old-raise", here(), "'raise E, value' is syntax of Python 2")
            .hint("write 'raise E(value)'");
      }
      next();
      stmt->value = parse_test();
      if (accept(Tok::kComma)) stmt->traceback = parse_test();
    }
  }
  stmt->range = range_from(first);
  return stmt;
}

const Stmt* Parser::parse_assert() {
  const std::size_t first = index_;
  next();
  Assert* stmt = make<Assert>(here());
  stmt->test = parse_named_test();
  if (accept(Tok::kComma)) stmt->message = parse_test();
  stmt->range = range_from(first);
  return stmt;
}

const Stmt* Parser::parse_scope_statement() {
  const std::size_t first = index_;
  const bool is_global = at(Tok::kGlobal);
  next();
  std::vector<Identifier> names;
  do {
    names.push_back(read_identifier("a name"));
  } while (accept(Tok::kComma));
  if (is_global) {
    Global* stmt = make<Global>(range_from(first));
    stmt->names = arena_.list(names);
    return stmt;
  }
  Nonlocal* stmt = make<Nonlocal>(range_from(first));
  stmt->names = arena_.list(names);
  return stmt;
}

// ---- imports ----

Alias Parser::parse_alias(bool dotted) {
  const std::size_t first = index_;
  Alias alias;
  alias.name = dotted ? read_dotted_name("the name of a module") : read_identifier("a name");
  if (accept(Tok::kAs)) alias.asname = read_identifier("a name");
  alias.range = range_from(first);
  return alias;
}

const Stmt* Parser::parse_import() {
  const std::size_t first = index_;
  const bool is_cimport = at(Tok::kCimport);
  next();
  std::vector<Alias> names;
  do {
    names.push_back(parse_alias(/*dotted=*/true));
  } while (accept(Tok::kComma));
  if (is_cimport) {
    CImport* stmt = make<CImport>(range_from(first));
    stmt->names = arena_.list(names);
    return stmt;
  }
  Import* stmt = make<Import>(range_from(first));
  stmt->names = arena_.list(names);
  return stmt;
}

// from ..module import a as b, c
const Stmt* Parser::parse_from_import() {
  const std::size_t first = index_;
  next();
  int level = 0;
  for (; at(Tok::kDot) || at(Tok::kEllipsis); next()) level += at(Tok::kDot) ? 1 : 3;
  Identifier module;
  if (level == 0 || at(Tok::kName)) module = read_dotted_name("the name of a module");
  const bool is_cimport = at(Tok::kCimport);
  if (!is_cimport && !at(Tok::kImport)) {
    fail_expected(is_py() ? "'import'" : "'import' or 'cimport'");
    return make<ErrorStmt>(range_from(first));
  }
  next();
  const List<Alias> names = arena_.list(parse_imported_names());
  if (is_cimport) {
    FromCImport* stmt = make<FromCImport>(range_from(first));
    stmt->module = module;
    stmt->level = level;
    stmt->names = names;
    return stmt;
  }
  ImportFrom* stmt = make<ImportFrom>(range_from(first));
  stmt->module = module;
  stmt->level = level;
  stmt->names = names;
  note_future_import(*stmt);
  return stmt;
}

std::vector<Alias> Parser::parse_imported_names() {
  if (at(Tok::kStar)) {
    const Alias all{here(), {"*", here()}, {}};
    next();
    return {all};
  }
  std::vector<Alias> names;
  const bool in_parens = accept(Tok::kLParen);
  do {
    if (in_parens && at(Tok::kRParen)) break;
    names.push_back(parse_alias(/*dotted=*/false));
  } while (accept(Tok::kComma));
  if (in_parens) expect(Tok::kRParen, "after the names");
  if (names.empty()) fail_expected("a name to import");
  return names;
}

// type Name[T] = value
const Stmt* Parser::parse_type_alias() {
  const std::size_t first = index_;
  next();
  TypeAlias* stmt = make<TypeAlias>(here());
  stmt->name = read_identifier("a name");
  stmt->type_params = parse_type_params();
  expect(Tok::kEqual, "after the name of the type");
  stmt->value = parse_test();
  stmt->range = range_from(first);
  return stmt;
}

// ---- Python 2 ----

const Stmt* Parser::parse_print() {
  const std::size_t first = index_;
  next();
  Print* stmt = make<Print>(here());
  Exprs values;
  if (accept(Tok::kRightShift)) {
    stmt->file = parse_test();
    if (accept(Tok::kComma) && at_statement_end()) stmt->newline = false;
  }
  while (!at_statement_end()) {
    values.push_back(parse_test());
    if (!accept(Tok::kComma)) break;
    if (at_statement_end()) stmt->newline = false;
  }
  stmt->values = arena_.list(values);
  stmt->range = range_from(first);
  return stmt;
}

// exec code in globals, locals; or exec(code, globals, locals)
const Stmt* Parser::parse_exec() {
  const std::size_t first = index_;
  next();
  Exec* stmt = make<Exec>(here());
  stmt->code = parse_binary();
  const Tuple* tuple = try_as<Tuple>(stmt->code);
  if (tuple != nullptr && (tuple->elts.size() == 2 || tuple->elts.size() == 3)) {
    stmt->code = tuple->elts[0];
    stmt->globals = tuple->elts[1];
    if (tuple->elts.size() == 3) stmt->locals = tuple->elts[2];
  } else if (accept(Tok::kIn)) {
    stmt->globals = parse_test();
    if (accept(Tok::kComma)) stmt->locals = parse_test();
  }
  stmt->range = range_from(first);
  return stmt;
}

// ---- Cython ----

const Stmt* Parser::parse_include() {
  const std::size_t first = index_;
  next();
  Include* stmt = make<Include>(here());
  stmt->path = read_string_literal("the name of a file");
  stmt->range = range_from(first);
  return stmt;
}

// DEF name = value
const Stmt* Parser::parse_compile_time_def() {
  const std::size_t first = index_;
  next();
  CompileTimeDef* stmt = make<CompileTimeDef>(here());
  stmt->name = read_identifier("a name");
  expect(Tok::kEqual, "after the name of the constant");
  stmt->value = parse_star_list();
  stmt->range = range_from(first);
  end_statement();
  return stmt;
}

}  // namespace engineroom::syntax
