// What threads of a parallel section have for themselves, and what they put together.
//
// What a loop assigns to by name is looked for in the text before its body is analysed, as in
// Cython: an augmented assignment makes a reduction, any other a private variable. A name that is
// assigned both ways is private, as it has a value of its own in each turn.
#include "sema/analyzer.h"
#include "sema/parallel_names.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::in_quotes;
using syntax::Operator;

namespace {

// The operator of the reduction that an augmented assignment makes; "" if it makes none.
std::string_view reduction_of(Operator op) {
  switch (op) {
    case Operator::kAdd:
    case Operator::kSub:
      return "+";
    case Operator::kMult:
      return "*";
    case Operator::kBitAnd:
      return "&";
    case Operator::kBitOr:
      return "|";
    case Operator::kBitXor:
      return "^";
    default:
      return "";
  }
}

}  // namespace

Variable* Analyzer::assigned_variable(std::string_view name) {
  if (Variable* local = local_variable(name)) return local;
  const Symbol* symbol = find_symbol(name);
  return symbol != nullptr && symbol->kind == SymbolKind::kVariable ? symbol->variable : nullptr;
}

// Threads have copies of what they assign to, and the variables of closures are one for all.
bool Analyzer::refuse_shared(const Variable& variable, syntax::SourceRange range) {
  if (!variable.is_captured()) return false;
  not_supported(range,
                "closures over variables that threads assign to: " + in_quotes(variable.name));
  return true;
}

void Analyzer::add_private(std::vector<tree::Private>& privates, Variable* variable,
                           syntax::SourceRange range) {
  if (variable->type->kind == TypeKind::kArray)
    return not_supported(range, "assigning whole arrays in a parallel section");
  if (refuse_shared(*variable, range)) return;
  privates.push_back({variable, range});
  variable->is_assigned = true;
}

// Sorts what the body of a loop assigns to.
void Analyzer::classify(const syntax::Block& body, tree::ParallelLoop& loop, ParallelScope& scope) {
  AssignedNames names;
  names.see(body);
  for (const NameAssigned& one : names.all) {
    Variable* variable = assigned_variable(one.name);
    if (variable == nullptr || variable == loop.variable || variable->type == types_.error())
      continue;
    if (scope.outer != nullptr && scope.outer->privates.contains(variable)) {
      diagnostics_.error("parallel-private", one.range,
                         "Cannot assign to private of outer parallel block");
      continue;
    }
    if (variable->type->is_view()) {
      diagnostics_
          .error("parallel-private", one.range,
                 "Memoryview slices can only be shared in parallel sections")
          .hint("use items of the whole, or pass the slice to a function");
      continue;
    }
    if (variable->type->is_object()) {
      if (one.op)
        diagnostics_.error("parallel-reduction", one.range, "Python objects cannot be reductions")
            .hint("give it a type: 'cdef double " + std::string(one.name) + "'");
      continue;
    }
    if (!one.op) {
      add_private(loop.privates, variable, one.range);
      continue;
    }
    add_reduction(one, variable, loop, scope);
  }
}

void Analyzer::add_reduction(const NameAssigned& one, Variable* variable, tree::ParallelLoop& loop,
                             ParallelScope& scope) {
  const std::string_view op = reduction_of(*one.op);
  if (one.other_op) {
    diagnostics_.error("parallel-reduction", one.other_range,
                       "Reduction operator " + in_quotes(sign_of(*one.other_op)) +
                           " is inconsistent with previous reduction operator " +
                           in_quotes(sign_of(*one.op)));
  } else if (op.empty()) {
    diagnostics_
        .error("parallel-reduction", one.range,
               in_quotes(std::string(sign_of(*one.op)) + "=") +
                   " carries a value from one turn of a parallel loop to the next")
        .hint("threads can put +=, -=, *=, &=, |= and ^= together");
  } else if (!variable->type->is_numeric()) {
    not_supported(one.range, "reductions of type " + in_quotes(variable->type->name));
  } else if (!refuse_shared(*variable, one.range)) {
    loop.reductions.push_back({variable, op.data(), one.range});
    scope.reductions.insert(variable);
    variable->is_assigned = true;
  }
}

// What the block itself assigns to; loops that share their turns see to their own.
void Analyzer::classify_block(const syntax::Block& text, tree::ParallelBlock& parallel,
                              ParallelScope& scope) {
  AssignedNames names;
  const auto see = [&](const syntax::Block& block, const auto& self) -> void {
    for (const syntax::Stmt* stmt : block) {
      const auto* loop = syntax::try_as<syntax::For>(stmt);
      if (loop != nullptr && parallel_call(*loop->iter, "parallel.prange") != nullptr) continue;
      names.see_own(*stmt);
      syntax::for_each_block(*stmt, [&](const syntax::Block& inner) { self(inner, self); });
    }
  };
  see(text, see);
  for (const NameAssigned& one : names.all) {
    Variable* variable = assigned_variable(one.name);
    if (variable == nullptr || variable->type->is_object()) continue;
    if (one.op) {
      diagnostics_
          .error("parallel-reduction", one.range, "Reductions not allowed for parallel blocks")
          .hint("prange() has them");
      continue;
    }
    add_private(parallel.privates, variable, one.range);
    scope.privates.insert(variable);
  }
}

void Analyzer::check_reduction_read(const Variable* variable, syntax::SourceRange range) {
  if (variable == context_->reduced) return;
  for (const ParallelScope* scope = context_->parallel; scope != nullptr; scope = scope->outer) {
    if (!scope->reductions.contains(variable)) continue;
    diagnostics_.error("parallel-reduction", range, "Cannot read reduction variable in loop body")
        .hint("each thread has a part of it; it is whole after the loop");
    return;
  }
}

}  // namespace engineroom::sema
