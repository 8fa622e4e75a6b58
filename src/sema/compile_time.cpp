#include "sema/compile_time.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace engineroom::sema {

using syntax::as;
using syntax::CompareOperator;
using syntax::Expr;
using syntax::ExprKind;
using syntax::Operator;

namespace {

__extension__ using Wide = __int128;

enum class ValueKind { kNone, kEllipsis, kBool, kInt, kFloat, kStr, kBytes, kTuple };

struct Value {
  ValueKind kind = ValueKind::kNone;
  Wide integer = 0;  // kBool too
  double real = 0;
  std::string text;
  std::vector<Value> items;

  bool is_int() const { return kind == ValueKind::kInt || kind == ValueKind::kBool; }
  bool is_number() const { return is_int() || kind == ValueKind::kFloat; }
  bool is_text() const { return kind == ValueKind::kStr || kind == ValueKind::kBytes; }
  double as_real() const { return kind == ValueKind::kFloat ? real : static_cast<double>(integer); }
  bool truth() const {
    switch (kind) {
      case ValueKind::kNone:
        return false;
      case ValueKind::kEllipsis:
        return true;
      case ValueKind::kFloat:
        return real != 0;
      case ValueKind::kStr:
      case ValueKind::kBytes:
        return !text.empty();
      case ValueKind::kTuple:
        return !items.empty();
      default:
        return integer != 0;
    }
  }
};

using Maybe = std::optional<Value>;

Value of_int(Wide integer) {
  Value value;
  value.kind = ValueKind::kInt;
  value.integer = integer;
  return value;
}
Value of_bool(bool truth) {
  Value value = of_int(truth ? 1 : 0);
  value.kind = ValueKind::kBool;
  return value;
}
Value of_float(double real) {
  Value value;
  value.kind = ValueKind::kFloat;
  value.real = real;
  return value;
}
Value of_text(ValueKind kind, std::string text) {
  Value value;
  value.kind = kind;
  value.text = std::move(text);
  return value;
}

// Within what 96 bits hold, sums and products of a few cannot overflow.
Maybe checked(Wide integer) {
  constexpr Wide kLimit = Wide{1} << 96;
  if (integer > kLimit || integer < -kLimit) return std::nullopt;
  return of_int(integer);
}

std::string decimal(Wide integer) {
  const bool is_negative = integer < 0;
  if (is_negative) integer = -integer;
  std::string digits;
  do {
    digits += static_cast<char>('0' + static_cast<int>(integer % 10));
    integer /= 10;
  } while (integer != 0);
  if (is_negative) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_int() && b.is_int()) return a.integer == b.integer;
    return a.as_real() == b.as_real();
  }
  if (a.kind != b.kind) return false;
  if (a.is_text()) return a.text == b.text;
  if (a.kind == ValueKind::kTuple)
    return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), equal);
  return true;
}

// a < b, if they can be compared so.
std::optional<bool> less(const Value& a, const Value& b) {
  if (a.is_int() && b.is_int()) return a.integer < b.integer;
  if (a.is_number() && b.is_number()) return a.as_real() < b.as_real();
  if (a.is_text() && a.kind == b.kind) return a.text < b.text;
  return std::nullopt;
}

Maybe integers(Operator op, Wide a, Wide b) {
  const auto floor_div = [&] { return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0); };
  switch (op) {
    case Operator::kAdd:
      return checked(a + b);
    case Operator::kSub:
      return checked(a - b);
    case Operator::kMult: {
      const double size = static_cast<double>(a) * static_cast<double>(b);
      if (std::fabs(size) > 1e27) return std::nullopt;
      return checked(a * b);
    }
    case Operator::kDiv:
      if (b == 0) return std::nullopt;
      return of_float(static_cast<double>(a) / static_cast<double>(b));
    case Operator::kFloorDiv:
      if (b == 0) return std::nullopt;
      return checked(floor_div());
    case Operator::kMod:
      if (b == 0) return std::nullopt;
      return checked(a - b * floor_div());
    case Operator::kPow: {
      if (b < 0 || std::pow(std::fabs(static_cast<double>(a)), static_cast<double>(b)) > 1e27)
        return std::nullopt;
      Wide result = 1;
      for (; b > 0; --b) result *= a;
      return checked(result);
    }
    case Operator::kLShift:
      if (b < 0 || b > 64 || a < 0 || a > UINT32_MAX) return std::nullopt;
      return checked(a << static_cast<int>(b));
    case Operator::kRShift:
      if (b < 0 || b > 100) return std::nullopt;
      return checked(a >> static_cast<int>(b));
    case Operator::kBitOr:
      return checked(a | b);
    case Operator::kBitXor:
      return checked(a ^ b);
    case Operator::kBitAnd:
      return checked(a & b);
    default:
      return std::nullopt;
  }
}

