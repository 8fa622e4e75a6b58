#include "tree/type.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace engineroom::tree {
namespace {

constexpr const char* kObjectNames[] = {
    "Python object",    "list object",     "tuple object", "dict object",      "set object",
    "frozenset object", "str object",      "bytes object", "bytearray object", "int object",
    "float object",     "complex object",  "bool object",  "slice object",     "range object",
    "type object",      "exception object"};

std::string key_of(const char* how, const void* of, std::size_t n = 0) {
  return std::string(how) + " " + std::to_string(reinterpret_cast<std::uintptr_t>(of)) + " " +
         std::to_string(n);
}

}  // namespace

const Field* Type::find_field(std::string_view field) const {
  // The const type may have been made before the struct was complete.
  if (unqualified != nullptr) return unqualified->find_field(field);
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [field](const Field& f) { return f.name == field; });
  return found == fields.end() ? nullptr : &*found;
}

bool Type::is_indirect() const {
  return std::any_of(axes.begin(), axes.end(),
                     [](const Axis& axis) { return axis.access != AxisAccess::kDirect; });
}

namespace {

constexpr Axis kContiguousAxis{AxisAccess::kDirect, AxisPacking::kContiguous};

bool follow(std::vector<Axis>::const_iterator begin, std::vector<Axis>::const_iterator end) {
  constexpr Axis kFollows{AxisAccess::kDirect, AxisPacking::kFollow};
  return std::all_of(begin, end, [&](const Axis& axis) { return axis == kFollows; });
}

}  // namespace

bool Type::is_c_contiguous() const {
  return is_view() && axes.back() == kContiguousAxis && follow(axes.begin(), axes.end() - 1);
}

bool Type::is_fortran_contiguous() const {
  return is_view() && axes.size() > 1 && axes.front() == kContiguousAxis &&
         follow(axes.begin() + 1, axes.end());
}

std::string ExtensionClass::full_name() const {
  std::string full = module;
  full += '.';
  return full += name;
}

std::string declare(const Type& type, std::string_view name) {
  const std::string text(name);
  if (type.kind == TypeKind::kArray)
    return declare(*type.base, text + "[" + type.size_text() + "]");
  if (type.kind == TypeKind::kPointer &&
      (type.base->kind == TypeKind::kArray || type.base->kind == TypeKind::kFunction))
    return declare(*type.base, "(*" + text + ")");
  if (type.kind == TypeKind::kPointer && !type.is_const) return declare(*type.base, "*" + text);
  if (type.kind == TypeKind::kFunction) {
    std::string parameters;
    for (const Parameter& parameter : type.parameters) {
      if (!parameters.empty()) parameters += ", ";
      parameters += declare(*parameter.type, "");
    }
    if (type.has_varargs) parameters += parameters.empty() ? "..." : ", ...";
    return declare(*type.base, text + "(" + parameters + ")");
  }
  return text.empty() ? type.cpp : type.cpp + " " + text;
}

