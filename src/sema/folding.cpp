// Arithmetic on written integers, exactly: 2 ** 64 is no C long. What is not decided here is left
// to the code that runs.
#include <algorithm>
#include <string>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::Operator;

namespace {

__extension__ using Wide = __int128;

std::optional<Wide> power(Wide base, std::int64_t exponent) {
  if (exponent < 0) return std::nullopt;
  Wide result = 1;
  for (std::int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(result, base, &result)) return std::nullopt;
    if (result == 0 || (result == 1 && i > 1)) break;
  }
  return result;
}

// Nullopt: too large for it, or not an integer.
std::optional<Wide> evaluate(Operator op, std::int64_t a, std::int64_t b) {
  const Wide x = a;
  const Wide y = b;
  switch (op) {
    case Operator::kAdd:
      return x + y;
    case Operator::kSub:
      return x - y;
    case Operator::kMult:
      return x * y;
    case Operator::kFloorDiv:
      if (b == 0) return std::nullopt;
      return x / y - ((x % y != 0 && (x < 0) != (y < 0)) ? 1 : 0);
    case Operator::kMod:
      if (b == 0) return std::nullopt;
      return x % y + ((x % y != 0 && (x < 0) != (y < 0)) ? y : 0);
    case Operator::kPow:
      if (a == -1 || a == 1) return b % 2 == 0 ? 1 : x;
      return power(x, b);
    case Operator::kLShift:
      if (b < 0 || b > 62) return a == 0 && b >= 0 ? std::optional<Wide>(0) : std::nullopt;
      return x * (Wide{1} << b);
    case Operator::kRShift:
      if (b < 0) return std::nullopt;
      return b > 62 ? (x < 0 ? -1 : 0) : x >> b;
    case Operator::kBitOr:
      return x | y;
    case Operator::kBitXor:
      return x ^ y;
    case Operator::kBitAnd:
      return x & y;
    default:
      return std::nullopt;
  }
}

std::string decimal(Wide value) {
  const bool is_negative = value < 0;
  std::string digits;
  do {
    const int digit = static_cast<int>(value % 10);
    digits.push_back(static_cast<char>('0' + (digit < 0 ? -digit : digit)));
    value /= 10;
  } while (value != 0);
  if (is_negative) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

// Those whose result may be larger than both operands.
bool can_grow(Operator op) {
  return op == Operator::kAdd || op == Operator::kSub || op == Operator::kMult ||
         op == Operator::kPow || op == Operator::kLShift;
}

}  // namespace

std::optional<std::int64_t> written_int(const syntax::Expr& e) {
  if (const auto* number = syntax::try_as<syntax::Int>(&e))
    return number->fits && number->value <= INT64_MAX
               ? std::optional(static_cast<std::int64_t>(number->value))
               : std::nullopt;
  const auto* binary = syntax::try_as<syntax::BinOp>(&e);
  if (binary == nullptr) return std::nullopt;
  const auto a = written_int(*binary->left);
  const auto b = a ? written_int(*binary->right) : std::nullopt;
  const std::optional<Wide> value = b ? evaluate(binary->op, *a, *b) : std::nullopt;
  if (!value || *value <= INT64_MIN || *value > INT64_MAX) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

ExprPtr Analyzer::int_constant(std::string digits, syntax::SourceRange range) {
  return constant({tree::ConstantKind::kInt, std::move(digits), 0, {}}, ObjectClass::kInt, range);
}

// Null: not for this.
ExprPtr Analyzer::folded(Operator op, ExprPtr& left, ExprPtr& right, syntax::SourceRange range) {
  const auto a = constant_int(*left);
  const auto b = constant_int(*right);
  const Type* plain = types_.long_type();
  if (a && b && left->type == plain && right->type == plain) {
    const bool divides_by_c =
        context_->directives.cdivision && (op == Operator::kFloorDiv || op == Operator::kMod);
    if (op == Operator::kDiv || op == Operator::kMatMult || divides_by_c) return nullptr;
    if (const std::optional<Wide> value = evaluate(op, *a, *b)) {
      if (*value > INT64_MIN && *value <= INT64_MAX)
        return c_literal(plain, decimal(*value) + "L", range);
      return int_constant(decimal(*value), range);
    }
  }
  // A number beyond 32 bits is one of Python's: what is computed with it does not wrap around.
  const auto is_large = [plain](const std::optional<std::int64_t>& value, const ExprPtr& operand) {
    return value && operand->type == plain && (*value > INT32_MAX || *value < INT32_MIN);
  };
  const bool is_exact =
      can_grow(op) && left->type->is_integral() && right->type->is_integral() &&
      (is_large(a, left) || is_large(b, right) || (a && b && left->type == plain));
  if (!is_exact) return nullptr;
  left = to_object(std::move(left));
  right = to_object(std::move(right));
  return nullptr;
}

}  // namespace engineroom::sema
