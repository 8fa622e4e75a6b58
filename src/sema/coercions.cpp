#include <algorithm>
#include <cctype>
#include <string>

#include "sema/analyzer.h"

namespace engineroom::sema {
namespace {

const char* class_check(ObjectClass object_class) {
  switch (object_class) {
    case ObjectClass::kList:
      return "er::as_list";
    case ObjectClass::kTuple:
      return "er::as_tuple";
    case ObjectClass::kDict:
      return "er::as_dict";
    case ObjectClass::kSet:
      return "er::as_set";
    case ObjectClass::kFrozenSet:
      return "er::as_frozenset";
    case ObjectClass::kStr:
      return "er::as_str";
    case ObjectClass::kBytes:
      return "er::as_bytes";
    case ObjectClass::kByteArray:
      return "er::as_bytearray";
    case ObjectClass::kInt:
      return "er::int_of";
    case ObjectClass::kFloat:
      return "er::float_of";
    case ObjectClass::kComplex:
      return "er::as_complex";
    case ObjectClass::kBool:
      return "er::as_bool";
    case ObjectClass::kSlice:
      return "er::as_slice";
    case ObjectClass::kRange:
      return "er::as_range";
    case ObjectClass::kType:
      return "er::as_type";
    case ObjectClass::kException:
      return "er::as_exception";
    case ObjectClass::kAny:
      break;
  }
  return "";
}

// All members of a union become objects, and only one was set: text may be read where there is
// none.
bool has_unsafe_member(const Type& type) {
  const auto is_text = [](const tree::Field& field) { return field.type->is_char_pointer_like(); };
  const auto is_first = [&](const tree::Field& field) { return field.type == type.fields[0].type; };
  return std::any_of(type.fields.begin(), type.fields.end(), is_text) &&
         !std::all_of(type.fields.begin(), type.fields.end(), is_first);
}

bool is_void_pointer(const Type& type) { return type.is_pointer() && type.base->is_void(); }

bool same_but_const(const Type* a, const Type* b) {
  a = &a->without_const();
  b = &b->without_const();
  if (a == b) return true;
  if (a->kind == b->kind && a->is_pointer()) return same_but_const(a->base, b->base);
  return a->kind == b->kind && a->kind != TypeKind::kStruct && a->rank == b->rank &&
         a->is_signed == b->is_signed && a->kind != TypeKind::kFunction && !a->is_pointer() &&
         a->kind != TypeKind::kArray;
}

// Who calls `from` as a `to` sees all of its exceptions.
bool is_function_compatible(const Type& from, const Type& to) {
  using tree::Except;
  if (&from == &to) return true;
  if (to.is_nogil && !from.is_nogil) return false;
  const bool is_same =
      to.kind == TypeKind::kFunction && from.base == to.base &&
      from.has_varargs == to.has_varargs &&
      std::equal(from.parameters.begin(), from.parameters.end(), to.parameters.begin(),
                 to.parameters.end(), [](const tree::Parameter& a, const tree::Parameter& b) {
                   return a.type == b.type && a.is_optional == b.is_optional;
                 });
  if (!is_same || from.except == Except::kCpp || to.except == Except::kCpp) return false;
  if (from.except == to.except && from.except_value == to.except_value) return true;
  if (to.except == Except::kAlwaysAsk) return true;
  if (to.except != Except::kMaybeValue) return false;
  return from.except == Except::kNever ||
         (from.except == Except::kValue && from.except_value == to.except_value);
}

// Why a function does not fit a pointer to functions, where their names look alike.
std::string function_hint(const Type& from, const Type& to) {
  const Type* function = from.is_pointer() ? from.base : &from;
  const Type* wanted = to.is_pointer() ? to.base : &to;
  if (function->kind != TypeKind::kFunction || wanted->kind != TypeKind::kFunction) return "";
  if (wanted->is_nogil && !function->is_nogil) return "declare the function 'nogil'";
  if (wanted->except == tree::Except::kNever && function->except != tree::Except::kNever)
    return "declare the function 'noexcept', or the pointer with its 'except'";
  return function->except != wanted->except || function->except_value != wanted->except_value
             ? "their exception clauses differ"
             : "";
}

// A pointer where another is wanted, without a cast.
bool is_pointer_compatible(const Type& from, const Type& to) {
  if (!from.is_pointer_like() && from.kind != TypeKind::kFunction) return false;
  if (is_void_pointer(to) || is_void_pointer(from)) return true;
  if (from.kind == TypeKind::kFunction) return is_function_compatible(from, *to.base);
  if (from.base->kind == TypeKind::kFunction) return is_function_compatible(*from.base, *to.base);
  return same_but_const(from.base, to.base) ||
         (from.is_char_pointer_like() && to.is_char_pointer_like());
}

}  // namespace

bool is_converted_class(ObjectClass object_class) {
  return object_class == ObjectClass::kInt || object_class == ObjectClass::kFloat;
}

bool Analyzer::can_be_object(const Type& type) const {
  if (type.kind == TypeKind::kStruct) {
    if (type.fields.empty()) return !type.is_union;
    if (type.is_union && has_unsafe_member(type)) return false;
    return std::all_of(type.fields.begin(), type.fields.end(),
                       [this](const tree::Field& field) { return can_be_object(*field.type); });
  }
  if (type.kind == TypeKind::kArray) return can_be_object(*type.base);
  return type.is_counted() || type.is_numeric() || type.is_void() || type.is_char_pointer_like();
}

// Can an object be converted to it? An array only as a part of something.
bool Analyzer::can_be_read(const Type& type) const {
  if (type.kind == TypeKind::kStruct) {
    return std::all_of(type.fields.begin(), type.fields.end(),
                       [this](const tree::Field& field) { return can_be_read(*field.type); });
  }
  if (type.kind == TypeKind::kArray) return can_be_read(*type.base);
  return type.is_numeric() || type.is_char_pointer() || type.is_view();
}

// "<int>(x / 2)"
std::string Analyzer::written_cast(const Type& to, syntax::SourceRange range) const {
  constexpr std::size_t kMaxShown = 30;
  const std::string written(sources_.text_of(range));
  const bool is_short = written.size() <= kMaxShown && written.find('\n') == std::string::npos;
  const bool is_word = std::all_of(written.begin(), written.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
  });
  const std::string value = !is_short ? "(...)" : is_word ? written : "(" + written + ")";
  return "<" + to.name + ">" + value;
}

