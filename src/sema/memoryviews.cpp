// Memoryviews as values: items and slices of them, what they have, copies, conversions.
//
// x[…] with an index for each axis is an item (BufferItem); with slices it is a view of the same
// memory (ViewSlice); x[...] and x[:] are x itself. Assigned to, views copy or fill their items.
#include <algorithm>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;
using tree::Axis;
using tree::AxisAccess;
using tree::AxisPacking;
using Part = tree::ViewSlice::Part;

namespace {

bool is_full(const syntax::Expr& index) {
  const auto* slice = syntax::try_as<syntax::Slice>(&index);
  const auto is_left_out = [](const syntax::Expr* bound) {
    return bound == nullptr || bound->kind == ExprKind::kNone;
  };
  return slice != nullptr && is_left_out(slice->lower) && is_left_out(slice->upper) &&
         is_left_out(slice->step);
}

// What stands between the brackets; the first ellipsis is as many full slices as fit, and further
// ones, and axes of which nothing is said, are a full slice (null).
std::vector<const syntax::Expr*> written_indices(const syntax::Expr& slice, std::size_t n_axes) {
  std::vector<const syntax::Expr*> written;
  if (slice.kind == ExprKind::kTuple) {
    for (const syntax::Expr* index : as<syntax::Tuple>(slice).elts) written.push_back(index);
  } else {
    written.push_back(&slice);
  }
  std::size_t n_taken = 0;
  for (const syntax::Expr* index : written)
    n_taken += index->kind != ExprKind::kNone && index->kind != ExprKind::kEllipsis;
  std::size_t n_ellipses = 0;
  for (const syntax::Expr* index : written) n_ellipses += index->kind == ExprKind::kEllipsis;
  if (n_ellipses > 1) n_taken += n_ellipses - 1;
  const std::size_t n_missing = n_axes > n_taken ? n_axes - n_taken : 0;
  std::vector<const syntax::Expr*> indices;
  bool is_filled = false;
  for (const syntax::Expr* index : written) {
    if (index->kind != ExprKind::kEllipsis) {
      indices.push_back(index);
    } else {
      indices.insert(indices.end(), is_filled ? 1 : n_missing, nullptr);
      is_filled = true;
    }
  }
  if (!is_filled) indices.insert(indices.end(), n_missing, nullptr);
  return indices;
}

bool is_new_axis(const syntax::Expr* index) {
  return index != nullptr && index->kind == ExprKind::kNone;
}

bool is_slice(const syntax::Expr* index) {
  return index == nullptr || index->kind == ExprKind::kSlice;
}

}  // namespace

// The type of view[slice], as far as it can be seen: of an item, or of another view. Null after a
// mistake.
const Type* Analyzer::view_subscript_type(const Type& view, const syntax::Expr& slice) {
  std::vector<Axis> axes;
  std::size_t taken = 0;
  for (const syntax::Expr* index : written_indices(slice, view.axes.size())) {
    if (is_new_axis(index)) {
      axes.emplace_back();
      continue;
    }
    if (taken >= view.axes.size()) return nullptr;
    const Axis& axis = view.axes[taken++];
    if (!is_slice(index)) continue;
    axes.push_back(axis);
    const auto* bounds = syntax::try_as<syntax::Slice>(index);
    if (bounds != nullptr && bounds->step != nullptr && bounds->step->kind != ExprKind::kNone)
      axes.back().packing = AxisPacking::kStrided;
  }
  if (axes.empty()) return view.base;
  return types_.view_like(view, std::move(axes));
}

ExprPtr Analyzer::view_index(const syntax::Expr& index) {
  ExprPtr value = expr(index);
  if (is_error(*value)) return value;
  const Type* size = types_.py_ssize_t();
  if (value->type->is_object()) {
    return helper("er::from_object<Py_ssize_t>", size, Fail::kFalse, index.range, std::move(value));
  }
  if (!value->type->is_integral()) {
    diagnostics_.error(
        "view-index", index.range,
        "a memoryview cannot be indexed with " + syntax::in_quotes(value->type->name));
    return error_value(index.range);
  }
  return value;
}

