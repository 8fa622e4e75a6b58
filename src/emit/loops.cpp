#include <algorithm>
#include <optional>

#include "emit/function_emitter.h"
#include "emit/text.h"
#include "tree/children.h"

namespace engineroom::emit {

using tree::as;

namespace {

// The text of a constant, if it is one: "-1".
std::optional<std::string> constant(const tree::Expr* expr) {
  if (expr == nullptr) return "1";
  if (const auto* literal = tree::try_as<tree::Literal>(expr)) return literal->cpp;
  if (const auto* cast = tree::try_as<tree::Cast>(expr)) return constant(cast->value.get());
  const auto* unary = tree::try_as<tree::Unary>(expr);
  if (unary == nullptr || std::string_view(unary->op) != "-") return std::nullopt;
  const std::optional<std::string> operand = constant(unary->operand.get());
  if (!operand || operand->starts_with('-')) return std::nullopt;
  return "-" + *operand;
}

// 1 or -1 if the constant is that, else 0.
int unit_step(const std::optional<std::string>& step) {
  if (!step) return 0;
  std::string digits = *step;
  while (!digits.empty() && (digits.back() == 'L' || digits.back() == 'U')) digits.pop_back();
  return digits == "1" ? 1 : digits == "-1" ? -1 : 0;
}

// Arithmetic of C that takes a few instructions.
bool is_quick(const tree::Expr& expr) {
  if (expr.type->is_counted() || expr.type->is_complex()) return false;
  switch (expr.kind) {
    case tree::ExprKind::kBinary: {
      const char op = *as<tree::Binary>(expr).op;
      if (op == '/' || op == '%') return false;
      break;
    }
    case tree::ExprKind::kBufferItem: {
      const auto& item = as<tree::BufferItem>(expr);
      if (item.checks_bounds || item.wraps || item.checks_none) return false;
      return std::all_of(item.indices.begin(), item.indices.end(),
                         [](const tree::ExprPtr& index) { return is_quick(*index); });
    }
    case tree::ExprKind::kLiteral:
    case tree::ExprKind::kVariable:
    case tree::ExprKind::kUnary:
    case tree::ExprKind::kLogical:
    case tree::ExprKind::kCast:
    case tree::ExprKind::kIndex:
      break;
    default:
      return false;
  }
  bool are_quick = true;
  tree::for_each_child(expr,
                       [&](const tree::Expr& child) { are_quick = are_quick && is_quick(child); });
  return are_quick;
}

// Is most of the loop's time the jump back? Compilers repeat the body of loops that count, not of
// these, whose number of turns they cannot tell before.
bool is_tight(const tree::While& stmt) {
  constexpr std::size_t kMostStatements = 4;
  if (stmt.body.empty() || stmt.body.size() > kMostStatements || !is_quick(*stmt.test))
    return false;
  return std::all_of(stmt.body.begin(), stmt.body.end(), [](const tree::StmtPtr& each) {
    if (each->kind != tree::StmtKind::kAssign) return false;
    const auto& assign = as<tree::Assign>(*each);
    return is_quick(*assign.target) && is_quick(*assign.value);
  });
}

}  // namespace

// The body of a loop that is open, its end, and `else`.
void FunctionEmitter::loop_body(const tree::Block& body, const tree::Block& orelse,
                                const std::string& close) {
  Around loop;
  loop.kind = Around::Kind::kLoop;
  if (!orelse.empty()) loop.name = "after" + std::to_string(++n_names_);
  around_.push_back(loop);
  const Bound before = bound_;
  block(body);
  bound_ = before;
  loop = around_.back();
  around_.pop_back();
  out_.close("}");
  if (!close.empty()) out_.line(close);
  block(orelse);
  if (loop.is_label_used) bound_ = before;
  forget_unbound(effects_.of_block(orelse));
  if (loop.is_label_used) out_.line(loop.name + ":;");
}

void FunctionEmitter::while_loop(const tree::While& stmt) {
  forget_unbound(effects_.of_block(stmt.body));
  if (!effects_(*stmt.test).has_statements) {
    if (is_tight(stmt)) out_.line("ER_UNROLL");
    out_.open("while (" + value(*stmt.test).text + ")");
  } else {
    out_.open("for (;;)");
    const bool declared = has_declared_;
    const std::string test = condition(*stmt.test);
    out_.line("if (" + negated(test) + ") break;");
    has_declared_ = declared;
  }
  loop_body(stmt.body, stmt.orelse, "");
}

void FunctionEmitter::count_loop(const tree::CountLoop& stmt) {
  const tree::Type& type = *stmt.counter;
  const std::string& cpp = type.cpp;
  const std::string& variable = stmt.variable->cpp;
  const std::optional<std::string> step = constant(stmt.step.get());
  forget_unbound(effects_.of_block(stmt.body));
  const bool is_stop_constant = constant(stmt.stop.get()).has_value();
  const std::vector<Value> parts =
      values({stmt.start.get(), stmt.stop.get(), step ? nullptr : stmt.step.get()});
  const auto assign_variable = [&](const std::string& counter) {
    out_.line(variable + " = " +
              (stmt.variable->type == stmt.counter
                   ? counter
                   : "(" + stmt.variable->type->cpp + ")" + counter) +
              ";");
  };
  std::string compare = stmt.step_sign > 0 ? " < " : " > ";
  if (stmt.includes_stop) compare = stmt.step_sign > 0 ? " <= " : " >= ";

  const int unit = unit_step(step);
  std::string by;
  if (!step) by = kept(parts[2], type).text;
  if (step) by = *step;

  if (stmt.counts_in_variable) {
    const std::string stop = is_stop_constant ? parts[1].text : kept(parts[1], type).text;
    out_.open("for (" + variable + " = " + parts[0].text + "; " + variable + compare +
              at({stop, parts[1].precedence}, kSum) + "; " +
              (unit == 1 ? "++" + variable
               : unit == -1
                   ? "--" + variable
                   : variable + " = er::step_by<" + cpp + ">(" + variable + ", " + by + ")") +
              ")");
    return loop_body(stmt.body, stmt.orelse, "");
  }

  const std::string i = "i" + std::to_string(++n_names_);
  const std::string n = "n" + std::to_string(n_names_);
  if (unit != 0 || (type.is_float() && stmt.step_sign != 0)) {
    const std::string start = cpp + " " + i + " = " + parts[0].text;
    const std::string end = is_stop_constant ? "" : ", " + n + " = " + parts[1].text;
    const std::string next = unit == 1 ? "++" + i : unit == -1 ? "--" + i : i + " += " + by;
    Writer lanes;
    if (write_lanes(stmt, function_, addressed_, i, n, context_.lane_functions, lanes)) {
      has_declared_ = true;
      out_.line(start + ";");
      out_.line("const " + cpp + " " + n + " = " + parts[1].text + ";");
      out_.append(lanes);
      out_.open("for (; " + i + " < " + n + "; ++" + i + ")");
      assign_variable(i);
      return loop_body(stmt.body, stmt.orelse, "");
    }
    if (unit != 0 && !stmt.includes_stop) {
      // The limits of what it counts; these are there only if it has a turn.
      const HoistedChecks hoisted =
          unit > 0 ? hoisted_checks(stmt, i, n + " - 1") : hoisted_checks(stmt, n + " + 1", i);
      if (!hoisted.conditions.empty()) {
        has_declared_ = true;
        out_.line(start + ";");
        out_.line("const " + cpp + " " + n + " = " + parts[1].text + ";");
        return with_and_without_checks(hoisted, i + compare + n, [&] {
          out_.open("for (; " + i + compare + n + "; " + next + ")");
          assign_variable(i);
          loop_body(stmt.body, stmt.orelse, "");
        });
      }
    }
    out_.open("for (" + start + end + "; " + i + compare +
              (is_stop_constant ? at(parts[1], kSum) : n) + "; " + next + ")");
  } else {
    if (stmt.step_sign == 0) {
      out_.open("if (" + by + " == 0)");
      out_.line("er::raise_value_error(\"range() arg 3 must not be zero\");");
      out_.line(fail(stmt.range));
      out_.close();
    }
    has_declared_ = true;
    // The number of turns is known: a step beyond the end of the type does no harm.
    out_.line(cpp + " " + i + " = " + parts[0].text + ";");
    out_.open("for (auto " + n + " = er::n_turns<" + cpp + ">(" + i + ", " + parts[1].text + ", " +
              by + "); " + n + " > 0; --" + n + ", " + i + " = er::step_by<" + cpp + ">(" + i +
              ", " + by + "))");
  }
  assign_variable(i);
  loop_body(stmt.body, stmt.orelse, "");
}

void FunctionEmitter::iterate(const tree::Iterate& stmt) {
  forget_unbound(effects_.of_block(stmt.body));
  const tree::Variable* item = stmt.item;
  const std::string iterator = new_name("it");
  const std::string more = "more" + iterator.substr(2);
  const bool over_range = is_range(*stmt.iterable);
  out_.line((over_range ? "er::RangeIterator " : "er::Iterator ") + iterator + ";");
  const std::size_t mark = out_.mark();
  has_declared_ = false;
  const std::string source =
      over_range ? joined(arguments(as<tree::Helper>(*stmt.iterable))) : value(*stmt.iterable).text;
  out_.line("if (!" + iterator + ".start(" + source + ")) " + fail(stmt.iterable->range));
  if (has_declared_) out_.enclose_since(mark);
  has_declared_ = true;
  out_.line("int " + more + ";");
  out_.open("while ((" + more + " = " + iterator + ".next(" + item->cpp + ")) > 0)");
  const Bound before = bound_;
  bound_.insert(item);
  loop_body(stmt.body, stmt.orelse, "if (" + more + " < 0) " + fail(stmt.iterable->range));
  if (!before.contains(item)) bound_.erase(item);
}

}  // namespace engineroom::emit
