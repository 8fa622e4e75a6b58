// What is reached from a value: attributes, items, slices.
#include <algorithm>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

namespace {

// Numbers of C have the attributes of Python's int, float, bool and complex.
bool lacks_attribute(const Type& type, std::string_view name) {
  constexpr std::string_view kKnown[] = {"real",        "imag",
                                         "conjugate",   "bit_length",
                                         "bit_count",   "to_bytes",
                                         "from_bytes",  "is_integer",
                                         "hex",         "fromhex",
                                         "numerator",   "denominator",
                                         "from_number", "as_integer_ratio"};
  const bool is_number = type.is_integral() || type.is_float() || type.is_complex();
  const bool is_special = name.starts_with("__");
  return is_number && !is_special && type.name != "Py_UCS4" &&
         std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown);
}

// As an object a struct is a dict.
bool is_method_of_dict(std::string_view name) {
  constexpr std::string_view kKnown[] = {"copy", "get", "items", "keys", "pop", "values"};
  return std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
}

}  // namespace

ExprPtr Analyzer::attribute(const syntax::Attribute& e) {
  if (const std::optional<std::string> known = cython_name(e)) {
    if (*known == "compiled") return c_literal(types_.bint(), "1", e.range);
    return cython_object(*known, e.range);
  }
  if (ExprPtr known = enum_attribute(e)) return known;
  if (const Symbol* owner = find_dotted(*e.value);
      owner != nullptr && owner->kind == SymbolKind::kModule)
    return cimported_attribute(e, *owner);
  const auto* owner_name = syntax::try_as<syntax::Name>(e.value);
  ExprPtr value = e.attr.text == "decode" ? text_to_decode(*e.value) : nullptr;
  if (value == nullptr) value = owner_name != nullptr ? name(*owner_name, true) : expr(*e.value);
  if (is_error(*value)) return value;
  const Type* type = value->type;
  const Type* record = type->is_pointer() ? type->base : type;
  if (record->kind == TypeKind::kStruct && !record->is_tuple)
    return struct_field(std::move(value), e);
  if (type->is_view())
    if (ExprPtr part = view_attribute(value, e)) return part;
  if (type->buffer != nullptr)
    if (ExprPtr part = buffer_part(value, e)) return part;
  if (type->extension != nullptr)
    if (ExprPtr known = member(value, e)) return known;
  if (type->is_complex() && (e.attr.text == "real" || e.attr.text == "imag")) {
    auto node = make<tree::FieldAccess>(type->base, e.range);
    node->value = std::move(value);
    node->cpp = e.attr.text;
    return node;
  }
  if (!can_be_object(*type) || lacks_attribute(*type, e.attr.text)) {
    diagnostics_.error("no-attribute", e.attr.range,
                       "'" + type->name + "' has no attribute '" + std::string(e.attr.text) + "'");
    return error_value(e.range);
  }
  return object_helper("er::get_attr", e.range, to_object(std::move(value)),
                       str_constant(e.attr.text, e.attr.range));
}

// `math.sqrt` of a cimported module.
ExprPtr Analyzer::cimported_attribute(const syntax::Attribute& e, const Symbol& owner) {
  if (const Symbol* symbol = find_dotted(e)) return symbol_value(*symbol, e.range);
  if (owner.scope && refuse_unsupported(*owner.scope, e.attr.text, e.attr.range))
    return error_value(e.range);
  const auto* base = syntax::try_as<syntax::Name>(e.value);
  const bool is_also_python = base != nullptr && is_imported(base->id);
  if (is_also_python)
    return object_helper("er::get_attr", e.range, python_global(base->id, e.range),
                         str_constant(e.attr.text, e.attr.range));
  diagnostics_.error(
      "no-member", e.attr.range,
      "cimported module '" + owner.name + "' has no '" + std::string(e.attr.text) + "'");
  return error_value(e.range);
}

