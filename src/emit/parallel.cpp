// Parallel loops and blocks, which are OpenMP's.
//
//   er::Leaving leave1;                      // only if something in the body leaves the loop
//   const er::Turns<long> n1 = er::n_turns<long>(0L, n, 1L);
//   #pragma omp parallel firstprivate(v_a) reduction(+ : v_s)
//   {
//     er::RegionThread thread1(false);       // likewise
//     #pragma omp for nowait lastprivate(v_x)
//     for (er::Turns<long> k1 = 0; k1 < n1; ++k1) {
//       if (leave1.skips(k1)) continue;
//       int er_at = 0;
//       long v_i = 0;                        // declared here as nothing else uses it
//       v_i = (long)k1;
//       …                                    // { er_at = 3; goto failed1; }
//       continue;
//     failed1:
//       if (leave1.fails(k1, er_at)) { …; leave1.done(); }
//     }
//   }
//
// What the body only reads is copied for each thread, so that it can stay in registers.
#include <algorithm>
#include <optional>
#include <utility>

#include "emit/function_emitter.h"
#include "emit/text.h"
#include "tree/children.h"
#include "tree/function_type.h"

namespace engineroom::emit {

using tree::as;
using tree::Stmt;
using tree::StmtKind;
using tree::Type;
using tree::TypeKind;
using tree::Variable;

namespace {

// Does every turn give it a value before it reads it?
bool is_assigned_first(const Variable& variable, const tree::Block& body, EffectsOf& effects) {
  for (const tree::StmtPtr& stmt : body) {
    if (stmt->kind == StmtKind::kAssign) {
      const auto& assign = as<tree::Assign>(*stmt);
      const auto* ref = tree::try_as<tree::VariableRef>(assign.target.get());
      if (effects(*assign.value).reads.contains(&variable)) return false;
      if (ref != nullptr && ref->variable == &variable) return true;
    }
    bool is_used = false;
    tree::for_each_expr(*stmt, [&](const tree::Expr& expr) {
      is_used = is_used || effects(expr).reads.contains(&variable);
    });
    tree::for_each_block(*stmt, [&](const tree::Block& block) {
      const Effects inner = effects.of_block(block);
      is_used = is_used || inner.reads.contains(&variable) || inner.writes.contains(&variable);
    });
    // A turn that ends early leaves it without a value.
    const bool may_end = stmt->kind != StmtKind::kAssign && stmt->kind != StmtKind::kExpr;
    if (is_used || may_end) return false;
  }
  return false;
}

const char* schedule_name(tree::Schedule schedule) {
  constexpr const char* kNames[] = {"", "static", "dynamic", "guided", "runtime"};
  return kNames[static_cast<std::size_t>(schedule)];
}

}  // namespace

// " num_threads(…) if(…)"
std::string FunctionEmitter::team_clauses(const tree::ExprPtr& n_threads,
                                          const tree::ExprPtr& use_threads) {
  std::string text;
  const std::vector<Value> made = values({n_threads.get(), use_threads.get()});
  if (n_threads)
    text += " num_threads(er::n_threads(" + kept(made[0], *n_threads->type).text + "))";
  if (use_threads) text += " if(" + kept(made[1], *use_threads->type).text + ")";
  return text;
}

// ---- prange ----

// The limits of a loop, evaluated.
template <typename Loop>
FunctionEmitter::Range FunctionEmitter::range_of(const Loop& stmt) {
  const Type& type = *stmt.counter;
  const std::vector<Value> parts = values({stmt.start.get(), stmt.stop.get(), stmt.step.get()});
  const auto limit = [&](std::size_t i, const tree::Expr* expr) {
    return expr->kind == tree::ExprKind::kLiteral ? parts[i].text : kept(parts[i], type).text;
  };
  Range range;
  range.start = limit(0, stmt.start.get());
  range.stop = limit(1, stmt.stop.get());
  if (stmt.step) range.step = limit(2, stmt.step.get());
  if (stmt.step_sign == 0) {
    out_.open("if (" + range.step + " == 0)");
    out_.line("er::raise_value_error(\"prange() arg 3 must not be zero\");");
    out_.line(fail(stmt.range));
    out_.close();
  }
  return range;
}

// The inner one of two loops that are one for the threads; null if there is none.
const tree::CountLoop* FunctionEmitter::collapsed(const tree::ParallelLoop& stmt) {
  return stmt.collapse > 1 ? &as<tree::CountLoop>(*stmt.body[0]) : nullptr;
}

FunctionEmitter::Limits FunctionEmitter::limits(const tree::ParallelLoop& stmt) {
  Limits made;
  made.range = range_of(stmt);
  if (const tree::CountLoop* inner = collapsed(stmt)) made.inner = range_of(*inner);
  if (stmt.schedule != tree::Schedule::kDefault) {
    // libomp 19 forgets lastprivate() where threads steal turns from each other.
    const bool may_steal =
        stmt.schedule == tree::Schedule::kDynamic || stmt.schedule == tree::Schedule::kRuntime;
    const bool has_order = std::any_of(stmt.reductions.begin(), stmt.reductions.end(),
                                       [](const auto& one) { return !one.companions.empty(); });
    const bool is_monotonic = may_steal && (has_order || !left_by(stmt).variables.empty());
    made.schedule = std::string(" schedule(") + (is_monotonic ? "monotonic: " : "") +
                    schedule_name(stmt.schedule);
    if (stmt.chunk) {
      const std::string chunk = kept(value(*stmt.chunk), *stmt.chunk->type).text;
      made.schedule += ", " + (stmt.is_simd ? "er::n_lane_blocks(" + chunk + ")" : chunk);
    }
    made.schedule += ")";
  }
  made.team = team_clauses(stmt.n_threads, stmt.use_threads);
  return made;
}

// What the turns leave behind for after the loop.
FunctionEmitter::Left FunctionEmitter::left_by(const tree::ParallelLoop& stmt) {
  Left left;
  std::vector<std::string> first;
  std::vector<std::string> last;
  const auto add = [&](const Variable& variable) {
    if (inner_.is_inner(variable)) return false;
    left.variables.push_back(&variable);
    last.push_back(variable.cpp);
    return true;
  };
  add(*stmt.variable);
  for (const tree::Private& one : stmt.privates) {
    if (add(*one.variable) && !is_assigned_first(*one.variable, stmt.body, effects_))
      first.push_back(one.variable->cpp);
  }
  left.clauses = clause("firstprivate", first) + clause("lastprivate", last);
  return left;
}

// start + step * turn
std::string FunctionEmitter::index_text(const Type& counter, const Variable& variable,
                                        const Range& range, const std::string& turn) {
  const std::string& cpp = counter.cpp;
  std::string index = "(" + cpp + ")" + turn;
  if (range.step != "1")
    index = "(" + cpp + ")(" + turn + " * (er::Turns<" + cpp + ">)" + range.step + ")";
  if (range.start.find_first_not_of("0LU") != std::string::npos)
    index = "er::step_by<" + cpp + ">(" + range.start + ", " + index + ")";
  if (variable.type != &counter) index = "(" + variable.type->cpp + ")" + index;
  return index;
}

void FunctionEmitter::turn(const tree::ParallelLoop& stmt, const Limits& limits,
                           const Region& region, const Left& left, const Reductions& reductions) {
  const std::string k = "k" + region.id;
  const std::string n = "n" + region.id;
  const std::uint32_t line = out_.source_line();
  const bool can_leave = region.can_leave();
  const tree::CountLoop* inner = collapsed(stmt);
  const std::string type =
      inner != nullptr ? "unsigned long long" : "er::Turns<" + stmt.counter->cpp + ">";
  out_.open("for (" + type + " " + k + " = 0; " + k + " < " + n + "; ++" + k + ")");
  if (can_leave) out_.line("if (leave" + region.id + ".skips(" + k + ")) continue;");
  if (reductions.drops_beyond) out_.line("last" + region.id + " = " + k + ";");
  declare_exits(region);
  declare_inner(stmt);
  const std::string outer_turn = inner != nullptr ? "(" + k + " / m" + region.id + ")" : k;
  out_.line(stmt.variable->cpp + " = " +
            index_text(*stmt.counter, *stmt.variable, limits.range, outer_turn) + ";");
  if (inner != nullptr)
    out_.line(inner->variable->cpp + " = " +
              index_text(*inner->counter, *inner->variable, limits.inner,
                         "(" + k + " % m" + region.id + ")") +
              ";");
  out_.append(region.body);
  if (can_leave) {
    out_.set_source_line(0);
    way_out(region, k, left.variables, "continue;");
    out_.set_source_line(line);
  }
  out_.close();
}

// How many turns there are.
void FunctionEmitter::count_turns(const tree::ParallelLoop& stmt, const Limits& limits,
                                  const std::string& id) {
  const auto turns = [](const Type& counter, const Range& range) {
    return "er::n_turns<" + counter.cpp + ">(" + range.start + ", " + range.stop + ", " +
           range.step + ")";
  };
  const std::string outer = turns(*stmt.counter, limits.range);
  const tree::CountLoop* inner = collapsed(stmt);
  if (inner == nullptr)
    return out_.line("const er::Turns<" + stmt.counter->cpp + "> n" + id + " = " + outer + ";");
  out_.line("const unsigned long long m" + id + " = " + turns(*inner->counter, limits.inner) + ";");
  out_.line("const unsigned long long n" + id + " = " + outer + " * m" + id + ";");
}

void FunctionEmitter::parallel_loop(const tree::ParallelLoop& stmt) {
  forget_unbound(effects_.of_block(stmt.body));
  const Limits limits = this->limits(stmt);
  const Range& range = limits.range;
  HoistedChecks hoisted;
  // The threads of a block must agree which loop it is, and each has variables of its own.
  if (!stmt.is_shared_out && collapsed(stmt) == nullptr && range.step == "1")
    hoisted = hoisted_checks(stmt, range.start, range.stop + " - 1", stmt.is_simd);
  bool is_simd = stmt.is_simd;
  const auto write = [&] {
    // With checks it is as it would be without lanes.
    std::exchange(is_simd, false) ? simd_loop(stmt, limits) : parallel_loop(stmt, limits);
  };
  if (hoisted.conditions.empty()) return write();
  with_and_without_checks(hoisted, range.start + " < " + range.stop, write);
}

void FunctionEmitter::simd_loop(const tree::ParallelLoop& stmt, const Limits& limits) {
  const Variables views = lend_views(stmt);
  const Region inside = region(stmt, stmt.body, true);
  const Left left = left_by(stmt);
  const std::string& id = inside.id;
  const std::string& type = stmt.counter->cpp;
  const std::string i = "i" + id;
  const std::string end = "e" + id;
  const std::string turns = "er::Turns<" + type + "> ";
  Writer lanes;
  std::optional<Refusal> refusal = write_parallel_lanes(
      stmt, function_, addressed_, inside_, i, end + "_lanes", context_.lane_functions, lanes);
  if (!refusal && (inside.can_leave() || inside.takes_gil))
    refusal = Refusal{
        stmt.range, "something in it may fail; boundscheck(False) leaves checks of subscripts out"};
  take_back(views);
  if (refusal) return context_.refusals.push_back(std::move(*refusal));

  has_declared_ = true;
  count_turns(stmt, limits, id);
  out_.line("const " + turns + "b" + id + " = n" + id + " / er::kLaneBlock + (n" + id +
            " % er::kLaneBlock != 0);");
  declare_lent(views);
  if (!left.variables.empty()) out_.line("if (n" + id + " > 0)");
  out_.line("#pragma omp parallel for" + copied_clause(stmt) + limits.team + left.clauses +
            limits.schedule);
  out_.open("for (" + turns + "k" + id + " = 0; k" + id + " < b" + id + "; ++k" + id + ")");
  const std::string is_last = "k" + id + " + 1 == b" + id;
  out_.line(type + " " + i + " = er::step_by<" + type + ">(" + limits.range.start + ", (" + type +
            ")(k" + id + " * er::kLaneBlock));");
  out_.line("const " + type + " " + end + " = " + is_last + " ? " + limits.range.stop + " : " + i +
            " + er::kLaneBlock;");
  declare_inner(stmt);
  // The last turn of all is a single one, and leaves its values behind.
  out_.line("[[maybe_unused]] const " + type + " " + end + "_lanes = " + is_last + " ? " + end +
            " : " + end + " + 1;");
  out_.append(lanes);
  out_.open("for (; " + i + " < " + end + "; ++" + i + ")");
  out_.line(stmt.variable->cpp + " = (" + stmt.variable->type->cpp + ")" + i + ";");
  out_.append(inside.body);
  out_.close();
  out_.close();
  if (!views.empty()) out_.close();
}

void FunctionEmitter::parallel_loop(const tree::ParallelLoop& stmt, const Limits& limits) {
  const Variables views = stmt.is_shared_out ? Variables() : lend_views(stmt);
  const tree::CountLoop* inner = collapsed(stmt);
  const Region inside = region(stmt, inner != nullptr ? inner->body : stmt.body, true);
  const Left left = left_by(stmt);
  has_declared_ = true;
  const Reductions reductions = this->reductions(stmt, inside);
  declare_leaving(inside, left.variables, stmt.is_shared_out);
  count_turns(stmt, limits, inside.id);

  declare_lent(views);
  std::string clauses = left.clauses + limits.schedule;
  if (reductions.drops_beyond && limits.schedule.empty()) clauses += " schedule(static)";
  const bool needs_thread = inside.can_fail || inside.takes_gil;
  const bool needs_block = needs_thread || reductions.needs_block;
  if (stmt.is_shared_out && inside.can_leave()) {
    out_.line("#pragma omp single");
    out_.line("leave" + inside.id + ".reset();");
  }
  // What lastprivate() leaves of no turns is anything: GCC's does.
  if (!left.variables.empty()) out_.line("if (n" + inside.id + " > 0)");
  if (stmt.is_shared_out) {
    out_.line("#pragma omp for" + clauses + reductions.clauses);
  } else if (!needs_block) {
    out_.line("#pragma omp parallel for" + copied_clause(stmt) + reductions.clauses + limits.team +
              clauses);
  } else {
    out_.line("#pragma omp parallel" + copied_clause(stmt) + reductions.clauses + limits.team);
    out_.open("");
    if (needs_thread) declare_thread(inside, stmt.body);
    begin_reductions(stmt, inside, reductions);
    out_.line(std::string("#pragma omp for") + (reductions.drops_beyond ? "" : " nowait") +
              clauses);
  }
  turn(stmt, limits, inside, left, reductions);
  if (!stmt.is_shared_out && needs_block) {
    end_reductions(stmt, inside, reductions);
    out_.close();
  }
  if (!views.empty()) out_.close();
  take_back(views);

  if (inside.can_leave()) after_region(inside, left.variables, true, stmt.is_shared_out);
  if (stmt.orelse.empty()) return;
  if (inside.can_leave()) out_.open("if (leave" + inside.id + ".why() == 0)");
  block(stmt.orelse);
  if (inside.can_leave()) out_.close();
}

// ---- parallel ----

void FunctionEmitter::parallel_block(const tree::ParallelBlock& stmt) {
  forget_unbound(effects_.of_block(stmt.body));
  const std::string team = team_clauses(stmt.n_threads, stmt.use_threads);
  const Variables views = lend_views(stmt);
  const Region inside = region(stmt, stmt.body, false);
  has_declared_ = true;
  declare_leaving(inside, {}, false);
  for (const std::string& line : inside.declarations) out_.line(line);
  declare_lent(views);
  std::vector<std::string> first;
  for (const tree::Private& one : stmt.privates)
    if (!inner_.is_inner(*one.variable)) first.push_back(one.variable->cpp);
  out_.line("#pragma omp parallel" + clause("firstprivate", first) + copied_clause(stmt) + team);
  out_.open("");
  if (inside.can_fail || inside.takes_gil) declare_thread(inside, stmt.body);
  declare_exits(inside);
  declare_inner(stmt);
  out_.append(inside.body);
  const std::uint32_t line = out_.source_line();
  out_.set_source_line(0);
  const std::string end = "end" + inside.id;
  // A thread has no turn; their numbers do as well.
  if (inside.can_leave()) {
    way_out(inside, "(unsigned)er::thread_number()", {}, "goto " + end + ";");
    out_.line(end + ":;");
  }
  out_.set_source_line(line);
  out_.close();
  if (!views.empty()) out_.close();
  take_back(views);
  if (inside.can_leave()) after_region(inside, {}, false, false);
}

}  // namespace engineroom::emit
