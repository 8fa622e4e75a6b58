// Expressions for all lanes: LaneWriter's values.
#include <algorithm>
#include <map>
#include <string_view>

#include "emit/lane_writer.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::as;
using tree::Expr;
using tree::ExprKind;
using tree::Type;
using tree::TypeKind;
using tree::Variable;
using Form = LaneValue::Form;

bool is_lane_number(const Type& type) {
  const Type& t = type.without_const();
  if (t.kind == TypeKind::kComplex) return !t.is_soft && t.base->is_float() && t.base->rank <= 2;
  if (t.is_float()) return t.rank <= 2;
  return t.kind == TypeKind::kBint || (t.kind == TypeKind::kInt && !t.is_extern);
}

std::string lanes_of(const Type& type) {
  const Type& t = type.without_const();
  if (t.is_complex()) return "er::Complex<er::Lanes<" + t.base->cpp + ">>";
  return "er::Lanes<" + t.cpp + ">";
}

bool is_literal(const Expr& expr, std::string_view digits) {
  if (const auto* cast = tree::try_as<tree::Cast>(&expr)) return is_literal(*cast->value, digits);
  const auto* literal = tree::try_as<tree::Literal>(&expr);
  if (literal == nullptr) return false;
  std::string_view text = literal->cpp;
  while (!text.empty() && (text.back() == 'L' || text.back() == 'U')) text.remove_suffix(1);
  return text == digits;
}

namespace {

// C's functions of a double that are an instruction.
const std::map<std::string_view, const char*>& instructions() {
  static const std::map<std::string_view, const char*> kInstructions = {
      {"sqrt", "__builtin_elementwise_sqrt"},   {"fabs", "__builtin_elementwise_abs"},
      {"floor", "__builtin_elementwise_floor"}, {"ceil", "__builtin_elementwise_ceil"},
      {"trunc", "__builtin_elementwise_trunc"},
  };
  return kInstructions;
}

bool is_comparison(std::string_view op) {
  return op == "==" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">=";
}

}  // namespace

std::string LaneWriter::lanes(const LaneValue& value, const Type& type) {
  const Type& t = type.without_const();
  switch (value.form) {
    case Form::kLanes:
      return value.text;
    case Form::kMask:
      return "er::from_mask<" + t.cpp + ">(" + value.text + ")";
    case Form::kScalar:
      if (t.is_complex()) return "er::splat(" + t.cpp + "(" + value.text + "))";
      return "er::splat<" + t.cpp + ">(" + value.text + ")";
  }
  return "";
}

// A Mask, or a C condition if it is the same for all lanes.
std::string LaneWriter::condition(const Expr& expr) {
  const LaneValue made = value(expr);
  if (made.form == Form::kMask) return made.text;
  if (made.form == Form::kLanes) return "er::mask(" + made.text + ")";
  return "er::splat_mask(" + made.text + ")";
}

std::string LaneWriter::scalar(const Expr& expr) {
  const LaneValue made = value(expr);
  return made.form == Form::kScalar ? made.text : give_up().text;
}

LaneValue LaneWriter::value(const Expr& expr) {
  if (!is_fine_) return {"0"};
  const syntax::SourceRange around = std::exchange(at_, expr.range);
  LaneValue made = value_of(expr);
  at_ = around;
  return made;
}

