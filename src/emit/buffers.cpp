// Variables with a buffer: x is v_x, the object; h_x, what it lent; and b_x, where the memory is.
#include "emit/function_emitter.h"
#include "emit/memory_layout.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::as;
using tree::BufferLayout;
using tree::BufferMode;
using tree::Variable;

namespace {

std::string flags(const BufferLayout& layout, bool is_written) {
  std::string text = "PyBUF_FORMAT | ";
  switch (layout.mode) {
    case BufferMode::kFull:
      text += "PyBUF_INDIRECT";
      break;
    case BufferMode::kStrided:
      text += "PyBUF_STRIDES";
      break;
    case BufferMode::kC:
      text += "PyBUF_C_CONTIGUOUS";
      break;
    case BufferMode::kFortran:
      text += "PyBUF_F_CONTIGUOUS";
      break;
  }
  return is_written ? text + " | PyBUF_WRITABLE" : text;
}

}  // namespace

void FunctionEmitter::declare_buffer(const Variable& variable, Writer& head) {
  const BufferLayout& layout = *variable.type->buffer;
  const std::string view =
      layout.mode == BufferMode::kFull ? "er::IndirectBufferView<" : "er::BufferView<";
  head.line("er::Buffer " + buffer_part_name('h', variable) + ";");
  head.line(view + std::to_string(layout.n_dimensions) + "> " + buffer_part_name('b', variable) +
            ";");
}

void FunctionEmitter::acquire_buffer(const Variable& variable, const std::string& object,
                                     syntax::SourceRange range) {
  const BufferLayout& layout = *variable.type->buffer;
  std::string spec = "{&" + context_.item_types.table(*layout.item, layout.item_name) + ", " +
                     std::to_string(layout.n_dimensions) + ", " +
                     flags(layout, variable.is_written) + (layout.is_cast ? ", true}" : "}");
  out_.line("if (!er::acquire(" + buffer_part_name('h', variable) + ", " +
            buffer_part_name('b', variable) + ", " + object + ", " + spec + ")) " + fail(range));
}

void FunctionEmitter::release_buffer(const Variable& variable) {
  out_.line(buffer_part_name('h', variable) + ".release();");
  out_.line(buffer_part_name('b', variable) + ".take(" + buffer_part_name('h', variable) +
            ".view());");
}

// ---- items ----

std::string FunctionEmitter::memory_name(const tree::Expr& memory,
                                         const std::vector<const tree::Expr*>& later,
                                         syntax::SourceRange range) {
  Effects changes;
  for (const tree::Expr* expr : later)
    if (expr != nullptr) changes.add(effects_(*expr));
  const auto* ref = tree::try_as<tree::VariableRef>(&memory);
  const bool is_changed =
      ref != nullptr &&
      (ref->variable->is_global() ? changes.is_active : changes.writes.contains(ref->variable));
  if (ref != nullptr && !(memory.type->is_view() && is_changed)) {
    if (ref->check_bound) check_bound(*ref->variable, ref->variable->cpp, range);
    return emit::memory_name(*ref->variable);
  }
  Value made = value(memory);
  if (is_changed) made = kept(std::move(made), *memory.type);
  const bool is_name = made.text.find_first_of("(.") == std::string::npos;
  return is_name ? made.text : temporary(*memory.type, made.text).text;
}

void FunctionEmitter::check_none(const std::string& view, const char* verb,
                                 syntax::SourceRange range) {
  out_.line("if (" + view + ".is_none()) { er::raise_none_view(" + quoted(verb) + "); " +
            fail(range).substr(2));
}

Value FunctionEmitter::checked_index(const tree::Expr& expr, Value made, const std::string& memory,
                                     int axis, bool wraps, bool checks_bounds,
                                     syntax::SourceRange range, const char* raise) {
  if (inside_.contains(&expr)) return made;
  const std::string size = memory + ".shape[" + std::to_string(axis) + "]";
  const bool is_constant =
      expr.kind == tree::ExprKind::kLiteral && made.text.find('-') == std::string::npos;
  if (wraps && expr.type->is_signed && !is_constant)
    made =
        temporary(*context_.module.types.py_ssize_t(), "er::wrap(" + made.text + ", " + size + ")");
  if (!checks_bounds) return made;
  // What stands in the text twice must not do anything.
  if (effects_(expr).is_active) made = temporary(*expr.type, made.text);
  out_.line("if (er::is_outside(" + made.text + ", " + size + ")) { " + raise + "(" +
            std::to_string(axis) + "); " + fail(range).substr(2));
  return made;
}

Value FunctionEmitter::buffer_item(const tree::BufferItem& expr) {
  const MemoryLayout layout = layout_of(*expr.value->type);
  std::vector<const tree::Expr*> exprs;
  for (const tree::ExprPtr& index : expr.indices) exprs.push_back(index.get());
  const std::string memory = memory_name(*expr.value, exprs, expr.range);
  if (expr.checks_none) check_none(memory, "index", expr.range);
  std::vector<Value> made = values(exprs);
  const bool wraps = expr.wraps && layout.has_negative_indices;
  for (std::size_t i = 0; i < made.size(); ++i)
    made[i] = checked_index(*exprs[i], std::move(made[i]), memory, static_cast<int>(i), wraps,
                            expr.checks_bounds, expr.range);

  // The address, from the first dimension to the last; where items are side by side, that dimension
  // needs no stride.
  std::string address = memory + ".data";
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (static_cast<int>(i) == layout.contiguous_axis) continue;
    const std::string axis = "[" + std::to_string(i) + "]";
    address += " + " + at(made[i], kProduct) + " * " + memory + ".strides" + axis;
    if (layout.may_point[i])
      address = "er::follow(" + address + ", " + memory + ".suboffsets" + axis + ")";
  }
  const bool is_array = expr.type->kind == tree::TypeKind::kArray;
  const std::string pointer = "(" + tree::declare(*expr.type, is_array ? "(*)" : "*") + ")";
  const bool is_simple = address.find(' ') == std::string::npos;
  std::string text = pointer + (is_simple ? address : "(" + address + ")");
  if (layout.contiguous_axis < 0) return {"*" + text, kUnary, Form::kPlain, 2};
  const std::string& last = made[static_cast<std::size_t>(layout.contiguous_axis)].text;
  return {"(" + text + ")[" + last + "]", kPrimary, Form::kPlain, 2};
}

Value FunctionEmitter::buffer_part(const tree::BufferPart& expr) {
  const std::string memory = memory_name(*expr.value, {}, expr.range);
  if (expr.checks_none) check_none(memory, "index", expr.range);
  return {memory + "." + expr.part};
}

}  // namespace engineroom::emit
