// Enums: names for integers of C; those that are cpdef are classes to Python.
//
// An anonymous cpdef enum gives its names to the module. A named one is a class like enum.IntEnum,
// which the module makes before anything else runs; its C values become members of it. `enum class`
// has its names for itself, and Python knows no values but those.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

const Type* Analyzer::announce_enum(const syntax::CEnumDef& def, Scope& scope, bool is_extern) {
  is_extern = is_extern || def.context.visibility == syntax::Visibility::kExtern;
  if (def.name.empty()) return types_.int_type();
  if (const Symbol* known = scope.find(def.name.text);
      known != nullptr && known->kind == SymbolKind::kType && known->type->kind == TypeKind::kEnum)
    return known->type;
  std::string cpp(def.cname.empty() ? def.name.text : def.cname);
  if (is_extern && !def.is_typedef && !def.scoped) cpp = "enum " + cpp;
  // An enum of ours is an int with names.
  const std::string name(def.name.text);
  const std::string python_module = def.is_cpdef ? scope.module : "";
  tree::Type* type = is_extern ? types_.extern_enum(name, cpp, python_module)
                               : types_.new_enum(name, "int", python_module);
  type->is_scoped = def.scoped;
  Symbol symbol;
  symbol.kind = SymbolKind::kType;
  symbol.type = type;
  symbol.is_also_python = def.is_cpdef;
  symbol.c_spelling =
      is_extern ? type->cpp : mangled_type(scope, def.is_typedef ? "" : "enum", def.name.text);
  add_symbol(scope, def.name, std::move(symbol));
  return type;
}

void Analyzer::declare_enum(const syntax::CEnumDef& def, Scope& scope, bool is_extern) {
  is_extern = is_extern || def.context.visibility == syntax::Visibility::kExtern;
  if (def.has_body && def.items.empty() && !is_extern)
    diagnostics_.error("empty-enum", def.range, "an enum of C needs at least one item");
  const Type* type = announce_enum(def, scope, is_extern);
  if (is_extern && !def.name.empty()) note_cpp_name(type->cpp);
  const bool is_class = def.is_cpdef && !def.name.empty();
  const bool is_public = def.is_cpdef || def.context.visibility == syntax::Visibility::kPublic;
  std::vector<tree::EnumItem> items;
  Scope own;  // of an `enum class`
  std::int64_t next = 0;
  for (const syntax::CEnumItem& item : def.items) {
    Symbol symbol;
    symbol.kind = SymbolKind::kConstant;
    symbol.type = type;
    if (is_extern) {
      symbol.cpp = item.cname.empty() ? item.name.text : item.cname;
      if (def.scoped) symbol.cpp = type->cpp + "::" + symbol.cpp;
      note_cpp_name(symbol.cpp);
    } else {
      if (item.value != nullptr) {
        const auto value = constant_value(*item.value, def.scoped ? own : scope);
        if (!value) not_supported(item.range, "values of enums that are no constants");
        next = value.value_or(next);
      }
      symbol.cpp = std::to_string(next++);
    }
    items.push_back({std::string(item.name.text), symbol.cpp});
    if (is_public && !is_class && has_python_names(scope))
      python_constants_.push_back({items.back(), type});
    add_symbol(def.scoped ? own : scope, item.name, std::move(symbol));
  }
  if (def.name.empty()) return;
  const_cast<tree::Type*>(type)->items = std::move(items);  // ours to complete
  if (is_class && has_python_names(scope)) python_enums_.push_back({type, def.doc});
}

// Of this module, whose text or own .pxd it is; what another .pxd declares, another module has.
bool Analyzer::has_python_names(const Scope& scope) const { return &scope == &scope_; }

namespace {

const tree::EnumItem* find_item(const Type& type, std::string_view name) {
  for (const tree::EnumItem& item : type.items)
    if (item.name == name) return &item;
  return nullptr;
}

}  // namespace

// Color.RED; null if the owner is no enum.
const tree::EnumItem* Analyzer::enum_item(const syntax::Attribute& attribute) {
  const Symbol* owner = enum_symbol(*attribute.value);
  return owner != nullptr ? find_item(*owner->type, attribute.attr.text) : nullptr;
}

// The enum that is named; null if it is none.
const Symbol* Analyzer::enum_symbol(const syntax::Expr& e) {
  if (e.kind != ExprKind::kName && e.kind != ExprKind::kAttribute) return nullptr;
  const Symbol* symbol = find_dotted(e);
  const bool is_enum = symbol != nullptr && symbol->kind == SymbolKind::kType &&
                       symbol->type->kind == TypeKind::kEnum;
  return is_enum ? symbol : nullptr;
}

// An attribute of an enum; null if the owner is none.
ExprPtr Analyzer::enum_attribute(const syntax::Attribute& attribute) {
  const Symbol* owner = enum_symbol(*attribute.value);
  if (owner == nullptr) return nullptr;
  const Type* type = owner->type;
  if (const tree::EnumItem* item = find_item(*type, attribute.attr.text))
    return c_literal(type, item->cpp, attribute.range);
  if (!type->python_module.empty())
    return object_helper("er::get_attr", attribute.range, enum_class(*type, attribute.range),
                         str_constant(attribute.attr.text, attribute.attr.range));
  diagnostics_.error(
      "no-field", attribute.attr.range,
      syntax::in_quotes(type->name) + " has no item " + syntax::in_quotes(attribute.attr.text));
  return error_value(attribute.range);
}

// The class that Python knows.
ExprPtr Analyzer::enum_class(const Type& type, syntax::SourceRange range) {
  const Type* text = types_.pointer_to(types_.const_of(types_.char_type()));
  return object_helper("er::enum_class", range, globals(range),
                       c_literal(text, cpp_string(type.python_module), range),
                       c_literal(text, cpp_string(type.name), range));
}

// What Python is to know before anything runs.
void Analyzer::make_enums(Block& out) {
  const syntax::SourceRange range = module_.range;
  const auto number = [&](const tree::EnumItem& item, const Type* type) {
    auto cast = make<tree::Cast>(types_.find_int("long long"), range);
    cast->value = c_literal(type, item.cpp, range);
    return to_object(std::move(cast));
  };
  for (const auto& [item, type] : python_constants_)
    do_helper(out, "er::store_global", range, globals(range), str_constant(item.name, range),
              number(item, type));
  for (const auto& [type, doc] : python_enums_) {
    const Type* list_type = types_.object(ObjectClass::kList);
    Variable* items = keep(helper("er::make_list", list_type, Fail::kNull, range), out);
    for (const tree::EnumItem& item : type->items)
      do_helper(out, "er::list_append", range, variable(items, range),
                helper("er::make_tuple", types_.object(ObjectClass::kTuple), Fail::kNull, range,
                       str_constant(item.name, range), number(item, type)));
    do_helper(out, "er::store_global", range, globals(range), str_constant(type->name, range),
              object_helper("er::make_enum", range, globals(range), str_constant(type->name, range),
                            variable(items, range),
                            doc != nullptr ? str_constant(doc->text, range) : none(range),
                            c_literal(types_.bint(), type->is_scoped ? "1" : "0", range)));
  }
}

}  // namespace engineroom::sema