Maybe reals(Operator op, double a, double b) {
  switch (op) {
    case Operator::kAdd:
      return of_float(a + b);
    case Operator::kSub:
      return of_float(a - b);
    case Operator::kMult:
      return of_float(a * b);
    case Operator::kDiv:
      if (b == 0) return std::nullopt;
      return of_float(a / b);
    default:
      return std::nullopt;
  }
}

Maybe binary(Operator op, const Value& a, const Value& b) {
  if (a.is_int() && b.is_int()) return integers(op, a.integer, b.integer);
  if (a.is_number() && b.is_number()) return reals(op, a.as_real(), b.as_real());
  if (op != Operator::kAdd || a.kind != b.kind) return std::nullopt;
  Value sum = a;
  if (a.is_text()) {
    sum.text += b.text;
  } else if (a.kind == ValueKind::kTuple) {
    sum.items.insert(sum.items.end(), b.items.begin(), b.items.end());
  } else {
    return std::nullopt;
  }
  return sum;
}

class Evaluator {
 public:
  Evaluator(const std::function<const Expr*(std::string_view)>& find) : find_(find) {}

  Maybe value(const Expr& expr);

 private:
  std::optional<std::vector<Value>> values(const syntax::List<const Expr*>& list);
  Maybe compare(const syntax::Compare& expr);
  std::optional<bool> relation(CompareOperator op, const Value& a, const Value& b);
  Maybe subscript(const syntax::Subscript& expr);
  Maybe slice(const Value& of, const syntax::Slice& slice);
  Maybe call(const syntax::Call& expr);
  Maybe convert(std::string_view type, const Value& value);

  const std::function<const Expr*(std::string_view)>& find_;
};

std::optional<std::vector<Value>> Evaluator::values(const syntax::List<const Expr*>& list) {
  std::vector<Value> made;
  for (const Expr* expr : list) {
    Maybe one = value(*expr);
    if (!one) return std::nullopt;
    made.push_back(std::move(*one));
  }
  return made;
}

