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
  if (from.kind == TypeKind::kArray && from.base == array->base &&
      from.size_text() == array->size_text())
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
  if (!array.c_size.empty()) return std::nullopt;  // what is in it, C knows
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

// array[low:high] with constant bounds, where a slice of C memory is assigned to: an array, with no
// list between the two. Null if it is something else.
ExprPtr Analyzer::array_part(const syntax::Expr& target, const syntax::Expr& value) {
  const auto sliced = [](const syntax::Expr& e) {
    const auto* subscript = syntax::try_as<syntax::Subscript>(&e);
    return subscript != nullptr ? syntax::try_as<syntax::Slice>(subscript->slice) : nullptr;
  };
  const syntax::Slice* slice = sliced(value);
  if (sliced(target) == nullptr || slice == nullptr || slice->step != nullptr) return nullptr;
  const Type* to = quick_type(*as<syntax::Subscript>(target).value);
  const Type* type = quick_type(*as<syntax::Subscript>(value).value);
  const bool fits = to != nullptr && type != nullptr && to->is_pointer_like() &&
                    type->kind == TypeKind::kArray && type->base == to->base;
  const auto is_constant = [&](const syntax::Expr* bound) {
    return bound == nullptr || constant_value(*bound, here());
  };
  if (!fits || !type->c_size.empty() || !is_constant(slice->lower) || !is_constant(slice->upper))
    return nullptr;
  const auto low = array_bound(slice->lower, *type, 0);
  const auto high = array_bound(slice->upper, *type, static_cast<std::int64_t>(type->size));
  if (!low || !high) return error_value(value.range);
  if (*high <= *low) return nullptr;
  ExprPtr array = expr(*as<syntax::Subscript>(value).value);
  const auto n = static_cast<std::size_t>(*high - *low);
  if (n == type->size || is_error(*array)) return array;
  auto first = make<tree::IndexAccess>(type->base, value.range);
  first->value = std::move(array);
  first->index = c_literal(types_.py_ssize_t(), std::to_string(*low), value.range);
  return items_from(std::move(first), types_.array_of(type->base, n));
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

// *(T (*)[n])&first, with the array's type for `part`.
ExprPtr Analyzer::items_from(ExprPtr first, const Type* part) {
  const syntax::SourceRange range = first->range;
  auto address = make<tree::AddressOf>(types_.pointer_to(first->type), range);
  address->value = std::move(first);
  auto pointer = make<tree::Cast>(types_.pointer_to(part), range);
  pointer->value = std::move(address);
  auto place = make<tree::IndexAccess>(part, range);
  place->value = std::move(pointer);
  place->index = c_literal(types_.int_type(), "0", range);
  return place;
}

void Analyzer::assign_items(ExprPtr first, const Type* part, ExprPtr value, Block& out) {
  auto stmt = make_stmt<tree::Assign>(first->range);
  stmt->target = items_from(std::move(first), part);
  stmt->value = std::move(value);
  out.push_back(std::move(stmt));
}

}  // namespace engineroom::sema
