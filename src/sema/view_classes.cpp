// cython.view.array and cython.view.memoryview: the runtime's classes, which C code may name as
// types, and arrays made of C memory: <double[:n]> pointer.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using tree::Axis;
using tree::AxisAccess;
using tree::AxisPacking;

namespace {

bool is_array_class(std::string_view name) { return name == "array" || name == "view.array"; }

}  // namespace

// ---- the classes ----

// Null if the module cython has no class of this name.
const Type* Analyzer::view_class(std::string_view name) {
  if (!is_array_class(name) && name != "view.memoryview") return nullptr;
  tree::ExtensionClass extension;
  extension.module = "cython.view";
  extension.name = is_array_class(name) ? "array" : "memoryview";
  if (is_array_class(name)) extension.struct_cpp = "er::ArrayObject";
  const Type* type = types_.extension(std::move(extension));
  ClassInfo& info = classes_[type->extension];
  if (info.members != nullptr) return type;
  info.members = std::make_shared<Scope>();
  if (!is_array_class(name)) return type;
  info.struct_type = types_.extern_struct("array", "er::ArrayObject");
  const Type* size = types_.py_ssize_t();
  const Type* text = types_.pointer_to(types_.char_type());
  std::vector<tree::Parameter> memory = {{"data", types_.pointer_to(types_.void_type()), false}};
  const Type* callback = types_.pointer_to(types_.function(types_.void_type(), std::move(memory),
                                                           false, tree::Except::kNever, "", false));
  const std::pair<const char*, const Type*> fields[] = {
      {"data", text},
      {"len", size},
      {"format", text},
      {"ndim", types_.int_type()},
      {"_shape", types_.pointer_to(size)},
      {"_strides", types_.pointer_to(size)},
      {"itemsize", size},
      {"mode", types_.object(ObjectClass::kStr)},
      {"_format", types_.object(ObjectClass::kBytes)},
      {"callback_free_data", callback},
      {"free_data", types_.bint()},
      {"dtype_is_object", types_.bint()},
  };
  for (const auto& [field, field_type] : fields) {
    Symbol member;
    member.kind = SymbolKind::kVariable;
    member.type = field_type;
    member.cpp = field;
    info.members->names.emplace(field, std::move(member));
  }
  return type;
}

// Who sets array.callback_free_data lends it code, which the array keeps loaded from then on.
void Analyzer::keep_callback(const syntax::Attribute& target, Block& out) {
  const Type* owner =
      target.attr.text == "callback_free_data" ? quick_type(*target.value) : nullptr;
  if (owner == nullptr || owner->extension == nullptr ||
      owner->extension->struct_cpp != "er::ArrayObject")
    return;
  if (target.value->kind != syntax::ExprKind::kName)
    return not_supported(target.range, "callbacks of arrays that are no variables");
  add_expr(out, helper("er::keep_callback", types_.void_type(), Fail::kNever, target.range,
                       expr(*target.value), c_literal(object_, "er_home", target.range)));
}

// What the module cython has for Python: these classes, and the names of axes.
ExprPtr Analyzer::cython_object(std::string_view name, syntax::SourceRange range) {
  if (is_array_class(name) || name == "view.memoryview") {
    auto made = make<tree::Helper>(types_.object(ObjectClass::kType), range);
    made->name = is_array_class(name) ? "er::array_class" : "er::memoryview_class";
    made->fail = Fail::kNull;
    made->is_borrowed = true;
    return made;
  }
  const std::optional<Axis> axis =
      name.starts_with("view.") ? axis_called(name.substr(5)) : std::nullopt;
  if (axis && !(axis->access == AxisAccess::kFull && axis->packing == AxisPacking::kContiguous)) {
    const auto number = [&](auto value) {
      return c_literal(types_.int_type(), std::to_string(static_cast<int>(value)), range);
    };
    return object_helper("er::axis_object_of", range, number(axis->access), number(axis->packing));
  }
  not_supported(range, "cython." + std::string(name) + " as a value");
  return error_value(range);
}

// ---- arrays of C memory ----

