#include "emit/item_types.h"

#include <vector>

#include "emit/text.h"

namespace engineroom::emit {

using tree::Type;
using tree::TypeKind;

namespace {

// Two equal reals that are called so are as good as a complex number.
bool is_like_complex(const Type& type) {
  return type.kind == TypeKind::kStruct && type.fields.size() == 2 &&
         type.fields[0].type->is_float() && type.fields[0].type == type.fields[1].type &&
         type.fields[0].name == "real" && type.fields[1].name == "imag";
}

std::string group_of(const Type& type) {
  if (type.is_object()) return "er::ItemGroup::kObject";
  if (type.is_complex() || is_like_complex(type)) return "er::ItemGroup::kComplex";
  if (type.kind == TypeKind::kStruct) return "er::ItemGroup::kStruct";
  // Who has addresses has them as numbers.
  if (type.is_pointer()) return "er::ItemGroup::kUnsigned";
  // Not the signed and unsigned ones, nor typedefs.
  if (type.name == "char") return "er::ItemGroup::kChar";
  return "er::item_group<" + type.cpp + ">()";
}

}  // namespace

// "er_fields_3, 2", or "nullptr, 0"
std::string ItemTypes::fields(const Type& type, std::size_t index) {
  if (type.kind != TypeKind::kStruct) return "nullptr, 0";
  std::vector<std::string> rows;
  for (const tree::Field& field : type.fields) {
    const std::string item = table(*field.type, field.type->name);
    rows.push_back("{&" + item + ", " + quoted(field.name) + ", offsetof(" + type.cpp + ", " +
                   field.cpp + ")}");
  }
  const std::string name = "er_fields_" + std::to_string(index);
  tables_.line("static const er::ItemField " + name + "[] = {" + joined(rows) + "};");
  return name + ", " + std::to_string(rows.size());
}

std::string ItemTypes::table(const Type& item, const std::string& item_shown) {
  const auto [found, is_new] =
      known_.try_emplace({&item, item_shown}, "er_item_" + std::to_string(known_.size()));
  if (!is_new) return found->second;
  const std::string name = found->second;
  const std::size_t index = known_.size() - 1;
  const Type* type = &item;
  std::vector<std::string> shape;
  std::string shown = item_shown;
  for (; type->kind == TypeKind::kArray; type = type->base) {
    shape.push_back(type->size_text());
    shown = type->base->name;
  }
  if (type->is_const) type = type->unqualified;
  std::vector<std::string> parts = {quoted(shown), "sizeof(" + type->cpp + ")", group_of(*type)};
  const std::string inner = fields(*type, index);
  if (type->kind == TypeKind::kStruct || !shape.empty()) parts.push_back(inner);
  if (!shape.empty()) {
    parts.push_back(std::to_string(shape.size()));
    parts.push_back("{" + joined(shape) + "}");
  }
  tables_.line("static const er::ItemType " + name + " = {" + joined(parts) + "};");
  return name;
}

}  // namespace engineroom::emit
