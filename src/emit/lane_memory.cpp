// Items of arrays and memoryviews for all lanes: LaneWriter's loads and stores.
#include <algorithm>

#include "emit/lane_writer.h"
#include "emit/memory_layout.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::as;
using tree::Expr;
using tree::Type;
using tree::TypeKind;
using Form = LaneValue::Form;

bool LaneWriter::follows_lanes(const Expr& index) const {
  if (const auto* ref = tree::try_as<tree::VariableRef>(&index))
    return ref->variable == turn_variable_;
  if (const auto* cast = tree::try_as<tree::Cast>(&index)) {
    const Type& from = cast->value->type->without_const();
    const Type& to = cast->type->without_const();
    // What wraps around does not follow.
    return from.kind == TypeKind::kInt && to.kind == TypeKind::kInt && to.is_signed &&
           to.rank >= from.rank && follows_lanes(*cast->value);
  }
  return false;
}

// What it is in the first lane, if it is the next number in each next one: i, or i + 1.
std::optional<std::string> LaneWriter::first_index(const Expr& index) const {
  if (follows_lanes(index)) return counter_;
  if (const auto* cast = tree::try_as<tree::Cast>(&index)) {
    const Type& from = cast->value->type->without_const();
    const Type& to = cast->type->without_const();
    const bool widens = from.kind == TypeKind::kInt && to.kind == TypeKind::kInt &&
                        from.is_signed && to.is_signed && to.rank >= from.rank;
    return widens ? first_index(*cast->value) : std::nullopt;
  }
  const auto* sum = tree::try_as<tree::Binary>(&index);
  if (sum == nullptr || !sum->type->without_const().is_signed ||
      sum->type->without_const().rank < tree::kRankOfLong)
    return std::nullopt;
  const std::string_view op = sum->op;
  const auto* literal = tree::try_as<tree::Literal>(sum->right.get());
  if (literal == nullptr || (op != "+" && op != "-")) return std::nullopt;
  const std::optional<std::string> first = first_index(*sum->left);
  if (!first) return std::nullopt;
  return "(" + *first + " " + sum->op + " " + literal->cpp + ")";
}

bool LaneWriter::needs_check(const tree::BufferItem& item, const Expr& index, bool wraps) const {
  if (inside_->contains(&index)) return false;
  const bool is_constant = tree::try_as<tree::Literal>(&index) != nullptr;
  return item.checks_bounds || (wraps && index.type->without_const().is_signed && !is_constant);
}

// Lanes that are not asked read nothing.
LaneValue LaneWriter::load(const Expr& expr) {
  const Type& type = expr.type->without_const();
  if (inside_ == nullptr || type.is_complex() || type.kind == TypeKind::kBint ||
      !is_lane_number(type))
    return give_up();
  if (const auto* item = tree::try_as<tree::BufferItem>(&expr)) return load_item(*item);
  const auto& access = as<tree::IndexAccess>(expr);
  if (!access.value->type->is_pointer()) return give_up();
  const std::string from = scalar(*access.value);
  if (const auto first = first_index(*access.index))
    return {"er::load<" + type.cpp + ">(" + mask() + ", " + from + " + " + *first + ")",
            Form::kLanes};
  const LaneValue at = value(*access.index);
  if (at.form == Form::kScalar)
    return {"er::load_one<" + type.cpp + ">(" + mask() + ", " + from + " + " + at.text + ")"};
  return {"er::gather<" + type.cpp + ">(" + mask() + ", (const char*)(" + from +
              "), er::convert<Py_ssize_t>(" + lanes(at, *access.index->type) +
              ") * (Py_ssize_t)sizeof(" + type.cpp + "))",
          Form::kLanes};
}