Maybe Evaluator::value(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNone:
      return Value{};
    case ExprKind::kEllipsis: {
      Value ellipsis;
      ellipsis.kind = ValueKind::kEllipsis;
      return ellipsis;
    }
    case ExprKind::kTrue:
    case ExprKind::kFalse:
      return of_bool(expr.kind == ExprKind::kTrue);
    case ExprKind::kInt: {
      const auto& number = as<syntax::Int>(expr);
      if (!number.fits) return std::nullopt;
      return of_int(static_cast<Wide>(number.value));
    }
    case ExprKind::kFloat:
      return of_float(as<syntax::Float>(expr).value);
    case ExprKind::kStr: {
      const auto& text = as<syntax::Str>(expr);
      if (text.str_kind == syntax::StrKind::kChar) return std::nullopt;
      if (text.str_kind == syntax::StrKind::kBytes)
        return of_text(ValueKind::kBytes, std::string(text.bytes));
      return of_text(ValueKind::kStr, std::string(text.text));
    }
    case ExprKind::kName: {
      const Expr* known = find_(as<syntax::Name>(expr).id);
      return known != nullptr ? value(*known) : std::nullopt;
    }
    case ExprKind::kTuple:
    case ExprKind::kList: {
      auto items = values(expr.kind == ExprKind::kTuple ? as<syntax::Tuple>(expr).elts
                                                        : as<syntax::ListExpr>(expr).elts);
      if (!items) return std::nullopt;
      Value tuple;
      tuple.kind = ValueKind::kTuple;
      tuple.items = std::move(*items);
      return tuple;
    }
    case ExprKind::kUnaryOp: {
      const auto& unary = as<syntax::UnaryOp>(expr);
      const Maybe operand = value(*unary.operand);
      if (!operand) return std::nullopt;
      if (unary.op == syntax::UnaryOperator::kNot) return of_bool(!operand->truth());
      if (!operand->is_number()) return std::nullopt;
      if (unary.op == syntax::UnaryOperator::kInvert)
        return operand->is_int() ? Maybe(of_int(~operand->integer)) : std::nullopt;
      const bool is_minus = unary.op == syntax::UnaryOperator::kMinus;
      if (operand->is_int()) return of_int(is_minus ? -operand->integer : operand->integer);
      return of_float(is_minus ? -operand->real : operand->real);
    }
    case ExprKind::kBinOp: {
      const auto& op = as<syntax::BinOp>(expr);
      const Maybe a = value(*op.left);
      const Maybe b = value(*op.right);
      return a && b ? binary(op.op, *a, *b) : std::nullopt;
    }
    case ExprKind::kBoolOp: {
      const auto& op = as<syntax::BoolOp>(expr);
      Maybe last;
      for (const Expr* operand : op.values) {
        last = value(*operand);
        if (!last || last->truth() == (op.op == syntax::BoolOperator::kOr)) break;
      }
      return last;
    }
    case ExprKind::kCompare:
      return compare(as<syntax::Compare>(expr));
    case ExprKind::kIfExp: {
      const auto& choice = as<syntax::IfExp>(expr);
      const Maybe test = value(*choice.test);
      if (!test) return std::nullopt;
      return value(test->truth() ? *choice.body : *choice.orelse);
    }
    case ExprKind::kSubscript:
      return subscript(as<syntax::Subscript>(expr));
    case ExprKind::kCall:
      return call(as<syntax::Call>(expr));
    default:
      return std::nullopt;
  }
}

Maybe Evaluator::compare(const syntax::Compare& expr) {
  Maybe left = value(*expr.left);
  if (!left) return std::nullopt;
  for (const syntax::Comparison& one : expr.rest) {
    Maybe right = value(*one.right);
    if (!right) return std::nullopt;
    const std::optional<bool> holds = relation(one.op, *left, *right);
    if (!holds) return std::nullopt;
    if (!*holds) return of_bool(false);
    left = std::move(right);
  }
  return of_bool(true);
}

std::optional<bool> Evaluator::relation(CompareOperator op, const Value& a, const Value& b) {
  const auto negated = [](std::optional<bool> holds) {
    return holds ? std::optional(!*holds) : std::nullopt;
  };
  switch (op) {
    case CompareOperator::kEq:
      return equal(a, b);
    case CompareOperator::kNotEq:
      return !equal(a, b);
    case CompareOperator::kLt:
      return less(a, b);
    case CompareOperator::kGt:
      return less(b, a);
    case CompareOperator::kLtE:
      if (std::isnan(a.as_real()) || std::isnan(b.as_real())) return std::nullopt;
      return negated(less(b, a));
    case CompareOperator::kGtE:
      if (std::isnan(a.as_real()) || std::isnan(b.as_real())) return std::nullopt;
      return negated(less(a, b));
    case CompareOperator::kIs:
    case CompareOperator::kIsNot: {
      // Only of what there is one of.
      const bool is_one = a.kind == ValueKind::kNone || b.kind == ValueKind::kNone ||
                          (a.kind == ValueKind::kBool && b.kind == ValueKind::kBool);
      if (!is_one) return std::nullopt;
      return (a.kind == b.kind && equal(a, b)) == (op == CompareOperator::kIs);
    }
    case CompareOperator::kIn:
    case CompareOperator::kNotIn: {
      bool is_in = false;
      if (b.kind == ValueKind::kTuple) {
        is_in = std::any_of(b.items.begin(), b.items.end(),
                            [&](const Value& item) { return equal(a, item); });
      } else if (b.is_text() && a.kind == b.kind) {
        is_in = b.text.find(a.text) != std::string::npos;
      } else {
        return std::nullopt;
      }
      return is_in == (op == CompareOperator::kIn);
    }
  }
  return std::nullopt;
}

