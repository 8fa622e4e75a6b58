// Types of memoryviews: what the brackets of `double[:, ::1]` say of each axis.
#include <algorithm>
#include <array>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;
using tree::Axis;
using tree::AxisAccess;
using tree::AxisPacking;

namespace {

constexpr std::size_t kMaxAxes = 8;

struct NamedAxis {
  std::string_view name;
  Axis axis;
};
constexpr std::array<NamedAxis, 6> kNamedAxes = {{
    {"generic", {AxisAccess::kFull, AxisPacking::kStrided}},
    {"strided", {AxisAccess::kDirect, AxisPacking::kStrided}},
    {"indirect", {AxisAccess::kPointer, AxisPacking::kStrided}},
    {"generic_contiguous", {AxisAccess::kFull, AxisPacking::kContiguous}},
    {"contiguous", {AxisAccess::kDirect, AxisPacking::kContiguous}},
    {"indirect_contiguous", {AxisAccess::kPointer, AxisPacking::kContiguous}},
}};

// Numbers, and structs and arrays of such; objects only on their own. Pointers have no conversion
// to Python, but can be read and written.
bool is_item(const Type& type, int depth = 0) {
  if (type.kind == TypeKind::kStruct) {
    return !type.is_union &&
           std::all_of(type.fields.begin(), type.fields.end(), [&](const tree::Field& field) {
             return !field.type->is_object() && is_item(*field.type);
           });
  }
  if (type.kind == TypeKind::kArray) return depth < 8 && is_item(*type.base, depth + 1);
  return type.is_numeric() || type.is_pointer() ||
         (type.is_object() && type.buffer == nullptr && type.extension == nullptr);
}

}  // namespace

std::optional<Axis> axis_called(std::string_view name) {
  for (const NamedAxis& known : kNamedAxes)
    if (known.name == name) return known.axis;
  return std::nullopt;
}

// One axis as written; `is_whole` if it is ::1, which says something of all of them.
std::optional<Axis> Analyzer::written_axis(const syntax::Slice& axis, bool& is_whole) {
  const auto refuse = [this](syntax::SourceRange range, const std::string& what) {
    diagnostics_.error("axis", range, what)
        .hint("write ':' for a strided axis, '::1' for a contiguous one");
    return std::nullopt;
  };
  if (axis.lower != nullptr) return refuse(axis.lower->range, "an axis has no start");
  if (axis.upper != nullptr)
    return refuse(axis.upper->range, "what is said of an axis stands behind two colons");
  if (axis.step == nullptr) return Axis{};
  const syntax::Expr& step = *axis.step;
  if (const auto* minus = syntax::try_as<syntax::UnaryOp>(&step);
      minus != nullptr || step.kind == ExprKind::kInt) {
    is_whole = minus == nullptr && written_int(step) == 1;
    if (is_whole) return Axis{AxisAccess::kDirect, AxisPacking::kContiguous};
    return refuse(step.range, "the step of an axis is left out, 1, or a name of cython.view");
  }
  if (step.kind != ExprKind::kName && step.kind != ExprKind::kAttribute)
    return refuse(step.range, "an axis is described by 1 or a name, not by an expression");
  const std::optional<std::string> name = cython_name(step);
  const std::optional<Axis> known = name && name->starts_with("view.")
                                        ? axis_called(std::string_view(*name).substr(5))
                                        : std::nullopt;
  if (known) return known;
  diagnostics_
      .error("axis", step.range,
             syntax::in_quotes(sources_.text_of(step.range)) + " is no kind of axis")
      .hint("from cython cimport view; then '::view.strided', '::view.contiguous' and the like");
  return std::nullopt;
}

// ::1 at an end says of the axes beside it that their strides follow from their lengths.
bool Analyzer::settle_axes(std::vector<Axis>& axes, std::size_t contiguous,
                           const syntax::CMemoryViewType& type) {
  const auto refuse = [&](std::size_t i, const char* what) {
    diagnostics_.error("axis", type.axes[i]->range, what);
    return false;
  };
  const bool is_c = contiguous + 1 == axes.size();
  if (!is_c && contiguous > 0 && axes[contiguous - 1].access == AxisAccess::kDirect)
    return refuse(contiguous, "'::1' stands first, last, or behind an indirect axis");
  std::size_t start = contiguous + 1;
  if (is_c) {
    start = 0;
    for (std::size_t i = 0; i < axes.size(); ++i)
      if (axes[i].access != AxisAccess::kDirect) start = i + 1;
  }
  for (std::size_t i = start; i < axes.size() - (is_c ? 1 : 0); ++i) {
    if (axes[i].access != AxisAccess::kDirect)
      return refuse(i, "an indirect axis cannot follow a contiguous one");
    if (axes[i].packing == AxisPacking::kContiguous)
      return refuse(i, "only one axis can be contiguous");
    axes[i].packing = AxisPacking::kFollow;
  }
  return true;
}