ExprPtr Analyzer::coerce(ExprPtr value, const Type* to) {
  const Type* from = value->type;
  if (from == to || to == nullptr || from == nullptr) return value;
  if (from == types_.error() || to == types_.error()) return error_value(value->range);
  const syntax::SourceRange range = value->range;
  if (to->is_object()) {
    // A C integer is a byte where bytes are wanted, and true or false where a bool is.
    if (from->kind == TypeKind::kInt && to->object_class == ObjectClass::kBytes)
      return helper("er::byte_to_object", to, Fail::kNull, range,
                    coerce(std::move(value), types_.long_type()));
    if (refuse_decoding(*value, *to)) return error_value(range);
    if (from->is_numeric() && to->object_class == ObjectClass::kBool)
      value = truth(std::move(value));
    ExprPtr boxed = from->is_object() ? std::move(value) : to_object(std::move(value));
    if (from->kind == TypeKind::kArray && to->object_class == ObjectClass::kTuple)
      return helper("PyList_AsTuple", to, Fail::kNull, range, std::move(boxed));
    if (to->extension != nullptr) return to_extension(std::move(boxed), *to->extension);
    return to_class(std::move(boxed), to->object_class);
  }
  if (to->is_view()) return to_view(std::move(value), to);
  if (to->is_soft) return soft_complex(std::move(value));
  if (to->is_complex()) value = c_complex(std::move(value));
  from = value->type;
  if (from == to) return value;
  if (from->is_soft && to->is_float())
    return coerce(
        helper("er::real_of_soft", types_.double_type(), Fail::kFalse, range, std::move(value)),
        to);
  if (from->is_object()) return from_object(std::move(value), to);
  const auto cast = [&] {
    auto node = make<tree::Cast>(to, range);
    node->value = std::move(value);
    return node;
  };
  if (to->is_numeric() && from->is_numeric()) {
    if (from->is_complex() && !to->is_complex()) {
      diagnostics_.error("conversion", range,
                         "cannot assign type '" + from->name + "' to '" + to->name + "'");
      return error_value(range);
    }
    if (to->kind == TypeKind::kBint) return truth(std::move(value));
    if (from->is_float() && to->is_integral()) {
      diagnostics_
          .error("conversion", range,
                 "cannot assign type '" + from->name + "' to '" + to->name + "'")
          .hint("the fraction would be lost; where it may be, cast it: " +
                written_cast(*to, range));
      return error_value(range);
    }
    return cast();
  }
  if (to->is_pointer() && is_pointer_compatible(*from, *to)) return cast();
  if (to->is_tuple && from->is_tuple) return converted_tuple(std::move(value), to);
  if (to->kind == TypeKind::kStruct && from->kind == TypeKind::kStruct && same_but_const(from, to))
    return value;
  diagnostics_
      .error("conversion", range, "cannot assign type '" + from->name + "' to '" + to->name + "'")
      .hint(function_hint(*from, *to));
  return error_value(range);
}

