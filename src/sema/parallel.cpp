// prange and parallel() of cython.parallel: their options, limits and bodies.
#include <algorithm>
#include <array>
#include <limits>

#include "sema/analyzer.h"
#include "sema/parallel_names.h"
#include "sema/walk.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;
using syntax::in_quotes;
using syntax::StmtKind;

// ---- names ----

const syntax::Call* Analyzer::parallel_call(const syntax::Expr& e, std::string_view name) {
  const auto* call = syntax::try_as<syntax::Call>(&e);
  const bool is_that = call != nullptr && cython_name(*call->func) == std::string(name);
  return is_that ? call : nullptr;
}

// ---- options ----

// What the calls of prange() and parallel() have in common.
bool Analyzer::team_option(const syntax::Keyword& keyword, tree::ExprPtr& n_threads,
                           tree::ExprPtr& use_threads) {
  if (keyword.name.text == "num_threads") {
    if (keyword.value->kind == ExprKind::kNone) return true;
    ExprPtr value = expr(*keyword.value, types_.int_type());
    if (const auto n = constant_int(*value); n && *n < 0)
      diagnostics_.error("parallel-option", keyword.value->range,
                         "argument to num_threads must be greater than or equal to 0");
    n_threads = coerce(std::move(value), types_.int_type());
    return true;
  }
  if (keyword.name.text == "use_threads_if") {
    if (keyword.value->kind == ExprKind::kNone) return true;
    use_threads = condition(*keyword.value);
    return true;
  }
  return false;
}

std::optional<tree::Schedule> Analyzer::schedule_option(const syntax::Expr& value) {
  using tree::Schedule;
  if (value.kind == ExprKind::kNone) return Schedule::kDefault;
  const auto* text = syntax::try_as<syntax::Str>(&value);
  constexpr std::array<std::pair<std::string_view, Schedule>, 4> kSchedules = {
      {{"static", Schedule::kStatic},
       {"dynamic", Schedule::kDynamic},
       {"guided", Schedule::kGuided},
       {"runtime", Schedule::kRuntime}}};
  if (text == nullptr) {
    diagnostics_.error("parallel-option", value.range,
                       "Only compile-time values may be supplied as keyword arguments");
    return std::nullopt;
  }
  const std::string_view written = text->text.empty() ? text->bytes : text->text;
  for (const auto& [name, schedule] : kSchedules)
    if (written == name) return schedule;
  diagnostics_
      .error("parallel-option", value.range,
             "Invalid schedule argument to prange: " + std::string(written))
      .hint("it is 'static', 'dynamic', 'guided' or 'runtime'");
  return std::nullopt;
}

bool Analyzer::flag_option(const syntax::Expr& value) {
  if (value.kind != ExprKind::kTrue && value.kind != ExprKind::kFalse)
    diagnostics_.error("parallel-option", value.range,
                       "Only compile-time values may be supplied as keyword arguments");
  return value.kind == ExprKind::kTrue;
}

void Analyzer::prange_options(const syntax::Call& call, tree::ParallelLoop& loop, bool& nogil) {
  const syntax::Expr* chunk = nullptr;
  std::set<std::string_view> seen;
  for (const syntax::Keyword& keyword : call.keywords) {
    const std::string_view name = keyword.name.text;
    const syntax::SourceRange range = keyword.value->range;
    if (!seen.insert(name).second) {
      diagnostics_.error("parallel-option", range,
                         "Duplicate keyword argument found: " + std::string(name));
    } else if (name == "nogil") {
      nogil = flag_option(*keyword.value);
    } else if (name == "simd") {
      loop.is_simd = flag_option(*keyword.value);
    } else if (name == "schedule") {
      if (const auto schedule = schedule_option(*keyword.value)) loop.schedule = *schedule;
    } else if (name == "collapse") {
      ExprPtr value = expr(*keyword.value);
      const std::optional<std::int64_t> n = constant_int(*value);
      if (n == 1 || n == 2) {
        loop.collapse = static_cast<int>(*n);
      } else {
        diagnostics_.error("parallel-option", range, "collapse is 1 or 2");
      }
    } else if (name == "chunksize") {
      if (keyword.value->kind != ExprKind::kNone) chunk = keyword.value;
    } else if (!team_option(keyword, loop.n_threads, loop.use_threads)) {
      diagnostics_.error("parallel-option", range,
                         "Invalid keyword argument: " + std::string(name));
    }
  }
  if (chunk == nullptr) return;
  if (!seen.contains("schedule") || loop.schedule == tree::Schedule::kDefault) {
    diagnostics_.error("parallel-option", chunk->range, "Must provide schedule with chunksize")
        .hint("schedule='static'");
    return;
  }
  ExprPtr value = expr(*chunk, types_.int_type());
  if (loop.schedule == tree::Schedule::kRuntime) {
    diagnostics_.error("parallel-option", chunk->range,
                       "Chunksize not valid for the schedule runtime");
  } else if (const auto n = constant_int(*value); n && *n <= 0) {
    diagnostics_.error("parallel-option", chunk->range, "Chunksize must not be negative");
  } else {
    loop.chunk = helper("er::chunk_size", types_.int_type(), Fail::kNever, chunk->range,
                        coerce(std::move(value), types_.int_type()));
  }
}