ExprPtr Analyzer::view_subscript(ExprPtr value, const syntax::Subscript& e) {
  const Type& view = *value->type;
  const std::vector<const syntax::Expr*> indices = written_indices(*e.slice, view.axes.size());
  const Type* type = view_subscript_type(view, *e.slice);
  if (type == nullptr) {
    diagnostics_.error("view-index", e.slice->range,
                       "too many indices for memoryview " + syntax::in_quotes(view.name));
    return error_value(e.range);
  }
  if (type->is_view() && refuse_axes(type->axes.size(), e.range)) return error_value(e.range);
  const bool is_whole = std::all_of(indices.begin(), indices.end(), [](const syntax::Expr* index) {
    return index == nullptr || is_full(*index);
  });
  if (is_whole) return value;
  const Directives& directives = context_->directives;
  const auto set_checks = [&](auto& node) {
    node.checks_bounds = directives.boundscheck;
    node.wraps = directives.wraparound;
    node.checks_none = directives.nonecheck;
  };
  const std::size_t n_errors = diagnostics_.n_errors();
  if (!type->is_view()) {
    auto item = make<tree::BufferItem>(type, e.range);
    set_checks(*item);
    for (const syntax::Expr* index : indices) item->indices.push_back(view_index(*index));
    item->value = std::move(value);
    return diagnostics_.n_errors() == n_errors ? std::move(item) : error_value(e.range);
  }
  auto made = make<tree::ViewSlice>(type, e.range);
  set_checks(*made);
  for (const syntax::Expr* index : indices) made->parts.push_back(view_part(index));
  made->value = std::move(value);
  return diagnostics_.n_errors() == n_errors ? std::move(made) : error_value(e.range);
}

Part Analyzer::view_part(const syntax::Expr* index) {
  Part part;
  if (is_new_axis(index)) {
    part.kind = Part::Kind::kNewAxis;
  } else if (!is_slice(index)) {
    part.kind = Part::Kind::kIndex;
    part.start = coerce(view_index(*index), types_.py_ssize_t());
  } else if (index != nullptr) {
    const auto& slice = as<syntax::Slice>(*index);
    const auto bound = [this](const syntax::Expr* written) -> ExprPtr {
      if (written == nullptr || written->kind == ExprKind::kNone) return nullptr;
      return coerce(expr(*written), types_.py_ssize_t());
    };
    part.start = bound(slice.lower);
    part.stop = bound(slice.upper);
    part.step = bound(slice.step);
  }
  return part;
}

// ---- what views have ----

const Type* Analyzer::transposed(const Type& view) {
  std::vector<Axis> axes(view.axes.rbegin(), view.axes.rend());
  return types_.view_like(view, std::move(axes));
}

const Type* Analyzer::contiguous(const Type& view, bool is_fortran) {
  std::vector<Axis> axes(view.axes.size(), {AxisAccess::kDirect, AxisPacking::kFollow});
  (is_fortran ? axes.front() : axes.back()).packing = AxisPacking::kContiguous;
  const bool is_const = view.base->unqualified != nullptr;
  std::string item_name = view.item_name;
  if (is_const) item_name.erase(0, std::string_view("const ").size());
  return types_.view_of(&view.base->without_const(), std::move(axes), std::move(item_name));
}

// Null: Python knows it.
ExprPtr Analyzer::view_attribute(ExprPtr& value, const syntax::Attribute& e) {
  const Type& view = *value->type;
  const std::string_view name = e.attr.text;
  if (name == "shape" || name == "strides" || name == "suboffsets" || name == "_data") {
    const Type* type = name == "_data" ? types_.pointer_to(types_.char_type())
                                       : types_.array_of(types_.py_ssize_t(), view.axes.size());
    if (name == "suboffsets" && !view.is_indirect()) {
      auto block = make<tree::BlockExpr>(types_.pointer_to(types_.py_ssize_t()), e.range);
      add_expr(block->body, std::move(value));
      block->result = c_literal(block->type, "er::no_suboffsets()", e.range);
      return block;
    }
    auto part = make<tree::BufferPart>(type, e.range);
    part->part = name == "shape"     ? "shape"
                 : name == "strides" ? "strides"
                 : name == "_data"   ? "data"
                                     : "suboffsets";
    part->checks_none = context_->directives.nonecheck;
    part->value = std::move(value);
    return part;
  }
  if (name != "T") return nullptr;
  if (view.is_indirect()) {
    diagnostics_.error("transpose", e.range, "a view with indirect axes cannot be transposed");
    return error_value(e.range);
  }
  if (context_->directives.nonecheck)
    return helper("er::transposed_some", transposed(view), Fail::kFalse, e.range, std::move(value));
  auto made = make<tree::Helper>(transposed(view), e.range);
  made->name = "er::transposed";
  made->is_borrowed = true;
  made->args.push_back(std::move(value));
  return made;
}