ExprPtr Analyzer::to_object(ExprPtr value) {
  const Type& type = *value->type;
  const syntax::SourceRange range = value->range;
  if (type.is_object()) return value;
  if (const auto* function = tree::try_as<tree::FunctionName>(value.get());
      function != nullptr && !function->python_name.empty())
    return python_global(function->python_name, range);
  if (const auto* literal = tree::try_as<tree::Literal>(value.get())) {
    if (type.kind == TypeKind::kBint) {
      return c_literal(types_.object(ObjectClass::kBool),
                       literal->cpp == "1" ? "Py_True" : "Py_False", range);
    }
    if (type.kind == TypeKind::kInt && constant_int(*literal)) {
      return constant({tree::ConstantKind::kInt, std::to_string(*constant_int(*literal)), 0, {}},
                      ObjectClass::kInt, range);
    }
  }
  // view.shape is a tuple.
  if (auto* part = tree::try_as<tree::BufferPart>(value.get());
      part != nullptr && part->value->type->is_view() && type.kind == TypeKind::kArray) {
    ExprPtr name = str_constant(part->part, range);
    return object_helper("er::get_attr", range, to_object(std::move(part->value)), std::move(name));
  }
  if (type.is_void()) {
    // The call of a function that returns nothing has the value None.
    auto block = make<tree::BlockExpr>(object_, range);
    add_expr(block->body, std::move(value));
    block->result = none(range);
    return block;
  }
  if (auto* power = tree::try_as<tree::Helper>(value.get());
      power != nullptr && power->name == "er::power_real") {
    // As an object it may be complex.
    power->name = "er::power_object";
    power->fail = Fail::kNull;
    power->type = object_;
    for (ExprPtr& arg : power->args) arg = coerce(std::move(arg), types_.double_type());
    return value;
  }
  if (!can_be_object(type)) {
    diagnostics_.error("conversion", range, "cannot convert '" + type.name + "' to a Python object")
        .hint(type.kind == TypeKind::kFunction ? "Python can have it if it is declared 'cpdef'"
              : type.is_pointer()              ? "convert what it points to, or cast it: <object>p"
                                               : "");
    return error_value(range);
  }
  ObjectClass object_class = ObjectClass::kAny;
  const bool is_class = type.kind == TypeKind::kEnum && !type.python_module.empty();
  if (type.is_integral() && !is_class) object_class = ObjectClass::kInt;
  if (type.is_float()) object_class = ObjectClass::kFloat;
  if (type.is_complex() && !type.is_soft) object_class = ObjectClass::kComplex;
  if (type.is_char_pointer()) object_class = ObjectClass::kBytes;
  if (type.kind == TypeKind::kBint) object_class = ObjectClass::kBool;
  const char* name = type.kind == TypeKind::kBint ? "er::to_bool" : "er::to_object";
  if (&type == types_.ucs4()) {
    name = "er::ucs4_to_object";
    object_class = ObjectClass::kStr;
  }
  return helper(name, types_.object(object_class), Fail::kNull, range, std::move(value));
}