TypeTable::TypeTable() {
  Type plain;
  plain.kind = TypeKind::kVoid;
  plain.name = plain.cpp = "void";
  void_ = add(plain);

  plain.kind = TypeKind::kBint;
  plain.name = "bint";
  plain.cpp = "int";
  plain.rank = 3;
  bint_ = add(plain);

  char_ = add_int("char", "char", 1, true);
  add_int("signed char", "signed char", 1, true);
  add_int("unsigned char", "unsigned char", 1, false);
  add_int("short", "short", 2, true);
  add_int("unsigned short", "unsigned short", 2, false);
  int_ = add_int("int", "int", 3, true);
  add_int("unsigned int", "unsigned int", 3, false);
  long_ = add_int("long", "long", 4, true);
  add_int("unsigned long", "unsigned long", 4, false);
  add_int("long long", "long long", 5, true);
  add_int("unsigned long long", "unsigned long long", 5, false);
  py_ssize_t_ = add_int("Py_ssize_t", "Py_ssize_t", 4, true);
  add_int("ssize_t", "ssize_t", 4, true);
  add_int("size_t", "size_t", 4, false);
  add_int("ptrdiff_t", "ptrdiff_t", 4, true);
  add_int("Py_hash_t", "Py_hash_t", 4, true);
  ucs4_ = add_int("Py_UCS4", "Py_UCS4", 3, false);
  add_int("Py_UNICODE", "wchar_t", 3, true);

  Type real;
  real.kind = TypeKind::kFloat;
  for (const auto& [name, rank, slot] :
       {std::tuple{"float", 1, &float_}, std::tuple{"double", 2, &double_},
        std::tuple{"long double", 3, &long_double_}}) {
    real.name = real.cpp = name;
    real.rank = rank;
    *slot = add(real);
  }

  Type* soft = add(*complex_of(double_));
  soft->name = "soft double complex";
  soft->cpp = "er::SoftComplex";
  soft->is_soft = true;
  soft_complex_ = soft;

  Type object;
  object.kind = TypeKind::kObject;
  object.cpp = "PyObject*";
  for (std::size_t i = 0; i < std::size(kObjectNames); ++i) {
    object.object_class = static_cast<ObjectClass>(i);
    object.name = kObjectNames[i];
    objects_.push_back(add(object));
  }
  object.object_class = ObjectClass::kAny;
  object.name = "<error>";
  error_ = add(object);
}

Type* TypeTable::add(Type type) { return &types_.emplace_back(std::move(type)); }

const Type* TypeTable::add_int(std::string name, std::string cpp, int rank, bool is_signed) {
  Type type;
  type.kind = TypeKind::kInt;
  type.name = std::move(name);
  type.cpp = std::move(cpp);
  type.rank = rank;
  type.is_signed = is_signed;
  const Type* added = add(std::move(type));
  ints_.emplace(added->name, added);
  return added;
}

const Type* TypeTable::object(ObjectClass object_class) const {
  return objects_[static_cast<std::size_t>(object_class)];
}

const Type* TypeTable::find_int(std::string_view name) const {
  const auto found = ints_.find(name);
  return found == ints_.end() ? nullptr : found->second;
}

const Type* TypeTable::complex_of(const Type* part) {
  const Type*& known = derived_[key_of("complex", part)];
  if (known == nullptr) {
    Type type;
    type.kind = TypeKind::kComplex;
    type.name = part->name + " complex";
    type.cpp = "er::Complex<" + part->cpp + ">";
    type.base = part;
    type.rank = part->rank;
    known = add(std::move(type));
  }
  return known;
}

const Type* TypeTable::pointer_to(const Type* base) {
  const Type*& known = derived_[key_of("pointer", base)];
  if (known == nullptr) {
    Type type;
    type.kind = TypeKind::kPointer;
    type.base = base;
    type.name = base->name + (base->is_pointer() ? "*" : " *");
    type.cpp = declare(
        *base, base->kind == TypeKind::kFunction || base->kind == TypeKind::kArray ? "(*)" : "*");
    known = add(std::move(type));
  }
  return known;
}

const Type* TypeTable::array_of(const Type* element, std::size_t size) {
  const Type*& known = derived_[key_of("array", element, size)];
  if (known == nullptr) {
    Type type;
    type.kind = TypeKind::kArray;
    type.base = element;
    type.size = size;
    type.name = element->name + "[" + std::to_string(size) + "]";
    type.cpp = declare(*element, "[" + std::to_string(size) + "]");
    known = add(std::move(type));
  }
  return known;
}

const Type* TypeTable::array_of(const Type* element, const std::string& c_size) {
  const Type*& known = derived_[key_of("array", element) + "[" + c_size];
  if (known == nullptr) {
    Type type;
    type.kind = TypeKind::kArray;
    type.base = element;
    type.c_size = c_size;
    type.name = element->name + "[" + c_size + "]";
    type.cpp = declare(*element, "[" + c_size + "]");
    known = add(std::move(type));
  }
  return known;
}

