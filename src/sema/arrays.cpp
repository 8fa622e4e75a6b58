// C arrays as values: assigned as a whole, from lists, and in slices.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

// A value for an array: another one of its kind, or what Python iterates over.
ExprPtr Analyzer::array_value(ExprPtr value, const Type* array) {
  const Type& from = *value->type;
  const syntax::SourceRange range = value->range;
  if (is_error(*value)) return nullptr;
  if (from.kind == TypeKind::kArray && from.base == array->base && from.size == array->size)
    return value;
  const bool can_convert = array->base->is_numeric() || array->base->kind == TypeKind::kStruct ||
                           array->base->kind == TypeKind::kArray;
  if (from.is_object() && can_convert) {
    const std::string name = "er::from_object<" + array->cpp + ">";
    return helper(name.c_str(), array, Fail::kFalse, range, std::move(value));
  }
  if (from.kind == TypeKind::kArray || !from.is_object()) {
    diagnostics_.error("conversion", range,
                       "cannot assign type '" + from.name + "' to '" + array->name + "'");
    return nullptr;
  }
  not_supported(range, "assignment to an array of '" + array->base->name + "'");
  return nullptr;
}

std::optional<std::int64_t> Analyzer::array_bound(const syntax::Expr* bound, const Type& array,
                                                  std::int64_t otherwise) {
  if (bound == nullptr) return otherwise;
  const std::optional<std::int64_t> value = constant_value(*bound, here());
  const auto size = static_cast<std::int64_t>(array.size);
  if (!value) return std::nullopt;
  const std::int64_t at = *value < 0 ? *value + size : *value;
  if (at < 0 || at > size) {
    diagnostics_.error("array-slice", bound->range,
                       "the array has " + std::to_string(size) + " items");
    return std::nullopt;
  }
  return at;
}

// array[low:high] = value; with constant bounds.
void Analyzer::assign_array_slice(ExprPtr array, const syntax::Slice& slice, ExprPtr value,
                                  Block& out) {
  const Type& type = *array->type;
  const syntax::SourceRange range = slice.range;
  if (is_error(*value)) return;
  const bool has_step = slice.step != nullptr && slice.step->kind != ExprKind::kNone;
  if (value->type->kind == TypeKind::kArray && value->type->base == type.base && !has_step)
    return assign_to_memory(std::move(array), slice, std::move(value), out);
  if (type.kind != TypeKind::kArray || slice.step != nullptr)
    return not_supported(range, "assignment to this slice of C memory");
  const std::size_t n_errors = diagnostics_.n_errors();
  const auto low = array_bound(slice.lower, type, 0);
  const auto high = array_bound(slice.upper, type, static_cast<std::int64_t>(type.size));
  if (diagnostics_.n_errors() != n_errors) return;
  if (!low || !high || *high <= *low)
    return not_supported(range, "assignment to this slice of C memory");
  const Type* part = types_.array_of(type.base, static_cast<std::size_t>(*high - *low));
  ExprPtr made = array_value(std::move(value), part);
  if (made == nullptr) return;
  auto first = make<tree::IndexAccess>(type.base, range);
  first->value = std::move(array);
  first->index = c_literal(types_.py_ssize_t(), std::to_string(*low), range);
  assign_items(std::move(first), part, std::move(made), out);
}

// *(T (*)[n])&first = value, with the array's type for `part`.
void Analyzer::assign_items(ExprPtr first, const Type* part, ExprPtr value, Block& out) {
  const syntax::SourceRange range = first->range;
  auto address = make<tree::AddressOf>(types_.pointer_to(first->type), range);
  address->value = std::move(first);
  auto pointer = make<tree::Cast>(types_.pointer_to(part), range);
  pointer->value = std::move(address);
  auto place = make<tree::IndexAccess>(part, range);
  place->value = std::move(pointer);
  place->index = c_literal(types_.int_type(), "0", range);
  auto stmt = make_stmt<tree::Assign>(range);
  stmt->target = std::move(place);
  stmt->value = std::move(value);
  out.push_back(std::move(stmt));
}

}  // namespace engineroom::sema
