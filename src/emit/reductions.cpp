// What the threads of a loop compute together.
//
// Sums and extremes are OpenMP's reductions. Two things need more:
//
// A loop that is left early. Each thread has a row of turns that follow each other; when all have
// ended, those whose turns are beyond the one that decides forget what they have:
//
//   #pragma omp parallel reduction(+ : v_s)
//   {
//     er::Leaving::Turn last1 = 0;
//     const double start1_v_s = v_s;
//     #pragma omp for schedule(static)
//     for (…) { if (leave1.skips(k1)) continue; last1 = k1; … }
//     if (leave1.drops(last1)) { v_s = start1_v_s; }
//   }
//
// An extreme that more comes with, `if x > best: best = x; at = i`. Each thread starts with the
// values from before, and notes in which turn it has taken others:
//
//   er::Extreme extreme1_v_best;
//   double& best1_v_best = v_best; long& best1_v_at = v_at;
//   #pragma omp parallel firstprivate(v_best, v_at)
//   {
//     er::Extreme::Turn taken1_v_best = 0;
//     #pragma omp for nowait
//     for (…) { if (x > v_best) { taken1_v_best = k1 + 1; v_best = x; v_at = i; } }
//     if (taken1_v_best != 0) { …; if (extreme1_v_best.takes(…)) { best1_v_best = v_best; … } … }
//   }
#include <algorithm>

#include "emit/function_emitter.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::Reduction;
using tree::Variable;

namespace {

std::vector<const Variable*> all_of(const Reduction& reduction) {
  std::vector<const Variable*> all = {reduction.variable};
  all.insert(all.end(), reduction.companions.begin(), reduction.companions.end());
  return all;
}

bool has_rows(const tree::ParallelLoop& stmt) {
  return stmt.schedule == tree::Schedule::kDefault ||
         (stmt.schedule == tree::Schedule::kStatic && stmt.chunk == nullptr);
}

}  // namespace

std::string FunctionEmitter::taken_turn(const Reduction& reduction, const std::string& region) {
  return "taken" + region + "_" + reduction.variable->cpp;
}

std::string FunctionEmitter::declare_reduction(const Reduction& reduction) {
  const std::string_view op = reduction.op;
  const tree::Type& type = *reduction.variable->type;
  const bool is_extreme = op == "min" || op == "max";
  if (!is_extreme && !type.is_complex()) return reduction.op;
  const std::string name = "er_reduce" + std::to_string(++n_names_);
  std::string combine = std::string("omp_out = omp_out ") + reduction.op + " omp_in";
  std::string start = op == "*" ? type.cpp + "(1)" : type.cpp + "(0)";
  if (is_extreme) {
    // Each thread starts with the value from before, as the loop without threads would: with NaN
    // too the comparisons are the same.
    combine = std::string("omp_out = omp_in ") + (op == "min" ? "<" : ">") +
              " omp_out ? omp_in : omp_out";
    start = "omp_orig";
  }
  out_.line("#pragma omp declare reduction(" + name + " : " + type.cpp + " : " + combine +
            ") initializer(omp_priv = " + start + ")");
  return name;
}

FunctionEmitter::Reductions FunctionEmitter::reductions(const tree::ParallelLoop& stmt,
                                                        const Region& region) {
  Reductions made;
  // An exception is seen together with what the loop has computed only if something handles it.
  bool is_seen = !region.exits.empty() || handler_ != "fail";
  std::vector<std::string> own;
  for (const Reduction& one : stmt.reductions) {
    is_seen = is_seen || one.variable->is_global();
    if (one.taken == nullptr) {
      made.clauses += " reduction(" + declare_reduction(one) + " : " + one.variable->cpp + ")";
      continue;
    }
    made.needs_block = true;
    out_.line("er::Extreme extreme" + region.id + "_" + one.variable->cpp + ";");
    for (const Variable* variable : all_of(one)) {
      own.push_back(variable->cpp);
      out_.line(variable->type->cpp + "& best" + region.id + "_" + variable->cpp + " = " +
                variable->cpp + ";");
    }
  }
  if (!own.empty()) made.clauses += " firstprivate(" + joined(own) + ")";
  made.drops_beyond = !stmt.reductions.empty() && !stmt.is_shared_out && region.can_leave() &&
                      has_rows(stmt) && is_seen;
  made.needs_block = made.needs_block || made.drops_beyond;
  return made;
}

void FunctionEmitter::begin_reductions(const tree::ParallelLoop& stmt, const Region& region,
                                       const Reductions& all) {
  if (all.drops_beyond) out_.line("er::Leaving::Turn last" + region.id + " = 0;");
  for (const Reduction& one : stmt.reductions) {
    if (one.taken != nullptr) {
      out_.line("er::Extreme::Turn " + taken_turn(one, region.id) + " = 0;");
    } else if (all.drops_beyond) {
      out_.line("const " + one.variable->type->cpp + " start" + region.id + "_" +
                one.variable->cpp + " = " + one.variable->cpp + ";");
    }
  }
}

void FunctionEmitter::end_reductions(const tree::ParallelLoop& stmt, const Region& region,
                                     const Reductions& all) {
  if (all.drops_beyond) {
    out_.open("if (leave" + region.id + ".drops(last" + region.id + "))");
    for (const Reduction& one : stmt.reductions) {
      const std::string& name = one.variable->cpp;
      out_.line(one.taken != nullptr ? taken_turn(one, region.id) + " = 0;"
                                     : name + " = start" + region.id + "_" + name + ";");
    }
    out_.close();
  }
  for (const Reduction& one : stmt.reductions) {
    if (one.taken == nullptr) continue;
    const std::string& name = one.variable->cpp;
    const std::string best = "best" + region.id + "_";
    const std::string extreme = "extreme" + region.id + "_" + name;
    const std::string turn = taken_turn(one, region.id);
    const bool is_max = std::string_view(one.op) == "max";
    out_.open("if (" + turn + " != 0)");
    out_.line(extreme + ".lock();");
    out_.open("if (" + extreme + ".takes(" + turn + ", " + name + (is_max ? " > " : " < ") + best +
              name + ", " + name + " == " + best + name + ", " +
              (one.takes_last ? "true" : "false") + "))");
    for (const Variable* variable : all_of(one))
      out_.line(best + variable->cpp + " = " + variable->cpp + ";");
    out_.close();
    out_.line(extreme + ".done();");
    out_.close();
  }
}

}  // namespace engineroom::emit