const Type* TypeTable::tuple_of(const std::vector<const Type*>& items) {
  std::string key = "tuple";
  for (const Type* item : items) key += key_of(" ", item);
  const Type*& known = derived_[key];
  if (known == nullptr) {
    Type type;
    type.kind = TypeKind::kStruct;
    type.is_tuple = true;
    std::string parts;
    std::string path;
    for (const Type* item : items) {
      type.name += (type.name.empty() ? "" : ", ") + item->name;
      parts += (parts.empty() ? "" : ", ") + item->cpp;
      type.fields.push_back({"f" + std::to_string(type.fields.size()), path + "first", item});
      path += "rest.";
    }
    type.name = "(" + type.name + ")";
    type.cpp = "er::Tuple<" + parts + ">";
    known = add(std::move(type));
  }
  return known;
}

const Type* TypeTable::const_of(const Type* type) {
  if (type->is_const || type->is_counted()) return type;
  const Type*& known = derived_[key_of("const", type)];
  if (known == nullptr) {
    Type copy = *type;
    copy.is_const = true;
    copy.unqualified = type;
    copy.name = "const " + type->name;
    copy.cpp = type->is_pointer() ? type->cpp + " const" : "const " + type->cpp;
    known = add(std::move(copy));
  }
  return known;
}

const Type* TypeTable::function(const Type* result, std::vector<Parameter> parameters,
                                bool has_varargs, Except except, std::string except_value,
                                bool is_nogil) {
  std::string key = key_of("function", result, static_cast<std::size_t>(except)) + except_value +
                    (has_varargs ? " ..." : "") + (is_nogil ? " nogil" : "");
  std::string names;
  for (const Parameter& parameter : parameters) {
    key += key_of(parameter.is_optional ? " ?" : " ", parameter.type);
    names += (names.empty() ? "" : ", ") + parameter.type->name;
  }
  const Type*& known = derived_[key];
  if (known == nullptr) {
    Type type;
    type.kind = TypeKind::kFunction;
    type.base = result;
    type.parameters = std::move(parameters);
    type.has_varargs = has_varargs;
    type.except = except;
    type.except_value = std::move(except_value);
    type.is_nogil = is_nogil;
    type.name = result->name + " (" + names + (has_varargs ? ", ..." : "") + ")";
    type.cpp = declare(type, "");
    known = add(std::move(type));
  }
  return known;
}

Type* TypeTable::new_struct(std::string name, std::string cpp) {
  Type type;
  type.kind = TypeKind::kStruct;
  type.name = std::move(name);
  type.cpp = std::move(cpp);
  type.is_complete = false;
  return add(std::move(type));
}

Type* TypeTable::new_enum(std::string name, std::string cpp, std::string python_module) {
  Type type;
  type.kind = TypeKind::kEnum;
  type.python_module = std::move(python_module);
  type.name = std::move(name);
  type.cpp = std::move(cpp);
  type.rank = 3;
  return add(std::move(type));
}

Type* TypeTable::extern_struct(std::string name, std::string cpp) {
  const Type*& known = derived_["extern struct " + cpp];
  if (known == nullptr) known = new_struct(std::move(name), std::move(cpp));
  return const_cast<Type*>(known);  // ours
}

Type* TypeTable::extern_enum(std::string name, std::string cpp, std::string python_module) {
  const Type*& known = derived_["extern enum " + cpp + " of " + python_module];
  if (known == nullptr) known = new_enum(std::move(name), std::move(cpp), std::move(python_module));
  return const_cast<Type*>(known);  // ours
}

const Type* TypeTable::extern_int(std::string name, std::string cpp, const Type& like) {
  const Type*& known = derived_[key_of("extern", &like) + cpp];
  if (known == nullptr) {
    Type type = like;
    type.name = std::move(name);
    type.cpp = std::move(cpp);
    type.is_extern = true;
    known = add(std::move(type));
  }
  return known;
}