LaneValue LaneWriter::value_of(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kLiteral:
      return is_lane_number(*expr.type) ? LaneValue{as<tree::Literal>(expr).cpp} : give_up();
    case ExprKind::kVariable:
      return variable(*as<tree::VariableRef>(expr).variable);
    case ExprKind::kUnary: {
      const auto& unary = as<tree::Unary>(expr);
      if (std::string_view(unary.op) == "!") {
        const LaneValue made = value(*unary.operand);
        if (made.form == Form::kScalar) return {"!(" + made.text + ")"};
        return {"~" + condition(*unary.operand), Form::kMask};
      }
      const LaneValue made = value(*unary.operand);
      if (made.form == Form::kScalar) return {std::string(unary.op) + "(" + made.text + ")"};
      if (unary.operand->type->without_const().cpp != expr.type->without_const().cpp)
        return give_up();
      return {unary.op + ("(" + lanes(made, *expr.type)) + ")", Form::kLanes};
    }
    case ExprKind::kBinary:
      return binary(as<tree::Binary>(expr));
    case ExprKind::kLogical:
      return logical(as<tree::Logical>(expr));
    case ExprKind::kConditional:
      return conditional(as<tree::Conditional>(expr));
    case ExprKind::kCall:
      return call(as<tree::Call>(expr));
    case ExprKind::kField: {
      const auto& access = as<tree::FieldAccess>(expr);
      if (!access.value->type->is_complex()) return give_up();
      const LaneValue made = value(*access.value);
      return {"(" + made.text + ")." + access.cpp, made.form};
    }
    case ExprKind::kCast:
      return cast(as<tree::Cast>(expr));
    case ExprKind::kIndex:
    case ExprKind::kBufferItem:
      return load(expr);
    default:
      return give_up();
  }
}

LaneValue LaneWriter::variable(const Variable& variable) {
  if (in_lanes_.contains(&variable)) return {variable.cpp, Form::kLanes};
  const bool is_plain = is_lane_number(*variable.type) || variable.type->is_pointer();
  return is_plain && !variable.is_global() ? LaneValue{variable.cpp} : give_up();
}

LaneValue LaneWriter::binary(const tree::Binary& expr) {
  const LaneValue left = value(*expr.left);
  const LaneValue right = value(*expr.right);
  const std::string_view op = expr.op;
  const std::string sign = " " + std::string(op) + " ";
  if (!is_lane_number(*expr.left->type) || !is_lane_number(*expr.right->type)) return give_up();
  // What nobody asked for is computed as well, where it must do no harm: division of integers may
  // be by zero, and a shift too far.
  const bool may_trap =
      (op == "/" || op == "%") && !expr.left->type->is_float() && !expr.left->type->is_complex();
  const bool is_shift = op == "<<" || op == ">>";
  if ((may_trap || is_shift) && tree::try_as<tree::Literal>(expr.right.get()) == nullptr)
    return give_up();
  if (left.form == Form::kScalar && right.form == Form::kScalar)
    return {"(" + left.text + sign + right.text + ")"};
  const Type& type = expr.left->type->without_const();
  if (expr.right->type->without_const().cpp != type.cpp) return give_up();
  const std::string text = lanes(left, type) + sign + lanes(right, type);
  if (is_comparison(op)) {
    if (type.is_complex()) return give_up();
    return {"er::mask(" + text + ")", Form::kMask};
  }
  const bool divides = op == "/" || op == "%";
  if (divides && !type.is_float()) return give_up();
  // Smaller integers are promoted in C, not in vectors.
  if (expr.type->without_const().cpp != type.cpp) return give_up();
  return {"(" + text + ")", Form::kLanes};
}

LaneValue LaneWriter::logical(const tree::Logical& expr) {
  if (expr.test != nullptr) return give_up();
  const LaneValue left = value(*expr.left);
  if (left.form == Form::kScalar) {
    const LaneValue right = value(*expr.right);
    if (right.form == Form::kScalar)
      return {"(" + left.text + (expr.is_and ? " && " : " || ") + right.text + ")"};
  }
  const std::string sign = expr.is_and ? " & " : " | ";
  if (inside_ != nullptr) {
    const std::string first = new_name("m");
    out_.line("const er::Mask " + first + " = " + condition(*expr.left) + ";");
    const std::string second = under(expr.is_and ? first : "~" + first, [&] {
      return unconditional([&] { return condition(*expr.right); });
    });
    return {"(" + first + sign + second + ")", Form::kMask};
  }
  return {"(" + condition(*expr.left) + sign +
              unconditional([&] { return condition(*expr.right); }) + ")",
          Form::kMask};
}

