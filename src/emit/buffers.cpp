// Variables with a buffer: x is v_x, the object; h_x, what it lent; and b_x, where the memory is.
#include "emit/function_emitter.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::as;
using tree::BufferLayout;
using tree::BufferMode;
using tree::Variable;

namespace {

std::string part_name(char part, const Variable& variable) {
  return part + variable.cpp.substr(1);  // v_x
}

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
  head.line("er::Buffer " + part_name('h', variable) + ";");
  head.line(view + std::to_string(layout.n_dimensions) + "> " + part_name('b', variable) + ";");
}

void FunctionEmitter::acquire_buffer(const Variable& variable, const std::string& object,
                                     syntax::SourceRange range) {
  const BufferLayout& layout = *variable.type->buffer;
  std::string spec = "{&" + context_.item_types.table(*layout.item, layout.item_name) + ", " +
                     std::to_string(layout.n_dimensions) + ", " +
                     flags(layout, variable.is_written) + (layout.is_cast ? ", true}" : "}");
  out_.line("if (!er::acquire(" + part_name('h', variable) + ", " + part_name('b', variable) +
            ", " + object + ", " + spec + ")) " + fail(range));
}

void FunctionEmitter::release_buffer(const Variable& variable) {
  out_.line(part_name('h', variable) + ".release();");
  out_.line(part_name('b', variable) + ".take(" + part_name('h', variable) + ".view());");
}

Value FunctionEmitter::buffer_item(const tree::BufferItem& expr) {
  const auto& ref = as<tree::VariableRef>(*expr.value);
  const BufferLayout& layout = *ref.variable->type->buffer;
  const std::string view = part_name('b', *ref.variable);
  if (ref.check_bound) check_bound(*ref.variable, ref.variable->cpp, expr.range);

  std::vector<const tree::Expr*> exprs;
  for (const tree::ExprPtr& index : expr.indices) exprs.push_back(index.get());
  std::vector<Value> made = values(exprs);
  for (std::size_t i = 0; i < made.size(); ++i) {
    const tree::Type& type = *exprs[i]->type;
    const std::string axis = std::to_string(i);
    const std::string size = view + ".shape[" + axis + "]";
    const bool may_wrap = expr.wraps && layout.has_negative_indices && type.is_signed;
    const bool is_constant =
        exprs[i]->kind == tree::ExprKind::kLiteral && made[i].text.find('-') == std::string::npos;
    const tree::Type& index_type = *context_.module.types.py_ssize_t();
    if (may_wrap && !is_constant)
      made[i] = temporary(index_type, "er::wrap(" + made[i].text + ", " + size + ")");
    if (!expr.checks_bounds) continue;
    // What stands in the text twice must not do anything.
    if (effects_(*exprs[i]).is_active) made[i] = temporary(type, made[i].text);
    out_.line("if (er::is_outside(" + made[i].text + ", " + size + ")) { er::raise_out_of_bounds(" +
              axis + "); " + fail(expr.range).substr(2));
  }

  // The address, from the first dimension to the last; where items are side by side, that dimension
  // needs no stride.
  const std::size_t n = made.size();
  const std::size_t packed = layout.mode == BufferMode::kC         ? n - 1
                             : layout.mode == BufferMode::kFortran ? 0
                                                                   : n;
  std::string address = view + ".data";
  for (std::size_t i = 0; i < n; ++i) {
    if (i == packed) continue;
    const std::string axis = "[" + std::to_string(i) + "]";
    address += " + " + at(made[i], kProduct) + " * " + view + ".strides" + axis;
    if (layout.mode == BufferMode::kFull)
      address = "er::follow(" + address + ", " + view + ".suboffsets" + axis + ")";
  }
  const std::string pointer = "(" + tree::declare(*expr.type, "*") + ")";
  const bool is_simple = address.find(' ') == std::string::npos;
  std::string text = pointer + (is_simple ? address : "(" + address + ")");
  if (packed < n) return {"(" + text + ")[" + made[packed].text + "]", kPrimary, Form::kPlain, 2};
  return {"*" + text, kUnary, Form::kPlain, 2};
}

Value FunctionEmitter::buffer_part(const tree::BufferPart& expr) {
  const auto& ref = as<tree::VariableRef>(*expr.value);
  if (ref.check_bound) check_bound(*ref.variable, ref.variable->cpp, expr.range);
  return {part_name('b', *ref.variable) + "." + expr.part};
}

}  // namespace engineroom::emit
