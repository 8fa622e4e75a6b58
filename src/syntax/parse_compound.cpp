// Compound statements of Python, and Cython's variants of them.
#include <string>

#include "syntax/parser.h"

namespace engineroom::syntax {

// ---- suites ----

bool Parser::expect_colon(std::string_view after) {
  const auto block_follows = [&] { return at(Tok::kNewline) && peek() == Tok::kIndent; };
  if (!failed_) {
    if (accept(Tok::kColon)) return true;
    if (block_follows()) {
      complain("missing-colon", point_here(), "expected ':' after " + std::string(after));
      return true;
    }
    const bool is_assignment = at(Tok::kEqual);
    const Diagnostics::Added added = fail_expected("':' after " + std::string(after));
    if (is_assignment) added.hint("'=' assigns; to compare, write '=='");
  }
  // A mistake in the head is no reason to lose the block, and the `else` that may follow it.
  if (!block_follows()) return false;
  failed_ = false;
  return true;
}

// The colon and the block, in the same context.
Block Parser::parse_suite(std::string_view after) {
  const Nesting nesting(*this);
  if (!nesting.ok() || !expect_colon(after)) return {};
  Stmts body;
  if (accept(Tok::kNewline)) {
    if (!at(Tok::kIndent)) {
      complain("missing-block", here(), "expected an indented block after " + std::string(after))
          .hint("an empty block is 'pass'");
      return {};
    }
    next();
    parse_statements(body);
    accept(Tok::kDedent);
    return arena_.list(body);
  }
  if (at(Tok::kEnd)) {
    fail_expected("a block");
    return {};
  }
  const std::size_t first = index_;
  parse_statement_line(body);
  if (failed_ && at(Tok::kNewline)) {
    failed_ = false;
    body.push_back(make<ErrorStmt>(range_from(first)));
    next();
  }
  return arena_.list(body);
}

Block Parser::parse_suite_in(Context context, std::string_view after) {
  const ContextScope scope(*this, context);
  return parse_suite(after);
}

// Of if, for, while, try, with: no C declarations in there.
Block Parser::parse_block_suite(std::string_view after) {
  Context context = context_;
  if (context.place != Place::kUnknown) context.place = Place::kBlock;
  return parse_suite_in(context, after);
}

// ---- if, while, for ----

const Stmt* Parser::parse_if() {
  const std::size_t first = index_;
  std::vector<IfClause> clauses;
  If* stmt = make<If>(here());
  do {
    const std::size_t clause_first = index_;
    next();
    IfClause clause;
    clause.test = parse_named_test();
    clause.body = parse_block_suite("the condition");
    clause.range = range_from(clause_first);
    clauses.push_back(clause);
  } while (at(Tok::kElif) && !failed_);
  if (accept(Tok::kElse)) stmt->orelse = parse_block_suite("'else'");
  stmt->clauses = arena_.list(clauses);
  stmt->range = block_range(first);
  return stmt;
}

// IF test: ... ELIF test: ... ELSE: ...
const Stmt* Parser::parse_compile_time_if() {
  const std::size_t first = index_;
  std::vector<IfClause> clauses;
  CompileTimeIf* stmt = make<CompileTimeIf>(here());
  do {
    const std::size_t clause_first = index_;
    next();
    IfClause clause;
    clause.test = parse_star_list();
    clause.body = parse_suite("the condition");
    clause.range = range_from(clause_first);
    clauses.push_back(clause);
  } while (at(Tok::kELIF) && !failed_);
  if (accept(Tok::kELSE)) stmt->orelse = parse_suite("'ELSE'");
  stmt->clauses = arena_.list(clauses);
  stmt->range = block_range(first);
  return stmt;
}

const Stmt* Parser::parse_while() {
  const std::size_t first = index_;
  next();
  While* stmt = make<While>(here());
  stmt->test = parse_named_test();
  stmt->body = parse_block_suite("the condition");
  if (accept(Tok::kElse)) stmt->orelse = parse_block_suite("'else'");
  stmt->range = block_range(first);
  return stmt;
}

const Stmt* Parser::parse_for(std::size_t first, bool is_async) {
  next();
  const Expr* target = parse_target_list();
  if (!is_py() && !is_async) {
    if (accept(Tok::kFrom)) {
      const Expr* lower = parse_binary();
      return parse_for_from(first, target, lower);
    }
    // for 0 <= i < n:
    if (is_relation(kind())) return parse_for_from(first, nullptr, target);
  }
  check_target(*target, "assigned to");
  For* stmt = make<For>(here());
  stmt->target = target;
  stmt->is_async = is_async;
  if (at(Tok::kEqual)) {
    fail_expected("'in' after the variable of the loop").hint("write 'for i in range(n):'");
  }
  if (std::string hint = hint_for_loop_variable(*target); !hint.empty())
    fail_expected("'in' after the variable of the loop").hint(std::move(hint));
  expect(Tok::kIn, "after the variable of the loop");
  stmt->iter = parse_star_list();
  stmt->body = parse_block_suite("the head of the loop");
  if (accept(Tok::kElse)) stmt->orelse = parse_block_suite("'else'");
  stmt->range = block_range(first);
  return stmt;
}

// Behind `for target from lower`, or behind `for lower` with a null target.
const Stmt* Parser::parse_for_from(std::size_t first, const Expr* target, const Expr* lower) {
  ForFrom* stmt = make<ForFrom>(here());
  stmt->bounds = parse_for_bounds(target, lower);
  stmt->target = target;
  stmt->body = parse_block_suite("the head of the loop");
  if (accept(Tok::kElse)) stmt->orelse = parse_block_suite("'else'");
  stmt->range = block_range(first);
  return stmt;
}

// <= target < upper by step
ForBounds Parser::parse_for_bounds(const Expr*& target, const Expr* lower) {
  ForBounds bounds;
  bounds.lower = lower;
  const std::size_t first = index_;
  bounds.relation1 = parse_relation();
  const Expr* again = parse_binary();
  if (target == nullptr) target = again;
  const Name* name = try_as<Name>(target);
  const Name* name_again = try_as<Name>(again);
  if (name != nullptr && (name_again == nullptr || name_again->id != name->id)) {
    complain("bad-for-from", again->range,
             "the bounds of the loop must be given for its variable " + in_quotes(name->id));
  }
  check_target(*target, "assigned to");
  bounds.relation2 = parse_relation();
  bounds.upper = parse_binary();
  if (accept_word("by")) bounds.step = parse_binary();
  const auto goes_up = [](CompareOperator op) {
    return op == CompareOperator::kLt || op == CompareOperator::kLtE;
  };
  if (goes_up(bounds.relation1) != goes_up(bounds.relation2)) {
    complain("bad-for-from", range_from(first), "the two bounds of the loop contradict each other")
        .hint("write 'a <= i < b' to count up, or 'a >= i > b' to count down");
  }
  return bounds;
}

bool Parser::is_relation(Tok kind) {
  return kind == Tok::kLess || kind == Tok::kLessEqual || kind == Tok::kGreater ||
         kind == Tok::kGreaterEqual;
}

CompareOperator Parser::parse_relation() {
  if (is_relation(kind())) {
    if (const std::optional<CompareOperator> op = accept_comparison()) return *op;
  }
  fail_expected("'<', '<=', '>' or '>='").hint("write 'for i from a <= i < b:'");
  return CompareOperator::kLt;
}

// ---- try, with ----

const Stmt* Parser::parse_try() {
  const std::size_t first = index_;
  next();
  Try* stmt = make<Try>(here());
  stmt->body = parse_block_suite("'try'");
  std::vector<ExceptHandler> handlers;
  bool catches_all = false;
  while (at(Tok::kExcept) && !failed_) {
    if (catches_all)
      complain("bare-except", here(), "no exception gets here: the 'except:' above takes all")
          .hint("the 'except:' without a type must be the last one");
    catches_all = catches_all || peek() == Tok::kColon;
    bool is_star = false;
    handlers.push_back(parse_handler(is_star));
    if (handlers.size() > 1 && is_star != stmt->is_star) {
      complain("mixed-except", handlers.back().range, "'except' and 'except*' cannot be mixed");
    }
    stmt->is_star = is_star;
  }
  stmt->handlers = arena_.list(handlers);
  if (!handlers.empty() && accept(Tok::kElse)) stmt->orelse = parse_block_suite("'else'");
  if (accept(Tok::kFinally)) {
    stmt->has_finally = true;
    stmt->finalbody = parse_block_suite("'finally'");
  }
  if (handlers.empty() && !stmt->has_finally) {
    complain("bare-try", range_at(first), "this 'try' has neither 'except' nor 'finally'");
  }
  stmt->range = block_range(first);
  return stmt;
}

// `except ValueError, e:`, as Cython reads it at all levels. For Python 3.14 it is the same as
// `except (ValueError, TypeError):`. What is meant is told by the second name: classes of
// exceptions begin with a capital letter.
bool Parser::binds_as_of_old(const Exprs& parts) const {
  if (is_py() || parts.size() != 2) return false;
  const auto* name = try_as<Name>(parts[1]);
  return name != nullptr && (name->id[0] == '_' || (name->id[0] >= 'a' && name->id[0] <= 'z'));
}

ExceptHandler Parser::parse_handler(bool& is_star) {
  const std::size_t first = index_;
  next();
  ExceptHandler handler;
  is_star = accept(Tok::kStar);
  if (!at(Tok::kColon)) {
    const std::size_t type_first = index_;
    handler.type = parse_test();
    if (at(Tok::kComma) && is_level2()) {
      next();
      handler.target = parse_test();
    } else if (at(Tok::kComma)) {
      Exprs types{handler.type};
      while (accept(Tok::kComma) && !at(Tok::kColon)) types.push_back(parse_test());
      if (binds_as_of_old(types)) {
        handler.target = types[1];
        check_target(*handler.target, "assigned to");
        handler.body = parse_block_suite("'except'");
        handler.range = block_range(first);
        return handler;
      }
      // except A, B: (PEP 758)
      Tuple* tuple = make<Tuple>(range_from(type_first));
      tuple->elts = arena_.list(types);
      handler.type = done(tuple);
      if (at(Tok::kAs)) {
        complain("except-needs-parens", handler.type->range,
                 "several exceptions with 'as' need parentheses")
            .hint("write 'except (A, B) as e:'");
      }
    }
    if (accept(Tok::kAs)) {
      handler.target = parse_test();
      handler.forgets_target = !is_level2();
    }
    if (handler.target != nullptr) check_target(*handler.target, "assigned to");
  } else if (is_star) {
    fail_expected("an exception after 'except*'");
  }
  handler.body = parse_block_suite("'except'");
  handler.range = block_range(first);
  return handler;
}

// Does `(` begin `with (a as b, c as d):`?
bool Parser::with_items_are_parenthesized() const {
  if (!at(Tok::kLParen) || token().match == 0) return false;
  const std::size_t close = token().match;
  if (close + 1 >= tokens_.size() || tokens_[close + 1].kind != Tok::kColon) return false;
  if (peek() == Tok::kYield) return false;
  bool found = false;
  for (std::size_t i = index_ + 1; i < close; ++i) {
    const Token& token = tokens_[i];
    if (token.kind == Tok::kFor || token.kind == Tok::kColonEqual) return false;
    if (token.kind == Tok::kComma || token.kind == Tok::kAs) found = true;
    if (token.match > i) i = token.match;
  }
  return found;
}

// The items of a `with`, in the order of the text.
struct Parser::WithEntry {
  SourceRange range;
  bool is_gil = false;
  bool nogil = false;
  const Expr* condition = nullptr;
  WithItem item;
};

Parser::WithEntry Parser::parse_with_entry() {
  const std::size_t first = index_;
  WithEntry entry;
  if (!is_py() && (at_word("nogil") || at_word("gil"))) {
    entry.is_gil = true;
    entry.nogil = at_word("nogil");
    next();
    if (accept(Tok::kLParen)) {
      entry.condition = parse_test();
      expect(Tok::kRParen, "after the condition");
    }
  } else {
    entry.item.context = parse_test();
    if (accept(Tok::kAs)) {
      entry.item.target = at(Tok::kStar) ? parse_star_or_test() : parse_binary();
      check_target(*entry.item.target, "assigned to");
    }
  }
  entry.range = range_from(first);
  return entry;
}

const Stmt* Parser::parse_with(std::size_t first, bool is_async) {
  next();
  std::vector<WithEntry> entries;
  const bool in_parens = with_items_are_parenthesized();
  if (in_parens) next();
  do {
    if (in_parens && at(Tok::kRParen)) break;
    entries.push_back(parse_with_entry());
  } while (accept(Tok::kComma));
  if (in_parens) expect(Tok::kRParen, "after the items");
  Block body = parse_block_suite("the head of the 'with'");
  const SourceRange range = block_range(first);

  // From the innermost outwards; neighbours that are no GilBlock share a With.
  const Stmt* stmt = nullptr;
  std::size_t end = entries.size();
  while (end > 0) {
    std::size_t begin = end - 1;
    while (!entries[begin].is_gil && begin > 0 && !entries[begin - 1].is_gil) --begin;
    stmt = make_with({entries.begin() + static_cast<std::ptrdiff_t>(begin),
                      entries.begin() + static_cast<std::ptrdiff_t>(end)},
                     body, range, is_async);
    body = arena_.list(Stmts{stmt});
    end = begin;
  }
  return stmt;
}

const Stmt* Parser::make_with(const std::vector<WithEntry>& entries, Block body, SourceRange range,
                              bool is_async) {
  const WithEntry& entry = entries.front();
  if (entry.is_gil) {
    if (is_async) complain("async-gil", entry.range, "'with nogil' cannot be async");
    GilBlock* block = make<GilBlock>(range);
    block->nogil = entry.nogil;
    block->condition = entry.condition;
    block->body = body;
    return block;
  }
  std::vector<WithItem> items;
  items.reserve(entries.size());
  for (const WithEntry& each : entries) items.push_back(each.item);
  With* stmt = make<With>(range);
  stmt->items = arena_.list(items);
  stmt->body = body;
  stmt->is_async = is_async;
  return stmt;
}

// ---- functions and classes ----

Parser::Exprs Parser::parse_decorators() {
  Exprs decorators;
  while (accept(Tok::kAt)) {
    decorators.push_back(parse_named_test());
    end_statement();
    if (failed_ && at(Tok::kNewline)) {
      failed_ = false;
      next();
    }
  }
  return decorators;
}

void Parser::parse_decorated(Stmts& out) {
  const Exprs decorators = parse_decorators();
  if (at_word("async") && peek() == Tok::kDef) {
    next();
    out.push_back(parse_function(decorators, true));
  } else if (at(Tok::kDef)) {
    out.push_back(parse_function(decorators, false));
  } else if (at(Tok::kClass) && !context_.in_cdef_block) {
    out.push_back(parse_class(decorators));
  } else if (at(Tok::kCdef) || at(Tok::kCpdef) || context_.in_cdef_block) {
    parse_cdef(out, decorators);
  } else {
    fail_expected("a function or class after the decorator");
  }
}

const Stmt* Parser::parse_function(const Exprs& decorators, bool is_async) {
  const std::size_t first = is_async ? index_ - 1 : index_;
  next();
  FunctionDef* stmt = make<FunctionDef>(here());
  stmt->decorators = arena_.list(decorators);
  stmt->is_async = is_async;
  stmt->name = read_identifier("the name of a function");
  stmt->type_params = parse_type_params();
  if (at(Tok::kName) && !stmt->name.empty()) {
    fail_here("c-function-with-def",
              "expected '(' after the name of the function, found " + describe_token())
        .hint("a function with a C result type begins with 'cdef' or 'cpdef'");
  }
  if (expect(Tok::kLParen, "after the name of the function")) {
    stmt->params = parse_params(Tok::kRParen, /*annotated=*/true);
    expect(Tok::kRParen, "after the parameters");
  }
  if (stmt->params == nullptr) stmt->params = arena_.make<Params>();
  if (accept(Tok::kArrow)) stmt->returns = parse_test();
  if (!is_py() && (at_word("nogil") || at_word("noexcept") || at(Tok::kExcept))) {
    fail_here("c-clause-on-def",
              in_quotes(token_text()) + " belongs to C functions, this is a Python one")
        .hint("begin it with 'cdef' or 'cpdef' instead of 'def'");
  }
  stmt->header = range_from(first);
  Context context;
  context.place = Place::kFunction;
  const bool was_async = in_async_;
  in_async_ = is_async;
  stmt->body = parse_suite_in(context, "the head of the function");
  in_async_ = was_async;
  stmt->range = block_range(first);
  return stmt;
}

const Stmt* Parser::parse_class(const Exprs& decorators) {
  const std::size_t first = index_;
  next();
  ClassDef* stmt = make<ClassDef>(here());
  stmt->decorators = arena_.list(decorators);
  stmt->name = read_identifier("the name of a class");
  stmt->type_params = parse_type_params();
  if (at(Tok::kLParen)) {
    Exprs bases;
    std::vector<Keyword> keywords;
    parse_arguments(bases, keywords);
    stmt->bases = arena_.list(bases);
    stmt->keywords = arena_.list(keywords);
  }
  Context context;
  context.place = Place::kClass;
  stmt->body = parse_suite_in(context, "the head of the class");
  stmt->range = block_range(first);
  return stmt;
}

// [T, *Ts, **P], or nothing.
List<TypeParam> Parser::parse_type_params() {
  if (!accept(Tok::kLBracket)) return {};
  std::vector<TypeParam> params;
  while (!at(Tok::kRBracket) && !failed_) {
    params.push_back(parse_type_param());
    if (!accept(Tok::kComma)) break;
  }
  if (params.empty()) fail_expected("the name of a type parameter");
  expect(Tok::kRBracket, "after the type parameters");
  return arena_.list(params);
}

TypeParam Parser::parse_type_param() {
  const std::size_t first = index_;
  TypeParam param;
  if (accept(Tok::kStar)) param.kind = TypeParamKind::kTypeVarTuple;
  if (accept(Tok::kDoubleStar)) param.kind = TypeParamKind::kParamSpec;
  param.name = read_identifier("the name of a type parameter");
  if (accept(Tok::kColon)) param.bound = parse_test();
  if (accept(Tok::kEqual)) param.default_value = parse_star_or_test();
  param.range = range_from(first);
  return param;
}

}  // namespace engineroom::syntax
