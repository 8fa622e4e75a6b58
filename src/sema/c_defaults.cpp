// Arguments that a call of a C function may leave out: `cdef int f(int a, int b=3)`.
//
// The caller passes what is missing. A literal stands in each call; other defaults are evaluated
// where the definition stands, and kept in a variable of the module.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::ExprKind;

namespace {

bool is_literal(const syntax::Expr& e) {
  if (const auto* unary = syntax::try_as<syntax::UnaryOp>(&e))
    return unary->operand->kind == ExprKind::kInt || unary->operand->kind == ExprKind::kFloat;
  return e.kind == ExprKind::kInt || e.kind == ExprKind::kFloat || e.kind == ExprKind::kNone ||
         e.kind == ExprKind::kTrue || e.kind == ExprKind::kFalse || e.kind == ExprKind::kNull ||
         e.kind == ExprKind::kStr;
}

}  // namespace

void Analyzer::declare_c_defaults(const syntax::CFuncDef& def, const Symbol& function) {
  std::vector<CDefault> defaults;
  bool has_one = false;
  const auto& params = def.type->params->params;
  for (std::size_t i = 0; i < function.type->parameters.size() && i < params.size(); ++i) {
    CDefault& made = defaults.emplace_back();
    const syntax::Expr* value = params[i].default_value;
    if (value == nullptr) continue;
    has_one = true;
    if (is_literal(*value)) {
      made.literal = value;
      continue;
    }
    // In a .pxd there is no moment at which it would be evaluated.
    if (function.definition != nullptr) continue;
    Variable& variable = out_.variables.emplace_back();
    variable = {function.type->parameters[i].name,
                unique_cpp("d_", def.name.text) + shared_suffix(), VariableKind::kModule,
                function.type->parameters[i].type, false};
    made.variable = &variable;
  }
  if (has_one) c_defaults_.emplace(function.cpp, std::move(defaults));
}

void Analyzer::evaluate_c_defaults(const syntax::CFuncDef& def, const std::string& cpp,
                                   Block& out) {
  const auto found = c_defaults_.find(cpp);
  if (found == c_defaults_.end()) return;
  const auto& params = def.type->params->params;
  for (std::size_t i = 0; i < found->second.size(); ++i) {
    Variable* variable = found->second[i].variable;
    if (variable == nullptr) continue;
    const syntax::Expr& value = *params[i].default_value;
    assign_to_variable(variable, expr(value, variable->type), out, value.range);
  }
}

// null if there is none that a call here could use.
ExprPtr Analyzer::c_default(const tree::Expr& callee, std::size_t i, const Type* type,
                            syntax::SourceRange range) {
  const auto* name = tree::try_as<tree::FunctionName>(&callee);
  const auto found = name != nullptr ? c_defaults_.find(name->cpp) : c_defaults_.end();
  if (found == c_defaults_.end() || i >= found->second.size()) return nullptr;
  const CDefault& known = found->second[i];
  if (known.literal != nullptr) return coerce(expr(*known.literal, type), type);
  return known.variable != nullptr ? variable(known.variable, range) : nullptr;
}

}  // namespace engineroom::sema
