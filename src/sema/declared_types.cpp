// Which types what is declared can have: variables, parameters and items need a size, and C holds
// no references to Python objects on its own.
#include <algorithm>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::CTypeKind;
using syntax::in_quotes;

// Reports a type without a size; true if it was.
bool Analyzer::refuse_incomplete(const Type& type, syntax::SourceRange range,
                                 std::string_view what) {
  const Type& item = type.kind == TypeKind::kArray ? *type.base : type;
  if (item.kind == TypeKind::kArray) return refuse_incomplete(item, range, what);
  if (item.is_void()) {
    diagnostics_.error("incomplete-type", range, std::string(what) + " cannot be of type 'void'")
        .hint("a pointer to anything is 'void *'; a Python object is 'object'");
    return true;
  }
  const Type& record = item.without_const();
  if (record.kind != TypeKind::kStruct || record.is_complete) return false;
  diagnostics_
      .error("incomplete-type", range,
             "nobody knows how large " + in_quotes(record.name) + " is: " + std::string(what) +
                 " cannot be of this type")
      .hint("declare its fields, or use a pointer: '" + record.name + " *'");
  return true;
}

// cdef int x[]: nobody knows how long it is.
bool Analyzer::refuse_open_array(const syntax::CDeclarator& declarator) {
  const syntax::CType* type = declarator.type;
  if (type->kind != CTypeKind::kArray || as<syntax::CArrayType>(*type).size != nullptr)
    return false;
  diagnostics_
      .error("incomplete-type", declarator.range,
             "the array " + in_quotes(declarator.name.text) + " has no size")
      .hint("write how many items it has, or declare a pointer");
  return true;
}

// Of a variable or field that is declared in this text.
const Type* Analyzer::declared_type(const syntax::CDeclarator& declarator, Scope& scope,
                                    std::string_view what) {
  const Type* type = ctype(*declarator.type, scope);
  if (type == types_.error()) return type;
  if (refuse_open_array(declarator) || refuse_incomplete(*type, declarator.range, what))
    return types_.error();
  return type;
}

// f(void) is C's way of saying what f() says here.
void Analyzer::refuse_void_parameter(const syntax::Param& param) {
  const bool is_only = param.name.empty();
  diagnostics_.error("void-parameter", param.range, "a parameter cannot be of type 'void'")
      .hint(is_only ? "a function without parameters is declared 'f()'"
                    : "a pointer to anything is 'void *'");
}

// ---- except ----

namespace {

// A number, a character, the name of a constant, and what C makes of such.
bool may_be_constant(const syntax::Expr& e, Scope& scope) {
  using syntax::ExprKind;
  switch (e.kind) {
    case ExprKind::kInt:
    case ExprKind::kFloat:
    case ExprKind::kStr:
    case ExprKind::kTrue:
    case ExprKind::kFalse:
    case ExprKind::kNull:
    case ExprKind::kName:
    case ExprKind::kSizeOf:
      return true;
    case ExprKind::kUnaryOp:
      return may_be_constant(*as<syntax::UnaryOp>(e).operand, scope);
    case ExprKind::kBinOp:
      return may_be_constant(*as<syntax::BinOp>(e).left, scope) &&
             may_be_constant(*as<syntax::BinOp>(e).right, scope);
    case ExprKind::kCast:
      return may_be_constant(*as<syntax::Cast>(e).value, scope);
    case ExprKind::kAttribute: {
      // Of a cimported module, or an enum.
      const auto* owner = syntax::try_as<syntax::Name>(as<syntax::Attribute>(e).value);
      const Symbol* module = owner != nullptr ? scope.find(owner->id) : nullptr;
      if (module != nullptr && module->kind == SymbolKind::kType)
        return module->type->kind == TypeKind::kEnum;
      return module != nullptr && module->kind == SymbolKind::kModule;
    }
    default:
      return false;
  }
}

}  // namespace

// What `except` says must fit what the function returns.
void Analyzer::check_except(const syntax::ExceptClause& clause, const Type& result, Scope& scope) {
  using syntax::ExceptKind;
  if (&result == types_.error()) return;
  if (result.is_object()) {
    if (clause.kind == ExceptKind::kNoexcept)
      diagnostics_.warning("except-clause", clause.range,
                           "'noexcept' has no effect on a function that returns an object");
    const bool is_needless = clause.kind == ExceptKind::kValue ||
                             clause.kind == ExceptKind::kMaybeValue ||
                             clause.kind == ExceptKind::kAlways;
    if (is_needless)
      diagnostics_
          .error("except-clause", clause.range,
                 "a function that returns an object has no exception clause")
          .hint("leave it out: exceptions are passed on anyway");
    return;
  }
  if (clause.value == nullptr || clause.kind == ExceptKind::kCpp ||
      clause.kind == ExceptKind::kCppAlways)
    return;
  const syntax::Expr& value = *clause.value;
  if (!may_be_constant(value, scope)) {
    diagnostics_.error("except-clause", value.range, "the exception value must be a constant")
        .hint("'except *' asks after each call whether there was an exception");
    return;
  }
  const bool is_number = constant_value(value, scope).has_value();
  const bool is_misfit =
      result.is_void() || result.kind == TypeKind::kStruct || (result.is_pointer() && is_number);
  if (!is_misfit) return;
  diagnostics_
      .error("except-clause", value.range,
             "the exception value must be of type " + in_quotes(result.name) +
                 ", which the function returns")
      .hint(result.is_pointer() ? "write 'except NULL'" : "write 'except *'");
}

// ---- the own .pxd ----

namespace {

// Whoever read the declaration sees every exception that the definition lets out.
bool keeps_promise(const Type& defined, const Type& declared) {
  using tree::Except;
  if (defined.except == declared.except && defined.except_value == declared.except_value)
    return true;
  if (declared.except == Except::kAlwaysAsk || defined.except == Except::kNever) return true;
  return declared.except == Except::kMaybeValue && defined.except == Except::kValue &&
         defined.except_value == declared.except_value;
}

bool has_same_signature(const Type& a, const Type& b) {
  return a.base == b.base && a.has_varargs == b.has_varargs &&
         std::equal(
             a.parameters.begin(), a.parameters.end(), b.parameters.begin(), b.parameters.end(),
             [](const tree::Parameter& x, const tree::Parameter& y) { return x.type == y.type; });
}

}  // namespace

void Analyzer::check_announced(const syntax::CFuncDef& def, const Type& defined) {
  const auto announced = announced_.find(def.name.text);
  if (announced == announced_.end()) return;
  const Type& declared = *announced->second.type;
  const bool is_same = has_same_signature(defined, declared);
  if (is_same && keeps_promise(defined, declared)) return;
  diagnostics_
      .error(
          "signature", def.header,
          in_quotes(def.name.text) + (is_same ? " has another exception clause than the .pxd says"
                                              : " has another signature than the .pxd says"))
      .related(announced->second.range, "declared here");
}

}  // namespace engineroom::sema
