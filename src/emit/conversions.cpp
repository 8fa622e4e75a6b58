#include "emit/conversions.h"

#include <algorithm>

#include "emit/text.h"

namespace engineroom::emit {

using tree::ObjectClass;
using tree::Type;
using tree::TypeKind;

namespace {

constexpr const char* kClassNames[] = {
    "",    "list",  "tuple",   "dict", "set",   "frozenset", "str",  "bytes",        "bytearray",
    "int", "float", "complex", "bool", "slice", "range",     "type", "BaseException"};

bool is_text_array(const Type& type) {
  return type.kind == TypeKind::kArray && type.base->kind == TypeKind::kInt && type.base->rank == 1;
}

std::string const_reference(const Type& type, const std::string& name) {
  if (type.kind == TypeKind::kArray) return "const " + declare(type, "(&" + name + ")");
  return declare(type, "const& " + name);
}

// The spelling that C++ knows a plain integer type by.
bool has_own_name(const Type& type) {
  return type.kind == TypeKind::kInt && (type.is_extern || type.cpp.ends_with("_t"));
}

}  // namespace

std::string class_name(const Type& type) {
  if (type.extension != nullptr) return type.extension->full_name();
  return kClassNames[static_cast<std::size_t>(type.object_class)];
}

std::string class_check(const tree::Module& module, const Type& type, const std::string& object) {
  if (type.extension != nullptr) {
    const auto found = std::find(module.classes.begin(), module.classes.end(), type.extension);
    return "er::as_instance(" + object + ", er_classes[" +
           std::to_string(found - module.classes.begin()) + "])";
  }
  if (type.object_class == ObjectClass::kAny) return "";
  const std::string name =
      type.object_class == ObjectClass::kException ? "exception" : class_name(type);
  return "er::as_" + name + "(" + object + ")";
}

std::string owner_type(const Type& type) {
  return type.is_view() ? "er::ViewRef<" + type.cpp + ">" : "er::Ref";
}

std::string Conversions::to_object(const Type& type, const std::string& value) {
  if (type.is_view()) {
    return "er::view_to_object<" + type.cpp + ">(" + value + ", " + view_spec(type) + ", er_home)";
  }
  if (type.unqualified != nullptr) return to_object(*type.unqualified, value);
  if (type.is_object()) return "er::new_ref(" + value + ")";
  if (type.kind == TypeKind::kBint) return "er::to_bool(" + value + ")";
  if (type.name == "Py_UCS4" || type.name == "Py_UNICODE")
    return "er::ucs4_to_object(" + value + ")";
  if (is_text_array(type)) return "er::to_object((const char*)" + value + ")";
  if (type.kind == TypeKind::kArray) {
    return "er::array_to_list<" + type.base->cpp + ">(" + value + ", " + type.size_text() +
           ", [](" + const_reference(*type.base, "item") + ") { return " +
           to_object(*type.base, "item") + "; })";
  }
  if (type.kind == TypeKind::kEnum && !type.python_module.empty()) {
    return "er::to_enum(er_globals, " + quoted(type.python_module) + ", " + quoted(type.name) +
           ", (long long)(" + value + "))";
  }
  if (type.is_tuple) return tuple_function(type, true) + "(" + value + ")";
  if (type.kind == TypeKind::kStruct && made_to_object_.insert(&type).second) make_to_object(type);
  return "er::to_object(" + value + ")";
}

std::string Conversions::from_object(const Type& type, const std::string& object,
                                     const std::string& out) {
  const std::string arguments = "(" + object + ", " + out;
  if (type.is_view())
    return "er::view_from_object<" + type.cpp + ">" + arguments + ", " + view_spec(type) + ")";
  if (type.kind == TypeKind::kBint) return "er::from_object_bint" + arguments + ")";
  if (type.name == "Py_UCS4") return "er::ucs4_from_object" + arguments + ")";
  if (type.name == "Py_ssize_t") return "er::from_object_index" + arguments + ")";
  if (type.kind == TypeKind::kArray) {
    return "er::array_from_object" + arguments + ", " + type.size_text() + ", sizeof(" +
           type.base->cpp + "), [](PyObject* o, void* out) { return " +
           from_object(*type.base, "o",
                       "(" +
                           declare(*type.base, type.base->kind == TypeKind::kArray ? "(*)" : "*") +
                           ")out") +
           "; })";
  }
  if (type.is_tuple) return tuple_function(type, false) + arguments + ")";
  if (type.kind == TypeKind::kStruct && made_from_object_.insert(&type).second)
    make_from_object(type);
  const std::string name = has_own_name(type) ? ", " + quoted(type.name) : "";
  return "er::from_object<" + type.cpp + ">" + arguments + name + ")";
}

// ---- memoryviews ----

namespace {

bool is_convertible(const Type& item) {
  if (item.kind == TypeKind::kStruct) {
    return std::all_of(item.fields.begin(), item.fields.end(),
                       [](const tree::Field& field) { return is_convertible(*field.type); });
  }
  if (item.kind == TypeKind::kArray) return is_convertible(*item.base);
  return item.is_object() || item.is_numeric();
}

// One that the library knows how to convert.
bool is_known_item(const Type& item) {
  const bool is_int = item.kind == TypeKind::kInt && !has_own_name(item) && item.name == item.cpp;
  return is_int || item.name == "double" || item.name == "float";
}

}  // namespace

std::string Conversions::item_to_object(const Type& item) {
  if (!is_convertible(item)) return "nullptr";
  if (is_known_item(item)) return "er::item_to_object<" + item.cpp + ">";
  // An array has its star in parentheses.
  const std::string star = item.kind == TypeKind::kArray ? "(*)" : "*";
  const std::string place = "*(" + declare(item, star) + ")item";
  const std::string made = item.is_object()
                               ? "er::new_ref(er::item_object(*(PyObject* const*)item))"
                               : to_object(item, place);
  return "[](const char* item) -> PyObject* { return " + made + "; }";
}

std::string Conversions::item_from_object(const Type& item) {
  if (!is_convertible(item)) return "nullptr";
  if (is_known_item(item)) return "er::item_from_object<" + item.cpp + ">";
  if (item.is_object())
    return "[](PyObject* o, char* item) { Py_XSETREF(*(PyObject**)item, Py_NewRef(o)); return "
           "true; }";
  return "[](PyObject* o, char* item) -> bool { return " +
         from_object(item, "o",
                     item.kind == TypeKind::kArray ? "item" : "(" + declare(item, "*") + ")item") +
         "; }";
}

std::string Conversions::view_spec(const Type& type) {
  const auto [found, is_new] =
      view_specs_.try_emplace(&type, "er_view_" + std::to_string(view_specs_.size()));
  if (!is_new) return found->second;
  std::string name = found->second;
  const bool is_const = type.base->unqualified != nullptr;
  const Type& item = type.base->without_const();
  static const char* const kAccess[] = {"kDirect", "kPointer", "kFull"};
  static const char* const kPacking[] = {"kContiguous", "kStrided", "kFollow"};
  std::vector<std::string> axes;
  for (const tree::Axis& axis : type.axes) {
    axes.push_back("{er::AxisAccess::" + std::string(kAccess[static_cast<int>(axis.access)]) +
                   ", er::AxisPacking::" + kPacking[static_cast<int>(axis.packing)] + "}");
  }
  const auto word = [](bool value) { return std::string(value ? "true" : "false"); };
  const std::string shown = item.is_object() ? item.name : type.item_name;
  std::vector<std::string> parts = {"&" + item_types_.table(item, shown),
                                    std::to_string(axes.size()),
                                    name + "_axes",
                                    word(!is_const),
                                    word(type.is_c_contiguous()),
                                    word(type.is_fortran_contiguous()),
                                    item_to_object(item),
                                    item_from_object(item)};
  functions_.line("static const er::Axis " + name + "_axes[] = {" + joined(axes) + "};");
  functions_.line("static const er::ViewSpec " + name + " = {" + joined(parts) + "};");
  return name;
}

// Tuples of types that are one in C++, as int and bint, differ: functions are not found by them.
std::string Conversions::tuple_function(const Type& type, bool to_object) {
  auto& made = to_object ? tuples_to_object_ : tuples_from_object_;
  const auto [found, is_new] = made.try_emplace(
      &type, (to_object ? "er_to_tuple" : "er_from_tuple") + std::to_string(made.size()));
  std::string name = found->second;
  if (is_new) to_object ? make_to_tuple(type, name) : make_from_tuple(type, name);
  return name;
}

void Conversions::make_to_tuple(const Type& type, const std::string& name) {
  std::vector<std::string> values;
  for (const tree::Field& field : type.fields)
    values.push_back(to_object(*field.type, "value." + field.cpp));
  functions_.open("static PyObject* " + name + "(const " + type.cpp + "& value)");
  std::vector<std::string> items;
  for (const std::string& value : values) {
    items.push_back("o" + std::to_string(items.size()));
    functions_.line("er::Ref " + items.back() + "{" + value + "};");
    functions_.line("if (!" + items.back() + ") return nullptr;");
  }
  functions_.line("return er::make_tuple({" + joined(items) + "});");
  functions_.close();
}

void Conversions::make_from_tuple(const Type& type, const std::string& name) {
  std::vector<std::string> values;
  for (const tree::Field& field : type.fields)
    values.push_back(from_object(*field.type, "o", "&out->" + field.cpp));
  functions_.open("static bool " + name + "(PyObject* items, " + type.cpp + "* out)");
  functions_.line("if (!er::check_tuple(items, " + std::to_string(values.size()) +
                  ")) return false;");
  for (std::size_t i = 0; i < values.size(); ++i) {
    functions_.open("");
    functions_.line("const er::Ref o{PySequence_GetItem(items, " + std::to_string(i) + ")};");
    functions_.line("if (!o || !" + values[i] + ") return false;");
    functions_.close();
  }
  functions_.line("return true;");
  functions_.close();
}

void Conversions::make_to_object(const Type& type) {
  // Conversions of fields come first.
  std::vector<std::string> values;
  for (const tree::Field& field : type.fields)
    values.push_back(to_object(*field.type, "value." + field.cpp));
  functions_.open("namespace er");
  functions_.open("inline PyObject* to_object(const " + type.cpp + "& value)");
  std::vector<std::string> items;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string name = "o" + std::to_string(i);
    functions_.line("Ref " + name + "{" + values[i] + "};");
    functions_.line("if (!" + name + ") return nullptr;");
    items.push_back("{" + quoted(type.fields[i].name) + ", " + name + "}");
  }
  functions_.line(items.empty() ? "return make_dict();"
                                : "return make_named_dict({" + joined(items) + "});");
  functions_.close();
  functions_.close();
}

void Conversions::make_from_object(const Type& type) {
  std::vector<std::string> values;
  for (const tree::Field& field : type.fields)
    values.push_back(from_object(*field.type, "o", "&out->" + field.cpp));
  functions_.line("template <>");
  functions_.open("struct er::FromObject<" + type.cpp + ">");
  functions_.open("static bool convert(PyObject* mapping, " + type.cpp + "* out)");
  functions_.line("if (!check_struct(mapping)) return false;");
  if (type.is_union) {
    std::vector<std::string> names;
    for (const tree::Field& field : type.fields) names.push_back(quoted(field.name));
    functions_.line("const char* const names[] = {" + joined(names) + "};");
    functions_.line("const int found = union_field(mapping, names, " +
                    std::to_string(names.size()) + ");");
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    functions_.open(type.is_union ? "if (found == " + std::to_string(i) + ")" : "");
    functions_.line("const Ref o{struct_field(mapping, " + quoted(type.fields[i].name) + ")};");
    functions_.line("if (!o || !" + values[i] + ") return false;");
    functions_.close();
  }
  functions_.line(type.is_union ? "return found >= 0;" : "return true;");
  functions_.close();
  functions_.close("};");
}

}  // namespace engineroom::emit