ExprPtr Analyzer::struct_field(ExprPtr value, const syntax::Attribute& e) {
  const Type* type = value->type;
  const Type* record = type->is_pointer() ? type->base : type;
  const tree::Field* field = record->find_field(e.attr.text);
  if (field == nullptr && type == record && is_method_of_dict(e.attr.text))
    return object_helper("er::get_attr", e.range, to_object(std::move(value)),
                         str_constant(e.attr.text, e.attr.range));
  if (field == nullptr) {
    diagnostics_.error("no-field", e.attr.range,
                       "'" + record->name + "' has no field '" + std::string(e.attr.text) + "'");
    return error_value(e.range);
  }
  auto node = make<tree::FieldAccess>(field->type, e.range);
  node->value = std::move(value);
  node->cpp = field->cpp;
  return node;
}

ExprPtr Analyzer::slice_object(const syntax::Slice& slice) {
  const auto part = [&](const syntax::Expr* bound) {
    return bound != nullptr ? object(*bound) : none(slice.range);
  };
  return helper("er::make_slice", types_.object(ObjectClass::kSlice), Fail::kNull, slice.range,
                part(slice.lower), part(slice.upper), part(slice.step));
}

// Here they count from the end, as ever; Cython leaves undefined what they do.
void Analyzer::warn_of_negative_bounds(const tree::Expr& value, const syntax::Slice& slice) {
  if (context_->directives.wraparound) return;
  const auto known = [this](const syntax::Expr* bound) {
    return bound != nullptr ? constant_value(*bound, here()) : std::nullopt;
  };
  const bool is_literal = value.kind == tree::ExprKind::kPyConstant;
  if (is_literal && known(slice.lower) && known(slice.upper)) return;  // computed at once
  for (const syntax::Expr* bound : {slice.lower, slice.upper})
    if (known(bound).value_or(0) < 0)
      diagnostics_.warning("wraparound", bound->range,
                           "a negative bound, where 'wraparound=False' says that there is none");
}

// What a pointer or an array of C has at an index, or between two.
ExprPtr Analyzer::memory_item(ExprPtr value, const syntax::Subscript& e) {
  if (e.slice->kind == ExprKind::kSlice) {
    return memory_slice(std::move(value), as<syntax::Slice>(*e.slice));
  }
  ExprPtr index = expr(*e.slice);
  if (!index->type->is_integral()) index = coerce(std::move(index), types_.py_ssize_t());
  if (value->type->base->is_void()) {
    diagnostics_.error("void-pointer", e.range, "a void * cannot be indexed: cast it first");
    return error_value(e.range);
  }
  auto node = make<tree::IndexAccess>(value->type->base, e.range);
  node->value = std::move(value);
  node->index = std::move(index);
  return node;
}

ExprPtr Analyzer::subscript(const syntax::Subscript& e) {
  ExprPtr value = expr(*e.value);
  const Type* type = value->type;
  if (type->is_pointer_like()) return memory_item(std::move(value), e);
  if (is_error(*value)) {
    expr(*e.slice, object_);
    return value;
  }
  if (type->is_view()) return view_subscript(std::move(value), e);
  if (type->buffer != nullptr)
    if (ExprPtr item = buffer_item(value, e)) return item;
  if (type->is_tuple)
    if (ExprPtr item = tuple_item(value, *e.slice)) return item;
  if (type->is_numeric() && type != types_.ucs4()) {
    diagnostics_.error("not-indexable", e.range,
                       "a number of type " + syntax::in_quotes(type->name) + " has no items");
    return error_value(e.range);
  }
  if (const auto* slice = syntax::try_as<syntax::Slice>(e.slice); slice != nullptr)
    warn_of_negative_bounds(*value, *slice);
  ExprPtr container = to_object(std::move(value));
  ExprPtr index = expr(*e.slice, object_);
  const bool is_sequence = container->type->object_class != ObjectClass::kDict;
  // A character is a key as a str, not as a number.
  const bool is_character = index->type == types_.ucs4();
  if (is_sequence && !is_character && index->type->kind == TypeKind::kInt) {
    const Type* size = types_.py_ssize_t();
    const bool fits = index->type->rank < 4 || index->type->is_signed;
    if (fits)
      return object_helper("er::get_item_index", e.range, std::move(container),
                           coerce(std::move(index), size));
  }
  return object_helper("er::get_item", e.range, std::move(container), to_object(std::move(index)));
}

}  // namespace engineroom::sema