// view.copy() and the like, found as a method of the view as an object; null: another method.
ExprPtr Analyzer::view_method(tree::Helper& got, std::string_view name, const syntax::Call& call) {
  auto* boxed = tree::try_as<tree::Helper>(got.args[0].get());
  if (boxed == nullptr || boxed->name != "er::to_object" || !boxed->args[0]->type->is_view() ||
      !call.args.empty())
    return nullptr;
  const Type& view = *boxed->args[0]->type;
  const auto order = [&](char c) {
    return c_literal(types_.char_type(), std::string("'") + c + "'", call.range);
  };
  if (name == "copy" || name == "copy_fortran") {
    const bool is_fortran = name == "copy_fortran";
    return helper("er::copy_contiguous", contiguous(view, is_fortran), Fail::kFalse, call.range,
                  std::move(boxed->args[0]), order(is_fortran ? 'f' : 'c'));
  }
  if (name != "is_c_contig" && name != "is_f_contig") return nullptr;
  const std::string helper_name = "er::is_contiguous<" + view.cpp + ">";
  return helper(helper_name.c_str(), types_.bint(), Fail::kNever, call.range,
                std::move(boxed->args[0]), item_size(view, call.range),
                order(name == "is_c_contig" ? 'c' : 'f'));
}

ExprPtr Analyzer::item_size(const Type& view, syntax::SourceRange range) {
  return c_literal(types_.find_int("size_t"),
                   "sizeof(" + tree::declare(view.base->without_const(), "") + ")", range);
}

ExprPtr Analyzer::view_length(ExprPtr view, syntax::SourceRange range) {
  return helper("er::length", types_.py_ssize_t(), Fail::kNever, range, std::move(view));
}

// Of what C knows of views, and of their copies; null if it is something else.
const Type* Analyzer::view_type_of(const syntax::Expr& e) {
  const auto* call = syntax::try_as<syntax::Call>(&e);
  const auto* attribute = syntax::try_as<syntax::Attribute>(call != nullptr ? call->func : &e);
  if (attribute == nullptr || (call != nullptr && !(call->args.empty() && is_plain(*call))))
    return nullptr;
  const Type* view = quick_type(*attribute->value);
  if (view == nullptr || !view->is_view()) return nullptr;
  const std::string_view name = attribute->attr.text;
  if (call == nullptr) {
    if (name == "T" && !view->is_indirect()) return transposed(*view);
    if (name == "shape" || name == "strides")
      return types_.array_of(types_.py_ssize_t(), view->axes.size());
    return nullptr;
  }
  if (name == "is_c_contig" || name == "is_f_contig") return types_.bint();
  if (name == "copy" || name == "copy_fortran") return contiguous(*view, name == "copy_fortran");
  return nullptr;
}

// view is None, and the like; null if it is another comparison.
ExprPtr Analyzer::view_is_none(syntax::CompareOperator op, ExprPtr& left, ExprPtr& right,
                               syntax::SourceRange range) {
  using syntax::CompareOperator;
  const auto is_none_literal = [](const tree::Expr& e) {
    const auto* literal = tree::try_as<tree::Literal>(&e);
    return literal != nullptr && literal->cpp == "Py_None";
  };
  ExprPtr& view = left->type->is_view() ? left : right;
  const ExprPtr& other = left->type->is_view() ? right : left;
  if (!view->type->is_view() || !is_none_literal(*other)) return nullptr;
  const bool is_equal = op == CompareOperator::kIs || op == CompareOperator::kEq;
  const bool is_unequal = op == CompareOperator::kIsNot || op == CompareOperator::kNotEq;
  if (!is_equal && !is_unequal) return nullptr;
  ExprPtr test = helper("er::is_none", types_.bint(), Fail::kNever, range, std::move(view));
  if (is_equal) return test;
  auto negated = make<tree::Unary>(types_.bint(), range);
  negated->op = "!";
  negated->operand = std::move(test);
  return negated;
}

// ---- conversions ----