LaneValue LaneWriter::conditional(const tree::Conditional& expr) {
  if (!is_lane_number(*expr.type)) return give_up();
  if (inside_ != nullptr) {
    const std::string test = new_name("m");
    out_.line("const er::Mask " + test + " = " + condition(*expr.test) + ";");
    const auto side = [&](const Expr& one, const std::string& when) {
      return under(when, [&] { return unconditional([&] { return lanes(one); }); });
    };
    const std::string body = side(*expr.body, test);
    const std::string orelse = side(*expr.orelse, "~" + test);
    return {"er::select(" + test + ", " + body + ", " + orelse + ")", Form::kLanes};
  }
  const LaneValue test = value(*expr.test);
  const LaneValue body = unconditional([&] { return value(*expr.body); });
  const LaneValue orelse = unconditional([&] { return value(*expr.orelse); });
  if (test.form == Form::kScalar && body.form == Form::kScalar && orelse.form == Form::kScalar)
    return {"(" + test.text + " ? " + body.text + " : " + orelse.text + ")"};
  return {"er::select(" + condition(*expr.test) + ", " + lanes(body, *expr.type) + ", " +
              lanes(orelse, *expr.type) + ")",
          Form::kLanes};
}

LaneValue LaneWriter::cast(const tree::Cast& expr) {
  const Type& from = expr.value->type->without_const();
  const Type& to = expr.type->without_const();
  if (!is_lane_number(from) || !is_lane_number(to)) return give_up();
  const LaneValue made = value(*expr.value);
  if (made.form == Form::kScalar) {
    if (to.is_complex()) return {to.cpp + "(" + made.text + ")"};
    return {"(" + to.cpp + ")(" + made.text + ")"};
  }
  if (to.kind == TypeKind::kBint) return from.kind == TypeKind::kBint ? made : give_up();
  if (from.is_complex() && to.is_complex()) return to.cpp == from.cpp ? made : give_up();
  if (from.is_complex()) return give_up();
  // A number that does not fit, in a lane that nobody asks for, would be undefined behaviour.
  if (from.is_float() && to.is_integral())
    return give_up("a float becomes an integer: it may not fit where a turn is not asked for it");
  if (to.is_complex())
    return {lanes_of(to) + "(er::convert<" + to.base->cpp + ">(" + lanes(made, from) + "))",
            Form::kLanes};
  return {"er::convert<" + to.cpp + ">(" + lanes(made, from) + ")", Form::kLanes};
}

LaneValue LaneWriter::call(const tree::Call& expr) {
  const auto* name = tree::try_as<tree::FunctionName>(expr.callee.get());
  if (name == nullptr || !is_lane_number(*expr.type)) return give_up();
  std::vector<LaneValue> args;
  std::vector<bool> in_lanes;
  for (const tree::ExprPtr& arg : expr.args) {
    args.push_back(value(*arg));
    in_lanes.push_back(args.back().form != Form::kScalar);
  }
  if (!is_fine_) return give_up();
  const bool is_scalar = std::none_of(in_lanes.begin(), in_lanes.end(), [](bool in) { return in; });
  if (name->is_extern) {
    const auto instruction = instructions().find(name->cpp);
    if (instruction == instructions().end() || args.size() != 1 ||
        expr.args[0]->type->without_const().cpp != "double")
      return give_up(
          "functions of C are called for one turn at a time, but sqrt, fabs, floor, "
          "ceil and trunc");
    if (is_scalar) return {name->cpp + "(" + args[0].text + ")"};
    return {std::string(instruction->second) + "(" + args[0].text + ")", Form::kLanes};
  }
  const LaneFunctions::Version version = functions_.version(name->cpp, in_lanes);
  if (version.name.empty())
    return give_up("this function has no form for vectors: it may fail, or read memory");
  if (version.has_inner_loop) {
    has_inner_loop_ = true;
    ++n_loop_calls_;
  }
  std::vector<std::string> texts = {mask()};
  for (std::size_t i = 0; i < args.size(); ++i)
    texts.push_back(in_lanes[i] ? lanes(args[i], *expr.args[i]->type) : args[i].text);
  return {version.name + "(" + joined(texts) + ")", Form::kLanes};
}

}  // namespace engineroom::emit