Maybe Evaluator::subscript(const syntax::Subscript& expr) {
  const Maybe of = value(*expr.value);
  if (!of || of->kind != ValueKind::kTuple) return std::nullopt;
  if (expr.slice->kind == ExprKind::kSlice) return slice(*of, as<syntax::Slice>(*expr.slice));
  const Maybe index = value(*expr.slice);
  if (!index || !index->is_int()) return std::nullopt;
  const auto n = static_cast<Wide>(of->items.size());
  const Wide at = index->integer < 0 ? index->integer + n : index->integer;
  if (at < 0 || at >= n) return std::nullopt;
  return of->items[static_cast<std::size_t>(at)];
}

Maybe Evaluator::slice(const Value& of, const syntax::Slice& slice) {
  const auto n = static_cast<Wide>(of.items.size());
  const auto bound = [&](const Expr* written, Wide otherwise) -> std::optional<Wide> {
    if (written == nullptr) return otherwise;
    const Maybe known = value(*written);
    if (!known || !known->is_int()) return std::nullopt;
    return known->integer;
  };
  const std::optional<Wide> step = bound(slice.step, 1);
  if (!step || *step < 1) return std::nullopt;
  std::optional<Wide> low = bound(slice.lower, 0);
  std::optional<Wide> high = bound(slice.upper, n);
  if (!low || !high) return std::nullopt;
  if (*low < 0) low = std::max<Wide>(0, *low + n);
  if (*high < 0) high = *high + n;
  Value part;
  part.kind = ValueKind::kTuple;
  for (Wide i = *low; i < std::min(*high, n); i += *step)
    part.items.push_back(of.items[static_cast<std::size_t>(i)]);
  return part;
}

Maybe Evaluator::convert(std::string_view type, const Value& value) {
  if (type == "bool") return of_bool(value.truth());
  if (type == "int" || type == "long") {
    if (value.is_int()) return of_int(value.integer);
    if (value.kind == ValueKind::kFloat && std::fabs(value.real) < 1e18)
      return of_int(static_cast<Wide>(value.real));
  }
  if (type == "float" && value.is_number()) return of_float(value.as_real());
  if ((type == "int" || type == "long" || type == "float") && value.kind == ValueKind::kStr) {
    char* end = nullptr;
    const bool is_int = type != "float";
    const Value number = is_int ? of_int(std::strtoll(value.text.c_str(), &end, 10))
                                : of_float(std::strtod(value.text.c_str(), &end));
    const bool is_whole = !value.text.empty() && value.text.size() < 18 && *end == '\0';
    return is_whole ? Maybe(number) : std::nullopt;
  }
  if (type == "str" || type == "unicode") {
    if (value.kind == ValueKind::kStr) return value;
    if (value.kind == ValueKind::kInt) return of_text(ValueKind::kStr, decimal(value.integer));
  }
  return std::nullopt;
}

Maybe Evaluator::call(const syntax::Call& expr) {
  const auto* callee = syntax::try_as<syntax::Name>(expr.func);
  if (callee == nullptr || !expr.keywords.empty() || expr.args.empty()) return std::nullopt;
  auto args = values(expr.args);
  if (!args) return std::nullopt;
  const std::string_view name = callee->id;
  if (name == "len" && args->size() == 1) {
    const Value& of = args->front();
    if (of.kind == ValueKind::kTuple) return of_int(static_cast<Wide>(of.items.size()));
    if (of.kind == ValueKind::kBytes) return of_int(static_cast<Wide>(of.text.size()));
    return std::nullopt;
  }
  if (name == "abs" && args->size() == 1 && args->front().is_number()) {
    const Value& of = args->front();
    return of.is_int() ? of_int(of.integer < 0 ? -of.integer : of.integer)
                       : of_float(std::fabs(of.real));
  }
  if (name == "min" || name == "max" || name == "sum") {
    const bool is_one = args->size() == 1 && args->front().kind == ValueKind::kTuple;
    const std::vector<Value> items = is_one ? args->front().items : *args;
    if (items.empty() || (name == "sum" && !is_one)) return std::nullopt;
    Maybe result = items.front();
    for (std::size_t i = 1; i < items.size() && result; ++i) {
      if (name == "sum") {
        result = binary(Operator::kAdd, *result, items[i]);
        continue;
      }
      const std::optional<bool> is_less =
          name == "min" ? less(items[i], *result) : less(*result, items[i]);
      if (!is_less) return std::nullopt;
      if (*is_less) result = items[i];
    }
    return result;
  }
  return args->size() == 1 ? convert(name, args->front()) : std::nullopt;
}