LaneValue LaneWriter::load_item(const tree::BufferItem& item) {
  const auto* ref = tree::try_as<tree::VariableRef>(item.value.get());
  if (ref == nullptr || ref->variable->is_global() || ref->check_bound || item.checks_none)
    return give_up();
  const std::string name = memory_name(*ref->variable);
  const MemoryLayout layout = layout_of(*item.value->type);
  const std::string& type = item.type->without_const().cpp;
  const std::string begin = "er::load<" + type + ">(" + mask() + ", ";
  std::string address = name + ".data";
  std::string offsets;  // of lanes
  std::optional<std::size_t> followed;
  const auto stride = [&](std::size_t i) {
    return static_cast<int>(i) == layout.contiguous_axis
               ? "(Py_ssize_t)sizeof(" + type + ")"
               : name + ".strides[" + std::to_string(i) + "]";
  };
  for (std::size_t i = 0; i < item.indices.size(); ++i) {
    const Expr& index = *item.indices[i];
    at_ = index.range;
    if (layout.may_point[i]) return give_up();
    if (needs_check(item, index, item.wraps && layout.has_negative_indices))
      return give_up(
          "the subscript is checked in each turn; boundscheck(False) and "
          "wraparound(False) leave that out");
    const std::optional<std::string> first = followed ? std::nullopt : first_index(index);
    if (first) {
      followed = i;
      address += " + " + *first + " * " + stride(i);
      continue;
    }
    const LaneValue at = value(index);
    if (at.form == Form::kScalar) {
      address += " + (" + at.text + ") * " + stride(i);
    } else {
      offsets += (offsets.empty() ? "" : " + ") + std::string("er::convert<Py_ssize_t>(") +
                 lanes(at, *index.type) + ") * " + stride(i);
    }
  }
  if (!offsets.empty()) {
    if (followed) offsets += " + er::count_from<Py_ssize_t>(0) * " + stride(*followed);
    return {"er::gather<" + type + ">(" + mask() + ", " + address + ", " + offsets + ")",
            Form::kLanes};
  }
  if (!followed)
    return {"er::load_one<" + type + ">(" + mask() + ", (const " + type + "*)(" + address + "))"};
  if (static_cast<int>(*followed) == layout.contiguous_axis)
    return {begin + "(const " + type + "*)(" + address + "))", Form::kLanes};
  return {begin + address + ", " + stride(*followed) + ")", Form::kLanes};
}

void LaneWriter::store(const Expr& target, const Expr& value) {
  ++n_stores_;
  if (!is_lane_number(*target.type) || target.type->is_complex()) {
    give_up();
    return;
  }
  const auto* index = tree::try_as<tree::IndexAccess>(&target);
  const auto* item = tree::try_as<tree::BufferItem>(&target);
  std::string first;
  const std::optional<std::string> at =
      index != nullptr ? first_index(*index->index) : std::nullopt;
  if (at) {
    first = "&" + scalar(*index->value) + "[" + *at + "]";
  } else if (item != nullptr) {
    first = first_item(*item);
  } else {
    give_up("the items that turns write are not beside each other");
  }
  const std::string made = lanes(value);
  out_.line("er::store<" + target.type->without_const().cpp + ">(" + mask() + ", " + first + ", " +
            made + ");");
}

// The address of a memoryview's item in the first lane, and how far the next one is. What may be
// wrong with the indices is left to the plain loop.
std::string LaneWriter::first_item(const tree::BufferItem& item) {
  const auto* ref = tree::try_as<tree::VariableRef>(item.value.get());
  if (ref == nullptr || ref->variable->is_global()) return give_up().text;
  const std::string name = memory_name(*ref->variable);
  const MemoryLayout layout = layout_of(*item.value->type);
  const bool is_view = item.value->type->is_view();
  if (ref->check_bound)
    checks_.push_back("if (!" + ref->variable->cpp + (is_view ? ".memory" : "") + ") break;");
  if (item.checks_none) checks_.push_back("if (" + name + ".is_none()) break;");
  const bool wraps = item.wraps && layout.has_negative_indices;
  std::string address = name + ".data";
  int lane_axis = -1;
  for (std::size_t i = 0; i < item.indices.size(); ++i) {
    const Expr& index = *item.indices[i];
    const std::string axis = "[" + std::to_string(i) + "]";
    const std::string size = name + ".shape" + axis;
    const std::optional<std::string> followed = first_index(index);
    std::string at = followed ? *followed : "";
    if (layout.may_point[i]) return give_up().text;
    if (followed) {
      if (lane_axis >= 0) return give_up().text;
      lane_axis = static_cast<int>(i);
      if (wraps || item.checks_bounds) checks_.push_back("if (" + at + " < 0) break;");
      if (item.checks_bounds)
        checks_.push_back("if (" + size + " - " + at + " < (" + n_left_ + " < er::kLanes ? " +
                          n_left_ + " : er::kLanes)) break;");
    } else {
      at = new_name("x");
      const std::string made = scalar(index);
      checks_.push_back("const Py_ssize_t " + at + " = " +
                        (wraps ? "er::wrap(" + made + ", " + size + ")" : made) + ";");
      if (item.checks_bounds)
        checks_.push_back("if (er::is_outside(" + at + ", " + size + ")) break;");
    }
    address += " + " + at + " * " +
               (static_cast<int>(i) == layout.contiguous_axis
                    ? "(Py_ssize_t)sizeof(" + item.type->without_const().cpp + ")"
                    : name + ".strides" + axis);
  }
  if (lane_axis < 0) return give_up("each turn writes the same item").text;
  if (lane_axis == layout.contiguous_axis)
    return "(" + item.type->without_const().cpp + "*)(" + address + ")";
  return address + ", " + name + ".strides[" + std::to_string(lane_axis) + "]";
}

}  // namespace engineroom::emit
