// Memoryviews: x[1:, 0], and operations that need tables of the module.
//
// A slice is an er::View on the stack that borrows the reference of what it is a part of. Its axes
// are set one by one, in place, so that the optimizer sees numbers in registers; only steps, and
// axes that may hold pointers, are left to the library.
#include "emit/function_emitter.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::as;
using Kind = tree::ViewSlice::Part::Kind;

namespace {

// "{start, stop, step, has_start, has_stop, has_step}" of the three bounds, "" if missing.
std::string bounds_text(const std::string& start, const std::string& stop,
                        const std::string& step) {
  std::vector<std::string> values;
  std::vector<std::string> given;
  for (const std::string* bound : {&start, &stop, &step}) {
    values.push_back(bound->empty() ? "0" : *bound);
    given.emplace_back(bound->empty() ? "false" : "true");
  }
  std::string text = "{";
  text += joined(values) + ", " + joined(given);
  return text += "}";
}

}  // namespace

Value FunctionEmitter::view_slice(const tree::ViewSlice& expr) {
  std::vector<const tree::Expr*> exprs;
  for (const tree::ViewSlice::Part& part : expr.parts)
    for (const tree::ExprPtr* bound : {&part.start, &part.stop, &part.step})
      exprs.push_back(bound->get());
  const std::string from = memory_name(*expr.value, exprs, expr.range);
  if (expr.checks_none) check_none(from, "slice", expr.range);
  std::vector<Value> bounds = values(exprs);
  if (expr.value->type->is_indirect()) return indirect_slice(expr, from, bounds);

  const std::string out = new_name("t");
  out_.line(expr.type->cpp + " " + out + ";");
  out_.line(out + ".memory = " + from + ".memory;");
  out_.line(out + ".data = " + from + ".data;");
  int axis = 0;
  int to = 0;
  for (std::size_t i = 0; i < expr.parts.size(); ++i) {
    const tree::ViewSlice::Part& part = expr.parts[i];
    const std::string& start = bounds[3 * i].text;
    const std::string& stop = bounds[3 * i + 1].text;
    const std::string axes =
        out + ", " + std::to_string(to) + ", " + from + ", " + std::to_string(axis);
    if (part.kind == Kind::kNewAxis) {
      out_.line("er::add_axis(" + out + ", " + std::to_string(to++) + ");");
      continue;
    }
    if (part.kind == Kind::kIndex) {
      const Value index =
          checked_index(*part.start, bounds[3 * i], from, axis, expr.wraps, expr.checks_bounds,
                        expr.range, "er::raise_index_out_of_bounds");
      out_.line(out + ".data += " + at(index, kProduct) + " * " + from + ".strides[" +
                std::to_string(axis++) + "];");
      continue;
    }
    if (part.step != nullptr) {
      out_.line("if (!er::slice_axis(" + axes + ", " +
                bounds_text(start, stop, bounds[3 * i + 2].text) + ")) " + fail(expr.range));
    } else if (part.start == nullptr && part.stop == nullptr) {
      out_.line("er::take_axis(" + axes + ");");
    } else {
      out_.line("er::cut_axis(" + axes + ", " + (start.empty() ? "0" : start) + ", " +
                (stop.empty() ? "PY_SSIZE_T_MAX" : stop) + ");");
    }
    ++axis;
    ++to;
  }
  return {out};
}

Value FunctionEmitter::indirect_slice(const tree::ViewSlice& expr, const std::string& from,
                                      const std::vector<Value>& bounds) {
  const std::string out = new_name("t");
  out_.line(expr.type->cpp + " " + out + ";");
  std::vector<std::string> indices;
  for (std::size_t i = 0; i < expr.parts.size(); ++i) {
    static const char* const kNames[] = {"kIndex", "kSlice", "kNewAxis"};
    indices.push_back(
        "{er::ViewIndex::" + std::string(kNames[static_cast<int>(expr.parts[i].kind)]) + ", " +
        bounds_text(bounds[3 * i].text, bounds[3 * i + 1].text, bounds[3 * i + 2].text) + "}");
  }
  out_.line("if (!er::slice_view<" + expr.value->type->cpp + ">(" + from + ", " + out + ", {" +
            joined(indices) + "})) " + fail(expr.range));
  return {out};
}

std::string FunctionEmitter::view_helper_text(const tree::Helper& expr, const std::string& out) {
  if (expr.name == "er::copy_contiguous") {
    const std::vector<std::string> args = arguments(expr);
    return "er::copy_contiguous<" + expr.args[0]->type->cpp + ">(" +
           joined({args[0], out, context_.conversions.view_spec(*expr.type), args[1]}) + ")";
  }
  if (expr.name == "er::array_of_pointer") {
    // The first argument is there for its type; then pointer, order and lengths.
    std::vector<std::string> args = arguments(expr);
    std::string shape = "{";
    shape += joined({args.begin() + 3, args.end()});
    shape += "}";
    return "er::array_of_pointer((void*)" + args[1] + ", " +
           joined({context_.conversions.view_spec(*expr.args[0]->type), shape, args[2]}) + ")";
  }
  return "";
}

}  // namespace engineroom::emit