tree::ParallelChecks Analyzer::parallel_checks() const {
  const Directives& directives = context_->directives;
  if (!directives.parallel_checks) return tree::ParallelChecks::kOff;
  return directives.strict_parallel_checks ? tree::ParallelChecks::kStrict
                                           : tree::ParallelChecks::kOn;
}

// ---- loops ----

Variable* Analyzer::prange_target(const syntax::Expr& target) {
  if (target.kind != ExprKind::kName) {
    diagnostics_.error("parallel-target", target.range,
                       "Can only iterate over an iteration variable");
    return nullptr;
  }
  const std::string_view name = as<syntax::Name>(target).id;
  Variable* variable = assigned_variable(name);
  const Symbol* symbol = variable == nullptr ? find_symbol(name) : nullptr;
  // Its declaration was refused: that is the mistake.
  if (variable != nullptr ? variable->type == types_.error()
                          : symbol != nullptr && symbol->kind == SymbolKind::kError)
    return nullptr;
  if (variable == nullptr || variable->type->is_object()) {
    diagnostics_
        .error("parallel-target", target.range,
               "target may not be a Python object as we don't have the GIL")
        .hint("declare it: 'cdef Py_ssize_t " + std::string(name) + "'");
    return nullptr;
  }
  if (!variable->type->is_integral() && !variable->type->is_float()) {
    diagnostics_.error("parallel-target", target.range,
                       "Must be of numeric type, not " + variable->type->name);
    return nullptr;
  }
  return variable;
}

// start, stop and step as written, in a type that all of them and the target fit in.
bool Analyzer::prange_limits(const syntax::Call& call, tree::ParallelLoop& loop) {
  const std::size_t n = call.args.size();
  if (n == 0 || n > 3) {
    diagnostics_.error("parallel-limits", call.range,
                       "Invalid number of positional arguments to prange");
    return false;
  }
  constexpr std::array<const char*, 3> kNames = {"start", "stop", "step"};
  std::array<ExprPtr, 3> made;
  const Type* type = loop.variable->type->is_integral() ? loop.variable->type : types_.int_type();
  type = types_.common(type, types_.int_type());
  bool is_good = true;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t at = n == 1 ? 1 : i;
    if (call.args[i]->kind == ExprKind::kNone && at != 1) continue;
    ExprPtr value = expr(*call.args[i], loop.variable->type);
    if (is_error(*value)) {
      is_good = false;
    } else if (value->type->is_float()) {
      not_supported(call.args[i]->range, "prange over fractions");
      is_good = false;
    } else if (!value->type->is_integral()) {
      diagnostics_
          .error("parallel-limits", call.args[i]->range,
                 std::string(kNames[at]) + " argument must be numeric")
          .hint("keep it in a variable of C: 'cdef Py_ssize_t n = …'");
      is_good = false;
    } else if (!constant_int(*value)) {
      type = types_.common(type, value->type);
    } else if (*constant_int(*value) > std::numeric_limits<int>::max() ||
               *constant_int(*value) < std::numeric_limits<int>::min()) {
      type = types_.common(type, types_.find_int("long long"));
    }
    made[at] = std::move(value);
  }
  if (!is_good) return false;
  const syntax::SourceRange range = call.range;
  if (made[2] != nullptr) {
    const std::optional<std::int64_t> step = constant_int(*made[2]);
    if (step == 0) {
      diagnostics_.error("parallel-limits", call.args[2]->range,
                         "Iteration with step 0 is invalid.");
      return false;
    }
    loop.step_sign = !step ? 0 : *step > 0 ? 1 : -1;
    if (loop.step_sign < 0 && !type->is_signed) type = types_.find_int("long long");
    loop.step = coerce(std::move(made[2]), type);
  }
  loop.counter = type;
  loop.start = made[0] != nullptr ? coerce(std::move(made[0]), type) : c_literal(type, "0", range);
  loop.stop = coerce(std::move(made[1]), type);
  return true;
}