bool Analyzer::check_axes(const std::vector<Axis>& axes, const syntax::CMemoryViewType& type) {
  std::size_t after_pointers = 0;
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (axes[i].access == AxisAccess::kPointer) after_pointers = i + 1;
  bool has_contiguous = false;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].packing != AxisPacking::kContiguous) continue;
    if (has_contiguous) {
      diagnostics_.error("axis", type.axes[i]->range, "only one axis can be direct and contiguous");
      return false;
    }
    const bool is_pointer = axes[i].access == AxisAccess::kPointer;
    if (i != after_pointers && i + 1 != axes.size() && !is_pointer) {
      diagnostics_.error("axis", type.axes[i]->range,
                         "only the last axis, or the first behind the indirect ones, can be direct "
                         "and contiguous");
      return false;
    }
    has_contiguous = !is_pointer;
  }
  return true;
}

// A typedef of a C type, which is no type of its own, as it is written.
std::string Analyzer::written_item(const syntax::CType& written, const Type& item) {
  if (item.is_object()) return "";
  if (written.kind == syntax::CTypeKind::kQualified) {
    const auto& inner = *as<syntax::CQualifiedType>(written).type;
    const std::string name = written_item(inner, item);
    return name.empty() ? "" : "const " + name;
  }
  if (written.kind != syntax::CTypeKind::kNamed) return "";
  return std::string(as<syntax::CNamedType>(written).path.back().text);
}

const Type* Analyzer::view_ctype(const syntax::CMemoryViewType& type, Scope& scope) {
  const Type* item = ctype(*type.element, scope);
  if (item == types_.error()) return item;
  if (item->is_view() || !is_item(item->without_const())) {
    diagnostics_
        .error("view-item", type.range,
               "a memoryview cannot have items of type " + syntax::in_quotes(item->name))
        .hint("its items are numbers, structs of numbers, pointers or Python objects");
    return types_.error();
  }
  if (refuse_incomplete(*item, type.range, "an item of a memoryview")) return types_.error();
  std::vector<Axis> axes;
  std::optional<std::size_t> contiguous;
  for (const syntax::Slice* axis : type.axes) {
    bool is_whole = false;
    const std::optional<Axis> known = written_axis(*axis, is_whole);
    if (!known) return types_.error();
    if (is_whole && contiguous) {
      diagnostics_.error("axis", axis->range,
                         "an array cannot be contiguous in the order of both C and Fortran");
      return types_.error();
    }
    if (is_whole) contiguous = axes.size();
    axes.push_back(*known);
  }
  if (axes.empty()) return types_.error();
  if (refuse_axes(axes.size(), type.range)) return types_.error();
  if (contiguous && !settle_axes(axes, *contiguous, type)) return types_.error();
  if (!check_axes(axes, type)) return types_.error();
  return types_.view_of(item, std::move(axes), written_item(*type.element, *item));
}

bool Analyzer::refuse_axes(std::size_t n, syntax::SourceRange range) {
  if (n <= kMaxAxes) return false;
  diagnostics_.error("axis", range, "a memoryview has at most 8 axes");
  return true;
}

// C's own types hold no references.
bool Analyzer::refuse_view_part(const Type& type, syntax::SourceRange range, const char* what) {
  if (type.is_view())
    diagnostics_.error("view-place", range, what)
        .hint("a pointer to its first item is '&view[0]', and its length 'view.shape[0]'");
  return type.is_view();
}

// ---- which views fit where others are wanted ----

// Not if what is copied is the items.
bool Analyzer::conforms(const Type& from, const Type& to, bool is_copied) {
  const Type* source = from.base;
  const Type* target = to.base;
  const bool drops_const = source->unqualified != nullptr && target->unqualified == nullptr;
  if (drops_const && !is_copied) return false;
  source = &source->without_const();
  target = &target->without_const();
  const bool are_objects = source->is_object() && target->is_object();
  if (source != target && !are_objects) return false;
  if (!is_copied && from.axes.size() != to.axes.size()) return false;
  const std::size_t n = std::max(from.axes.size(), to.axes.size());
  // Axes that one of them lacks are the first ones of the other.
  const auto axis = [n](const Type& type, std::size_t i) {
    const std::size_t missing = n - type.axes.size();
    return i < missing ? Axis{} : type.axes[i - missing];
  };
  for (std::size_t i = 0; i < n; ++i) {
    const Axis a = axis(from, i);
    const Axis b = axis(to, i);
    if (a.access != b.access && b.access != AxisAccess::kFull) return false;
    if (!is_copied && a.packing != b.packing && b.packing != AxisPacking::kStrided) return false;
  }
  return true;
}

ExprPtr Analyzer::refuse_view(const Type& from, const Type& to, syntax::SourceRange range) {
  const Type* source = &from.base->without_const();
  const Type* target = &to.base->without_const();
  const bool is_layout = source == target;
  const std::string hint = !is_layout             ? ""
                           : from.axes != to.axes ? "a copy has it: .copy(), .copy_fortran()"
                           : from.base != to.base ? "the one is const, the other is not"
                                                  : "";
  diagnostics_
      .error("conversion", range,
             is_layout ? "memoryview " + syntax::in_quotes(from.name) +
                             " does not conform to memoryview " + syntax::in_quotes(to.name)
                       : "memoryviews of different items: " + syntax::in_quotes(source->name) +
                             " and " + syntax::in_quotes(target->name))
      .hint(hint);
  return error_value(range);
}

}  // namespace engineroom::sema