// ---- values as literals ----

const Expr* literal(const Value& value, syntax::SourceRange range, syntax::Arena& arena) {
  switch (value.kind) {
    case ValueKind::kNone:
      return arena.make<syntax::NoneLiteral>(range);
    case ValueKind::kEllipsis:
      return arena.make<syntax::EllipsisLiteral>(range);
    case ValueKind::kBool:
      if (value.integer != 0) return arena.make<syntax::TrueLiteral>(range);
      return arena.make<syntax::FalseLiteral>(range);
    case ValueKind::kInt: {
      auto* number = arena.make<syntax::Int>(range);
      const Wide size = value.integer < 0 ? -value.integer : value.integer;
      number->digits = arena.text(decimal(size));
      number->fits = size <= UINT64_MAX;
      number->value = number->fits ? static_cast<std::uint64_t>(size) : 0;
      if (value.integer >= 0) return number;
      auto* minus = arena.make<syntax::UnaryOp>(range);
      minus->op = syntax::UnaryOperator::kMinus;
      minus->operand = number;
      return minus;
    }
    case ValueKind::kFloat: {
      auto* number = arena.make<syntax::Float>(range);
      number->value = value.real;
      return number;
    }
    case ValueKind::kStr:
    case ValueKind::kBytes: {
      auto* text = arena.make<syntax::Str>(range);
      const bool is_bytes = value.kind == ValueKind::kBytes;
      text->str_kind = is_bytes ? syntax::StrKind::kBytes : syntax::StrKind::kUnicode;
      (is_bytes ? text->bytes : text->text) = arena.text(value.text);
      return text;
    }
    case ValueKind::kTuple: {
      std::vector<const Expr*> items;
      for (const Value& item : value.items) items.push_back(literal(item, range, arena));
      auto* tuple = arena.make<syntax::Tuple>(range);
      tuple->elts = arena.list(items);
      tuple->parenthesized = true;
      return tuple;
    }
  }
  return nullptr;
}

// 2 - 1j, which has no type of its own here, is what it says.
bool is_complex(const Expr& expr) {
  const auto is_real = [](const Expr& part) {
    return part.kind == ExprKind::kInt || part.kind == ExprKind::kFloat;
  };
  if (const auto* unary = syntax::try_as<syntax::UnaryOp>(&expr))
    return is_complex(*unary->operand);
  const auto* sum = syntax::try_as<syntax::BinOp>(&expr);
  if (sum == nullptr) return expr.kind == ExprKind::kImaginary;
  return (sum->op == Operator::kAdd || sum->op == Operator::kSub) && is_real(*sum->left) &&
         sum->right->kind == ExprKind::kImaginary;
}

}  // namespace

const Expr* evaluate(const Expr& expr, const std::function<const Expr*(std::string_view)>& find,
                     syntax::Arena& arena) {
  // Written as they are: 0x20L, 'x' and "text" keep what their spelling says.
  if (expr.kind == ExprKind::kStr || expr.kind == ExprKind::kInt || expr.kind == ExprKind::kFloat)
    return &expr;
  const Maybe value = Evaluator(find).value(expr);
  if (value) return literal(*value, expr.range, arena);
  return is_complex(expr) ? &expr : nullptr;
}

const Expr* text_literal(std::string_view text, syntax::SourceRange range, syntax::Arena& arena) {
  return literal(of_text(ValueKind::kStr, std::string(text)), range, arena);
}

bool is_true(const Expr& expr) {
  const Maybe value = Evaluator([](std::string_view) { return nullptr; }).value(expr);
  return value && value->truth();
}

}  // namespace engineroom::sema
