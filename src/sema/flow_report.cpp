// What the control flow of a function tells its author.

#include <algorithm>
#include <map>

#include "sema/analyzer.h"
#include "sema/control_flow.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::in_quotes;
using syntax::StmtKind;

namespace {

// Where `cdef` declares variables, outside of functions inside.
void find_declarations(const syntax::Block& body,
                       std::map<std::string_view, syntax::SourceRange>& places) {
  for (const syntax::Stmt* stmt : body) {
    if (stmt->kind == StmtKind::kFunctionDef || stmt->kind == StmtKind::kClassDef) continue;
    if (stmt->kind == StmtKind::kCVarDef)
      for (const syntax::CDeclarator& declarator : as<syntax::CVarDef>(*stmt).declarators)
        places.emplace(declarator.name.text, declarator.name.range);
    syntax::for_each_block(*stmt,
                           [&](const syntax::Block& inner) { find_declarations(inner, places); });
  }
}

bool has_include(const syntax::Block& body) {
  bool found = false;
  for (const syntax::Stmt* stmt : body) {
    found = found || stmt->kind == StmtKind::kInclude;
    syntax::for_each_block(
        *stmt, [&](const syntax::Block& inner) { found = found || has_include(inner); });
  }
  return found;
}

bool is_storage(const Type& type) {
  return type.kind == TypeKind::kArray || type.kind == TypeKind::kStruct || type.is_complex();
}

}  // namespace

void Analyzer::check_flow(const syntax::Params& params, const syntax::Block& body) {
  if (has_include(body)) return;  // what is in it has no place in this text
  std::map<std::string_view, syntax::SourceRange> places;
  for (const syntax::Param& param : params.params)
    places.emplace(param.name.text, param.name.range);
  find_declarations(body, places);
  std::vector<FlowVariable> variables;
  for (const auto& [name, local] : context_->locals) {
    const auto& own = context_->scopes;
    const bool is_free =
        local->is_captured() && std::find(own.begin(), own.end(), local->scope) == own.end();
    if (is_free) continue;
    const auto place = places.find(name);
    // Of a type that was refused nothing more is said.
    const bool has_value = is_storage(*local->type) || local->type == types_.error();
    const bool is_parameter =
        context_->bound.contains(local) || context_->captured_parameters.contains(local);
    variables.push_back({name, is_parameter, has_value,
                         place != places.end() ? place->second : syntax::SourceRange{}});
  }
  std::vector<AssignedRead> assigned;
  const Expansion expansion = [this](const syntax::Stmt& stmt) { return declared_by_call(stmt); };
  for (const FlowFinding& finding : analyze_flow(body, variables, &assigned, expansion))
    report(finding);
  for (const AssignedRead& read : assigned)
    context_->assigned_reads.emplace(read.range.begin, context_->locals.find(read.name)->second);
}

void Analyzer::check_module_flow() {
  std::vector<FlowVariable> variables;
  for (const auto& [name, symbol] : scope_.names) {
    const bool is_own = symbol.kind == SymbolKind::kVariable && symbol.origin.earlier == nullptr &&
                        symbol.origin.pxd.empty() && symbol.range.source == module_.range.source;
    if (is_own) variables.push_back({name, false, true, symbol.range});
  }
  for (const FlowFinding& finding : analyze_module_flow(module_.body, variables)) report(finding);
}

void Analyzer::report(const FlowFinding& finding) {
  const Directives& directives = context_->directives;
  const auto warn = [&](bool is_wanted, std::string_view code, std::string message) {
    if (is_wanted) diagnostics_.warning(code, finding.range, std::move(message));
  };
  const std::string name = in_quotes(finding.name);
  switch (finding.kind) {
    case FlowFindingKind::kUnreachable:
      return warn(directives.warn_unreachable, "unreachable", "unreachable code");
    case FlowFindingKind::kUnassigned: {
      std::string message = "local variable " + name + " referenced before assignment";
      const auto local = context_->locals.find(finding.name);
      // In C it is merely undefined which value is read.
      if (local != context_->locals.end() && !local->second->type->is_object())
        return warn(true, "unassigned", std::move(message));
      diagnostics_.error("unassigned", finding.range, std::move(message));
      return;
    }
    case FlowFindingKind::kMaybeUnassigned:
      return warn(directives.warn_maybe_uninitialized, "maybe-unassigned",
                  "local variable " + name + " might be referenced before assignment");
    case FlowFindingKind::kUnusedVariable:
      return warn(directives.warn_unused, "unused", "unused variable " + name);
    case FlowFindingKind::kUnusedParameter:
      return warn(directives.warn_unused_arg, "unused", "unused argument " + name);
    case FlowFindingKind::kUnusedValue:
      return warn(directives.warn_unused_result, "unused",
                  "the value assigned to " + name + " is not used");
    case FlowFindingKind::kUndeclared:
      return warn(directives.warn_undeclared, "undeclared", "implicit declaration of " + name);
    case FlowFindingKind::kDeclaredAfterUse:
      diagnostics_
          .error("declared-late", finding.range,
                 "cdef variable " + name + " declared after it is used")
          .hint("move the 'cdef' above the first use of " + name);
  }
}

}  // namespace engineroom::sema