// for i in prange(…)
void Analyzer::prange_loop(const syntax::For& stmt, const syntax::Call& call, Block& out) {
  out_.uses_openmp = true;
  auto loop = make_stmt<tree::ParallelLoop>(stmt.range);
  loop->checks = parallel_checks();
  bool nogil = false;
  prange_options(call, *loop, nogil);
  loop->variable = prange_target(*stmt.target);
  if (loop->variable == nullptr || refuse_shared(*loop->variable, stmt.target->range) ||
      !prange_limits(call, *loop))
    return;
  loop->variable->is_assigned = true;
  ParallelScope* outer = context_->parallel;
  if (loop->is_simd && !can_be_simd(stmt, *loop, call.range)) return;
  if (outer != nullptr && !outer->is_block)
    return inner_prange(stmt, std::move(loop), nogil, call.range, out);
  if (loop->collapse > 1 && !can_collapse(stmt)) return;
  loop->is_shared_out = outer != nullptr;
  if (loop->is_shared_out && loop->n_threads)
    diagnostics_.error("parallel-option", call.range,
                       "num_threads must be declared in the parent parallel section");
  if (loop->is_shared_out && loop->use_threads)
    diagnostics_.error("parallel-option", call.range,
                       "use_threads_if must be declared in the parent parallel section");
  ParallelScope scope;
  scope.outer = outer;
  classify(stmt.body, *loop, scope);
  without_gil(
      nogil, call.range, "prange", [&] { evaluate_first(*loop, out); }, out,
      [&](Block& within, bool takes_gil) {
        context_->parallel = &scope;
        ++context_->loops;
        loop->body = with_gil_again(takes_gil, stmt.body);
        --context_->loops;
        context_->parallel = outer;
        loop->orelse = with_gil_again(takes_gil, stmt.orelse);
        const bool is_nest =
            loop->body.size() == 1 && loop->body[0]->kind == tree::StmtKind::kCountLoop;
        if (loop->collapse > 1 && !is_nest)
          not_supported(call.range, "collapsing loops like these");
        within.push_back(std::move(loop));
      });
}

// What is known before the body is.
bool Analyzer::can_be_simd(const syntax::For& stmt, const tree::ParallelLoop& loop,
                           syntax::SourceRange range) {
  const auto refuse = [&](const char* what) {
    not_supported(range, std::string("simd=True ") + what);
    return false;
  };
  if (context_->parallel != nullptr) return refuse("in another prange or a parallel block");
  if (loop.collapse > 1) return refuse("with collapse=2");
  if (loop.step != nullptr) return refuse("with a step");
  if (!stmt.orelse.empty()) return refuse("with 'else'");
  if (loop.counter->kind != TypeKind::kInt || loop.counter->is_extern)
    return refuse("for this type of a loop's variable");
  return true;
}

namespace {

// A `break` of the loop itself, not of one in it.
bool has_own_break(const syntax::Block& body) {
  bool found = false;
  for (const syntax::Stmt* stmt : body) {
    found = found || stmt->kind == StmtKind::kBreak;
    const bool is_loop = stmt->kind == StmtKind::kFor || stmt->kind == StmtKind::kWhile ||
                         stmt->kind == StmtKind::kForFrom;
    if (is_loop) continue;
    syntax::for_each_block(
        *stmt, [&](const syntax::Block& inner) { found = found || has_own_break(inner); });
  }
  return found;
}

}  // namespace

