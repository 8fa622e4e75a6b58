// What is const: assigning to it is a mistake, which C++ would report in words of its own.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::in_quotes;

namespace {

bool is_const(const Type& type) { return type.unqualified != nullptr; }

// Part of something const, or declared so itself.
bool is_const_place(const tree::Expr& place) {
  if (is_const(*place.type)) return true;
  if (const auto* field = tree::try_as<tree::FieldAccess>(&place)) {
    const Type& owner = *field->value->type;
    return owner.is_pointer() ? is_const(*owner.base) : is_const_place(*field->value);
  }
  if (const auto* item = tree::try_as<tree::IndexAccess>(&place))
    return item->value->type->kind == TypeKind::kArray && is_const_place(*item->value);
  return false;
}

}  // namespace

bool Analyzer::refuse_const(const Variable* variable, std::string_view name,
                            syntax::SourceRange range) {
  if (variable == nullptr) return false;
  if (!const_variables_.contains(variable) && !is_const(*variable->type)) return false;
  diagnostics_.error("assignment", range, "assignment to const " + in_quotes(name));
  return true;
}

bool Analyzer::refuse_const(const tree::Expr& place) {
  if (!is_const_place(place)) return false;
  diagnostics_.error("assignment", place.range,
                     "assignment to const " + in_quotes(sources_.text_of(place.range)));
  return true;
}

// An array is filled item by item when the code runs.
bool Analyzer::refuse_const_array(const Variable& variable, syntax::SourceRange range) {
  if (variable.type->kind != TypeKind::kArray || !is_const(*variable.type->base)) return false;
  diagnostics_.error("assignment", range, "assignment to const array " + in_quotes(variable.name))
      .hint("leave out 'const', or declare a pointer to const items");
  return true;
}

}  // namespace engineroom::sema
