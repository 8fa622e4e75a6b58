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

std::string Conversions::to_object(const Type& type, const std::string& value) {
  if (type.unqualified != nullptr) return to_object(*type.unqualified, value);
  if (type.is_object()) return "er::new_ref(" + value + ")";
  if (type.kind == TypeKind::kBint) return "er::to_bool(" + value + ")";
  if (type.name == "Py_UCS4" || type.name == "Py_UNICODE")
    return "er::ucs4_to_object(" + value + ")";
  if (is_text_array(type)) return "er::to_object((const char*)" + value + ")";
  if (type.kind == TypeKind::kArray) {
    return "er::array_to_list<" + type.base->cpp + ">(" + value + ", " + std::to_string(type.size) +
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
  if (type.kind == TypeKind::kBint) return "er::from_object_bint" + arguments + ")";
  if (type.name == "Py_UCS4") return "er::ucs4_from_object" + arguments + ")";
  if (type.name == "Py_ssize_t") return "er::from_object_index" + arguments + ")";
  if (type.kind == TypeKind::kArray) {
    return "er::array_from_object" + arguments + ", " + std::to_string(type.size) + ", sizeof(" +
           type.base->cpp + "), [](PyObject* o, void* out) { return " +
           from_object(*type.base, "o", "(" + type.base->cpp + "*)out") + "; })";
  }
  if (type.is_tuple) return tuple_function(type, false) + arguments + ")";
  if (type.kind == TypeKind::kStruct && made_from_object_.insert(&type).second)
    make_from_object(type);
  const std::string name = has_own_name(type) ? ", " + quoted(type.name) : "";
  return "er::from_object<" + type.cpp + ">" + arguments + name + ")";
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