// With collapse=2 the body is one loop with limits of its own, and nothing else.
bool Analyzer::can_collapse(const syntax::For& outer) {
  const auto refuse = [&](syntax::SourceRange range, const char* why) {
    diagnostics_.error("parallel-collapse", range, why);
    return false;
  };
  const auto* inner =
      outer.body.size() == 1 ? syntax::try_as<syntax::For>(outer.body.front()) : nullptr;
  if (inner == nullptr || !inner->orelse.empty())
    return refuse(outer.body.front()->range,
                  "collapse=2 needs a loop in the loop, and nothing beside it");
  if (range_type(*inner->iter) == nullptr)
    return refuse(inner->iter->range, "collapse=2 needs an inner loop over integers of C");
  if (has_own_break(inner->body))
    return refuse(inner->range, "a loop that is collapsed cannot be left by 'break'");
  AssignedNames names;
  names.see(outer.body);
  std::set<std::string_view> assigned;
  for (const NameAssigned& one : names.all) assigned.insert(one.name);
  if (outer.target->kind == ExprKind::kName) assigned.insert(as<syntax::Name>(*outer.target).id);
  bool depends = false;
  walk(inner->iter, [&](const syntax::Expr& e) {
    depends = depends || (e.kind == ExprKind::kName && assigned.contains(as<syntax::Name>(e).id));
  });
  if (depends)
    return refuse(inner->iter->range,
                  "the limits of a loop that is collapsed are the same in each turn of the outer");
  return true;
}

// In another prange: its turns are the outer one's.
void Analyzer::inner_prange(const syntax::For& stmt, std::unique_ptr<tree::ParallelLoop> parallel,
                            bool nogil, syntax::SourceRange range, Block& out) {
  auto loop = make_stmt<tree::CountLoop>(stmt.range);
  loop->variable = parallel->variable;
  loop->counter = parallel->counter;
  loop->start = std::move(parallel->start);
  loop->stop = std::move(parallel->stop);
  loop->step = std::move(parallel->step);
  loop->step_sign = parallel->step_sign;
  const auto add = [&](Block& within) {
    ++context_->loops;
    loop->body = block(stmt.body);
    --context_->loops;
    loop->orelse = block(stmt.orelse);
    within.push_back(std::move(loop));
  };
  if (!nogil || !context_->has_gil) return add(out);
  Block body = with_gil_state(false, [&] {
    Block within;
    add(within);
    return within;
  });
  out.push_back(gil_node(true, std::move(body), range));
}

// The limits are computed while the GIL is held.
void Analyzer::evaluate_first(tree::ParallelLoop& loop, Block& out) {
  for (ExprPtr* part :
       {&loop.start, &loop.stop, &loop.step, &loop.chunk, &loop.n_threads, &loop.use_threads})
    evaluate_first(*part, out);
}

void Analyzer::evaluate_first(ExprPtr& part, Block& out) {
  if (part == nullptr || part->kind == tree::ExprKind::kLiteral ||
      part->kind == tree::ExprKind::kVariable || constant_int(*part))
    return;
  const syntax::SourceRange range = part->range;
  part = variable(keep(std::move(part), out), range);
}

// ---- parallel ----

// with parallel():
void Analyzer::parallel_block(const syntax::Call& call, const std::function<Block()>& body,
                              const syntax::Block& text, Block& out) {
  out_.uses_openmp = true;
  auto parallel = make_stmt<tree::ParallelBlock>(call.range);
  parallel->checks = parallel_checks();
  if (!call.args.empty())
    diagnostics_.error("parallel-option", call.args[0]->range,
                       "cython.parallel.parallel() does not take positional arguments");
  for (const syntax::Keyword& keyword : call.keywords)
    if (!team_option(keyword, parallel->n_threads, parallel->use_threads))
      diagnostics_.error("parallel-option", keyword.value->range,
                         "Invalid keyword argument: " + std::string(keyword.name.text));
  ParallelScope* outer = context_->parallel;
  if (outer != nullptr) {
    diagnostics_.error("parallel-nesting", call.range,
                       outer->is_block ? "Nested parallel with blocks are disallowed"
                                       : "Only prange() may be nested");
    return;
  }
  ParallelScope scope;
  scope.is_block = true;
  classify_block(text, *parallel, scope);
  const auto evaluate = [&] {
    evaluate_first(parallel->n_threads, out);
    evaluate_first(parallel->use_threads, out);
  };
  without_gil(false, call.range, "Parallel section", evaluate, out,
              [&](Block& within, bool takes_gil) {
                context_->parallel = &scope;
                parallel->body = with_gil_again(takes_gil, body);
                context_->parallel = outer;
                within.push_back(std::move(parallel));
              });
}

}  // namespace engineroom::sema