// A C array in whose place a memoryview is wanted: the array must outlive it.
ExprPtr Analyzer::array_as_view(ExprPtr array, const Type* to) {
  const syntax::SourceRange range = array->range;
  std::vector<ExprPtr> shape;
  const Type* item = array->type;
  for (; item->kind == TypeKind::kArray; item = item->base)
    shape.push_back(c_literal(types_.py_ssize_t(), item->size_text(), range));
  if (&item->without_const() != &to->base->without_const() || shape.size() != to->axes.size()) {
    diagnostics_.error("conversion", range,
                       "cannot convert " + syntax::in_quotes(array->type->name) + " to " +
                           syntax::in_quotes(to->name));
    return error_value(range);
  }
  return to_view(
      pointer_array(*contiguous(*to, false), std::move(array), std::move(shape), false, range), to);
}

// A cython.view.array of memory that it does not own.
ExprPtr Analyzer::pointer_array(const Type& view, ExprPtr pointer, std::vector<ExprPtr> shape,
                                bool is_fortran, syntax::SourceRange range) {
  auto made = make<tree::Helper>(view_class("view.array"), range);
  made->name = "er::array_of_pointer";
  made->fail = Fail::kNull;
  made->args.push_back(c_literal(&view, view.cpp + "{}", range));
  made->args.push_back(std::move(pointer));
  made->args.push_back(c_literal(types_.bint(), is_fortran ? "true" : "false", range));
  for (ExprPtr& length : shape) made->args.push_back(std::move(length));
  return made;
}

// <double[:n, :m]> pointer
ExprPtr Analyzer::cast_to_view(const syntax::Cast& e) {
  const auto& written = as<syntax::CMemoryViewType>(*e.type);
  const Type* item = ctype(*written.element, here());
  ExprPtr value = expr(*e.value);
  if (item == types_.error() || is_error(*value)) return error_value(e.range);
  const auto refuse = [&](syntax::SourceRange range, const std::string& what) {
    diagnostics_.error("cast", range, what);
    return error_value(e.range);
  };
  std::vector<std::string> sizes;
  const Type* base = value->type;
  if (!base->is_pointer_like())
    return refuse(e.value->range, "only a pointer or C array can be cast to a memoryview");
  for (; base->kind == TypeKind::kArray; base = base->base) sizes.push_back(base->size_text());
  if (sizes.empty()) base = base->base;
  if (!base->is_void() && &base->without_const() != &item->without_const())
    return refuse(e.value->range, "the pointer has other items than the memoryview");
  if (!sizes.empty() && sizes.size() != written.axes.size())
    return refuse(e.value->range, "the array has " + std::to_string(sizes.size()) +
                                      " dimensions, the memoryview " +
                                      std::to_string(written.axes.size()));
  if (refuse_axes(written.axes.size(), e.range)) return error_value(e.range);
  bool is_fortran = false;
  std::vector<ExprPtr> shape;
  for (std::size_t i = 0; i < written.axes.size(); ++i) {
    const syntax::Slice& axis = *written.axes[i];
    if (axis.lower != nullptr) return refuse(axis.lower->range, "an axis has no start");
    if (axis.upper == nullptr && sizes.empty())
      return refuse(axis.range, "the length of this axis is missing: '<double[:n]> p'");
    if (axis.step != nullptr) {
      const bool is_end = i == 0 || i + 1 == written.axes.size();
      if (!is_end || written_int(*axis.step) != 1)
        return refuse(axis.step->range, "a step can only be 1, in the first or the last axis");
      is_fortran = is_fortran || (i == 0 && written.axes.size() > 1);
    }
    shape.push_back(axis.upper != nullptr ? coerce(expr(*axis.upper), types_.py_ssize_t())
                                          : c_literal(types_.py_ssize_t(), sizes[i], axis.range));
    if (is_error(*shape.back())) return error_value(e.range);
  }
  const Type* strided = types_.view_of(&item->without_const(), std::vector<Axis>(shape.size()));
  return pointer_array(*contiguous(*strided, is_fortran), std::move(value), std::move(shape),
                       is_fortran, e.range);
}

}  // namespace engineroom::sema