ExprPtr Analyzer::to_view(ExprPtr value, const Type* to) {
  const Type* from = value->type;
  const syntax::SourceRange range = value->range;
  if (from->is_view()) {
    if (!conforms(*from, *to, false)) return refuse_view(*from, *to, range);
    auto node = make<tree::Cast>(to, range);
    node->value = std::move(value);
    return node;
  }
  if (const auto* literal = tree::try_as<tree::Literal>(value.get());
      literal != nullptr && literal->cpp == "Py_None") {
    const std::string name = "er::none_view<" + to->cpp + ">";
    return helper(name.c_str(), to, Fail::kNever, range);
  }
  if (from->kind == TypeKind::kArray) return array_as_view(std::move(value), to);
  if (!from->is_object()) {
    diagnostics_.error("conversion", range,
                       "cannot convert " + syntax::in_quotes(from->name) + " to a memoryview");
    return error_value(range);
  }
  const std::string name = "er::from_object<" + to->cpp + ">";
  return helper(name.c_str(), to, Fail::kFalse, range, std::move(value));
}

// ---- assignments ----

// view[…] = value: items are copied, or all set to one value.
void Analyzer::assign_items_of_view(ExprPtr place, ExprPtr value, Block& out) {
  const Type& to = *place->type;
  const syntax::SourceRange range = place->range;
  if (is_error(*value)) return;
  if (to.base->unqualified != nullptr) {
    diagnostics_.error("assignment", range, "the items of this memoryview are const");
    return;
  }
  if (context_->directives.nonecheck) {
    Variable* kept = keep(std::move(place), out);
    auto is_none = helper("er::is_none", types_.bint(), Fail::kNever, range, variable(kept, range));
    auto test = make_stmt<tree::If>(range);
    test->test = std::move(is_none);
    add_expr(test->body, helper("er::raise_none_view", types_.void_type(), Fail::kFalse, range,
                                c_literal(types_.pointer_to(types_.char_type()),
                                          "(char*)\"assign to\"", range)));
    out.push_back(std::move(test));
    place = variable(kept, range);
  }
  const char* has_objects = to.base->is_object() ? "true" : "false";
  ExprPtr objects = c_literal(types_.bint(), has_objects, range);
  if (!value->type->is_view()) {
    const std::string name = "er::fill_items<" + to.cpp + ", " + tree::declare(*to.base, "") + ">";
    ExprPtr item = coerce(std::move(value), to.base);
    if (is_error(*item)) return;
    add_expr(out, helper(name.c_str(), types_.void_type(), Fail::kFalse, range, std::move(place),
                         std::move(item), std::move(objects)));
    return;
  }
  const Type& from = *value->type;
  if (!conforms(from, to, true)) {
    refuse_view(from, to, value->range);
    return;
  }
  const std::string name = "er::copy_items<" + from.cpp + ", " + to.cpp + ">";
  ExprPtr size = item_size(to, range);
  add_expr(out, helper(name.c_str(), types_.void_type(), Fail::kFalse, range, std::move(value),
                       std::move(place), std::move(size), std::move(objects)));
}

// ---- loops ----

// for x in view: by index, along the first axis.
std::optional<Analyzer::LoopPlan> Analyzer::view_loop(const syntax::Expr& iter, Block& out) {
  const Type* known = quick_type(iter);
  if (known == nullptr || !known->is_view()) return std::nullopt;
  ExprPtr value = expr(iter);
  if (is_error(*value)) return loop_over(std::move(value));
  if (!value->type->is_view()) return loop_over(to_object(std::move(value)));
  const syntax::SourceRange range = iter.range;
  Variable* view = keep(std::move(value), out);
  LoopPlan plan;
  plan.start = c_literal(types_.py_ssize_t(), "0", range);
  plan.stop = helper("er::n_turns_over", types_.py_ssize_t(), Fail::kMinusOne, range,
                     variable(view, range));
  plan.item = [=, this](ExprPtr index) -> ExprPtr {
    const Type& type = *view->type;
    if (type.axes.size() == 1) {
      auto item = make<tree::BufferItem>(type.base, range);
      item->checks_bounds = item->wraps = false;
      item->indices.push_back(std::move(index));
      item->value = variable(view, range);
      return item;
    }
    std::vector<Axis> axes(type.axes.begin() + 1, type.axes.end());
    auto slice = make<tree::ViewSlice>(types_.view_like(type, std::move(axes)), range);
    slice->checks_bounds = slice->wraps = false;
    slice->parts.resize(type.axes.size());
    slice->parts[0].kind = Part::Kind::kIndex;
    slice->parts[0].start = std::move(index);
    slice->value = variable(view, range);
    return slice;
  };
  return plan;
}

}  // namespace engineroom::sema