const Type* TypeTable::extern_float(std::string name, std::string cpp, const Type& like) {
  return extern_int(std::move(name), std::move(cpp), like);
}

const Type* TypeTable::extension(ExtensionClass extension) {
  const Type*& known = derived_["extension " + extension.full_name() + " " + extension.struct_cpp];
  if (known == nullptr) {
    Type type = *object();
    type.name = extension.name;
    ExtensionClass& kept = extensions_.emplace_back(std::move(extension));
    type.extension = &kept;
    known = kept.type = add(std::move(type));
  }
  return known;
}

namespace {

// How an axis is written between the brackets.
std::string written_axis(const std::vector<Axis>& axes, std::size_t i) {
  static const std::string kNames[][2] = {
      {"contiguous", ""}, {"indirect_contiguous", "indirect"}, {"generic_contiguous", "generic"}};
  const bool is_contiguous = axes[i].packing == AxisPacking::kContiguous;
  const std::string& name = kNames[static_cast<std::size_t>(axes[i].access)][is_contiguous ? 0 : 1];
  if (name.empty()) return ":";
  const auto follows = [&](std::size_t k) {
    return k < axes.size() && axes[k].packing == AxisPacking::kFollow;
  };
  const bool is_whole = axes.size() == 1 || follows(i + 1) || (i > 0 && follows(i - 1));
  return name == "contiguous" && is_whole ? "::1" : "::" + name;
}

}  // namespace

const Type* TypeTable::view_of(const Type* item, std::vector<Axis> axes, std::string item_name) {
  if (item_name.empty()) item_name = item == object() ? "object" : item->name;
  std::string key = key_of("view", item, axes.size()) + item_name;
  for (const Axis& axis : axes)
    key += " " + std::to_string(static_cast<int>(axis.access)) +
           std::to_string(static_cast<int>(axis.packing));
  const Type*& known = derived_[key];
  if (known == nullptr) {
    Type type;
    type.kind = TypeKind::kView;
    type.base = item;
    std::string written;
    for (std::size_t i = 0; i < axes.size(); ++i)
      written += (i > 0 ? ", " : "") + written_axis(axes, i);
    type.name = item_name + "[" + written + "]";
    type.item_name = std::move(item_name);
    type.axes = std::move(axes);
    type.cpp = (type.is_indirect() ? "er::IndirectView<" : "er::View<") +
               std::to_string(type.axes.size()) + ">";
    known = add(std::move(type));
  }
  return known;
}

const Type* TypeTable::new_buffer(const Type* object, BufferLayout layout) {
  Type type = *object;
  type.base = object;
  type.name =
      object->name + "[" + layout.item_name + ", ndim=" + std::to_string(layout.n_dimensions) + "]";
  type.buffer = &layouts_.emplace_back(std::move(layout));
  return add(std::move(type));
}

const Type* TypeTable::common(const Type* a, const Type* b) {
  const auto is_soft_or_real = [](const Type* t) { return t->is_soft || !t->is_complex(); };
  if ((a->is_soft || b->is_soft) && is_soft_or_real(a) && is_soft_or_real(b)) return soft_complex_;
  if (a->is_complex() || b->is_complex()) {
    const Type* part_a = a->is_complex() ? a->base : a->is_float() ? a : double_;
    const Type* part_b = b->is_complex() ? b->base : b->is_float() ? b : double_;
    return complex_of(part_a->rank >= part_b->rank ? part_a : part_b);
  }
  if (a->is_float() || b->is_float()) {
    if (!a->is_float()) return b;
    if (!b->is_float()) return a;
    return a->rank >= b->rank ? a : b;
  }
  // Smaller ones become int first, as in C.
  const auto promoted = [this](const Type* t) {
    return t->rank < 3 || t->kind != TypeKind::kInt ? int_ : t;
  };
  const Type* x = promoted(a);
  const Type* y = promoted(b);
  if (x->rank != y->rank) return x->rank > y->rank ? x : y;
  return x->is_signed ? y : x;
}

}  // namespace engineroom::tree