ExprPtr Analyzer::from_object(ExprPtr value, const Type* to) {
  const syntax::SourceRange range = value->range;
  if (to->kind == TypeKind::kBint) return truth(std::move(value));
  if (ExprPtr code = character_code(*value, *to)) return code;
  if (refuse_text(*value, *to)) return error_value(range);
  const bool is_text = to->is_char_pointer();
  if (to->is_numeric() || is_text || (to->kind == TypeKind::kStruct && can_be_read(*to))) {
    std::string name = "er::from_object<" + to->cpp + ">";
    if (to == types_.ucs4()) name = "er::ucs4_from_object";
    return helper(name.c_str(), to, Fail::kFalse, range, std::move(value));
  }
  if (is_void_pointer(*to) || to->is_pointer()) {
    if (tree::try_as<tree::Literal>(value.get()) != nullptr) {
      const auto* literal = tree::try_as<tree::Literal>(value.get());
      if (literal->cpp == "Py_None") {
        diagnostics_.error("conversion", range, "cannot assign None to '" + to->name + "'")
            .hint("NULL is the pointer to nothing");
        return error_value(range);
      }
    }
  }
  diagnostics_.error("conversion", range, "cannot convert a Python object to '" + to->name + "'");
  return error_value(range);
}

// An object of a known class, or None, is wanted.
ExprPtr Analyzer::to_class(ExprPtr value, ObjectClass object_class) {
  const ObjectClass known = value->type->object_class;
  if (object_class == ObjectClass::kAny || known == object_class) return value;
  const syntax::SourceRange range = value->range;
  if (const auto* literal = tree::try_as<tree::Literal>(value.get()))
    if (literal->cpp == "Py_None") return value;
  const bool is_number =
      known == ObjectClass::kInt || known == ObjectClass::kFloat || known == ObjectClass::kBool;
  const bool is_converted = is_converted_class(object_class);
  if (known != ObjectClass::kAny && !(is_converted && is_number)) {
    const std::string from = types_.object(known)->name;
    diagnostics_.error(
        "conversion", range,
        "cannot assign type '" + from + "' to '" + types_.object(object_class)->name + "'");
    return error_value(range);
  }
  auto node = make<tree::Helper>(types_.object(object_class), range);
  node->name = class_check(object_class);
  node->fail = Fail::kNull;
  // The same object again: it lives as long as the argument.
  node->is_borrowed = !is_converted;
  node->args.push_back(std::move(value));
  return node;
}

// The same for a class of a header. Which classes derive from which is not known.
ExprPtr Analyzer::to_extension(ExprPtr value, const tree::ExtensionClass& extension) {
  if (value->type->extension == &extension) return value;
  const auto* literal = tree::try_as<tree::Literal>(value.get());
  if (literal != nullptr && literal->cpp == "Py_None") return value;
  const syntax::SourceRange range = value->range;
  auto node = make<tree::Helper>(extension.type, range);
  node->name = "er::as_instance";
  node->fail = Fail::kNull;
  node->is_borrowed = true;
  node->args.push_back(std::move(value));
  node->args.push_back(class_object(extension, range));
  return node;
}

ExprPtr Analyzer::truth(ExprPtr value) {
  const Type& type = *value->type;
  const syntax::SourceRange range = value->range;
  if (type.kind == TypeKind::kBint) return value;
  if (type.is_object()) {
    // A comparison whose result is only looked at needs no object.
    if (auto* compared = tree::try_as<tree::Helper>(value.get());
        compared != nullptr && compared->name == "er::compare") {
      compared->name = "er::compare_true";
      compared->fail = Fail::kMinusOne;
      compared->type = types_.bint();
      return value;
    }
    // Of `x % y` that is known without the remainder.
    auto* operation = tree::try_as<tree::Helper>(value.get());
    if (operation != nullptr && operation->name == "er::remainder") {
      operation->name = "er::remainder_true";
      operation->type = types_.bint();
      operation->fail = Fail::kMinusOne;
      return value;
    }
    return helper("er::truth", types_.bint(), Fail::kMinusOne, range, std::move(value));
  }
  if (type.is_view())
    return helper("er::is_true", types_.bint(), Fail::kNever, range, std::move(value));
  if (type.is_tuple) return truth(to_object(std::move(value)));
  if (type.is_pointer())
    return binary_node(types_.bint(), "!=", std::move(value), c_literal(&type, "nullptr", range),
                       range);
  if (type.is_scoped) return truth(coerce(std::move(value), types_.find_int("long long")));
  if (type.is_numeric()) {
    forget_sign_of_rest(*value);
    const Type* kept = value->type;
    return binary_node(types_.bint(), "!=", std::move(value), c_literal(kept, "0", range), range);
  }
  diagnostics_.error("conversion", range, "'" + type.name + "' is neither true nor false");
  return error_value(range);
}

}  // namespace engineroom::sema
