// Variables that functions share with functions inside them.
//
// Which they are is read off the text (free_names.h) before types are inferred: such a variable is
// in a tree::ClosureScope, and an object unless it was declared. A function that uses a variable of
// one around it finds it among its locals, under the same name. What its own function object has to
// hold, it knows once its body has been looked at.
#include <algorithm>
#include <utility>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::StmtKind;

tree::ClosureScope* Analyzer::new_scope() {
  tree::ClosureScope& scope = out_.scopes.emplace_back();
  scope.id = std::to_string(out_.scopes.size());
  scope.cpp = "c_" + scope.id;
  scope.outer = context_->closure;
  context_->scopes.push_back(&scope);
  context_->function->scopes.push_back(&scope);
  return &scope;
}

StmtPtr Analyzer::make_scope(const tree::ClosureScope* scope, syntax::SourceRange range) {
  auto stmt = make_stmt<tree::MakeScope>(range);
  stmt->scope = scope;
  return stmt;
}

// Makes it a variable of the scope.
void Analyzer::put_into(tree::ClosureScope& scope, Variable& variable) {
  scope.members.push_back({&variable, variable.cpp});
  variable.kind = VariableKind::kCaptured;
  variable.cpp = scope.cpp + "->" + variable.cpp;
  variable.scope = &scope;
}

// Of the variables of this function those that the names say; `out` gets what is done on entry.
void Analyzer::capture(const NameSet& names, Block& out) {
  const syntax::SourceRange range = context_->function->range;
  tree::ClosureScope* scope = nullptr;
  Block copies;
  for (auto& [name, local] : context_->locals) {
    if (!names.contains(name) || local->is_captured() || local->type == types_.error()) continue;
    if (local->type->buffer != nullptr) {
      not_supported(range, "closures over variables with a buffer: " + syntax::in_quotes(name));
      continue;
    }
    if (scope == nullptr) scope = new_scope();
    if (local->kind != VariableKind::kParameter) {
      put_into(*scope, *local);
      continue;
    }
    // Arguments are taken over, once they have been converted.
    Variable* parameter =
        std::exchange(local, new_variable(name, local->type, VariableKind::kLocal));
    put_into(*scope, *local);
    context_->captured_parameters.insert(local);
    if (const_variables_.contains(parameter)) const_variables_.insert(local);
    assign_variable(copies, local, variable(parameter, range), range);
  }
  if (scope == nullptr) return;
  context_->closure = scope;
  out.push_back(make_scope(scope, range));
  for (StmtPtr& copy : copies) out.push_back(std::move(copy));
}

// A variable of a function around this one; null if there is none of this name.
Variable* Analyzer::free_variable(std::string_view name, bool in_comprehensions) {
  for (FunctionContext* outer = context_->outer; outer != nullptr; outer = outer->outer) {
    Variable* found = nullptr;
    const auto& scopes = outer->comprehensions;
    for (auto scope = scopes.rbegin(); in_comprehensions && scope != scopes.rend(); ++scope)
      if (const auto known = scope->find(name); found == nullptr && known != scope->end())
        found = known->second;
    if (found == nullptr && !outer->is_module) {
      if (outer->globals.contains(name)) return nullptr;
      const auto known = outer->locals.find(name);
      if (known != outer->locals.end()) found = known->second;
    }
    if (found == nullptr) continue;
    if (!found->is_captured()) return nullptr;
    for (FunctionContext* inner = context_; inner != outer; inner = inner->outer)
      inner->reaches_out = true;
    return found;
  }
  return nullptr;
}

// A variable of a function around, of which the text did not tell that it is used: what is included
// was not looked at.
bool Analyzer::is_out_of_reach(std::string_view name) const {
  for (const FunctionContext* context = context_; context != nullptr; context = context->outer) {
    if (context->globals.contains(name)) return false;
    for (const auto& scope : context->comprehensions)
      if (scope.contains(name)) return true;
    if (context != context_ && !context->is_module && context->locals.contains(name)) return true;
  }
  return false;
}

void Analyzer::add_free_variables(const NameSet& names) {
  for (const std::string_view name : names) {
    if (context_->locals.contains(name) || context_->globals.contains(name)) continue;
    if (Variable* found = free_variable(name, true))
      context_->locals.emplace(std::string(name), found);
  }
}

// What a function object holds is known once its body is.
void Analyzer::close_function() {
  if (context_->reaches_out) {
    context_->function->outer_scope = context_->outer->closure;
    return;
  }
  for (tree::ClosureScope* scope : context_->scopes)
    if (scope->outer == context_->outer->closure) scope->outer = nullptr;
}

// ---- nonlocal ----

void Analyzer::declare_nonlocal(const syntax::Nonlocal& stmt) {
  for (const syntax::Identifier& name : stmt.names) {
    if (context_->nonlocals.contains(name.text)) continue;
    if (context_->locals.contains(name.text)) {
      refuse_nonlocal(name);
      continue;
    }
    Variable* found = free_variable(name.text, false);
    if (found == nullptr) {
      diagnostics_.error("nonlocal", name.range,
                         "no binding for nonlocal " + syntax::in_quotes(name.text) + " found");
      add_local(name.text);
      context_->locals.find(name.text)->second->type = types_.error();
    } else {
      context_->locals.emplace(std::string(name.text), found);
    }
    context_->nonlocals.emplace(name.text);
  }
}

void Analyzer::refuse_nonlocal(const syntax::Identifier& name) {
  diagnostics_
      .error("nonlocal", name.range, syntax::in_quotes(name.text) + " redeclared as nonlocal")
      .hint("'nonlocal' comes before the first assignment");
}

// ---- comprehensions ----

// Each evaluation has variables of its own.
Analyzer::ComprehensionScope Analyzer::open_comprehension(NameSet shared, Block& out,
                                                          syntax::SourceRange range) {
  ComprehensionScope before = {context_->closure, std::move(context_->shared)};
  context_->shared = std::move(shared);
  if (!context_->shared.empty()) {
    context_->closure = new_scope();
    out.push_back(make_scope(context_->closure, range));
  }
  return before;
}

void Analyzer::close_comprehension(ComprehensionScope before) {
  context_->closure = before.closure;
  context_->shared = std::move(before.shared);
}

}  // namespace engineroom::sema
