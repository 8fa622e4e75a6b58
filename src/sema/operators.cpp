#include <cmath>
#include <cstdlib>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::CompareOperator;
using syntax::Operator;

namespace {

struct OperatorNames {
  const char* c;
  const char* object;
  const char* in_place;
  const char* sign;
};

OperatorNames names_of(Operator op) {
  switch (op) {
    case Operator::kAdd:
      return {"+", "er::add", "er::inplace_add", "+"};
    case Operator::kSub:
      return {"-", "er::subtract", "er::inplace_subtract", "-"};
    case Operator::kMult:
      return {"*", "er::multiply", "er::inplace_multiply", "*"};
    case Operator::kMatMult:
      return {nullptr, "er::matmul", "er::inplace_matmul", "@"};
    case Operator::kDiv:
      return {"/", "er::true_divide", "er::inplace_true_divide", "/"};
    case Operator::kFloorDiv:
      return {"/", "er::floor_divide", "er::inplace_floor_divide", "//"};
    case Operator::kMod:
      return {"%", "er::remainder", "er::inplace_remainder", "%"};
    case Operator::kPow:
      return {nullptr, "er::power", "er::inplace_power", "**"};
    case Operator::kLShift:
      return {"<<", "er::lshift", "er::inplace_lshift", "<<"};
    case Operator::kRShift:
      return {">>", "er::rshift", "er::inplace_rshift", ">>"};
    case Operator::kBitOr:
      return {"|", "er::bit_or", "er::inplace_bit_or", "|"};
    case Operator::kBitXor:
      return {"^", "er::bit_xor", "er::inplace_bit_xor", "^"};
    case Operator::kBitAnd:
      return {"&", "er::bit_and", "er::inplace_bit_and", "&"};
  }
  return {};
}

// 2.0, to which power no number is complex.
bool is_whole_literal(const tree::Expr& value) {
  const auto* literal = tree::try_as<tree::Literal>(&value);
  if (literal == nullptr || !literal->type->is_float()) return false;
  const double number = std::strtod(literal->cpp.c_str(), nullptr);
  return std::isfinite(number) && number == std::floor(number);
}

}  // namespace

const char* sign_of(Operator op) { return names_of(op).sign; }

namespace {

bool is_void_pointer(const Type& type) { return type.is_pointer() && type.base->is_void(); }

// A pointer, or what C takes for one where it is compared: an array, the name of a function.
bool is_like_pointer(const Type& type) {
  return type.is_pointer_like() || type.kind == TypeKind::kFunction;
}

// What it points to, but for const.
const Type* pointee(const Type& type) {
  if (type.kind == TypeKind::kFunction) return &type;
  return &type.base->without_const();
}

// Whether C++ compares them.
bool points_alike(const Type& a, const Type& b) {
  const Type* to_a = pointee(a);
  const Type* to_b = pointee(b);
  if (to_a == to_b) return true;
  if (to_a->is_pointer_like() && to_b->is_pointer_like()) return points_alike(*to_a, *to_b);
  return to_a->kind == TypeKind::kFunction && to_b->kind == TypeKind::kFunction;
}

bool is_bitwise(Operator op) { return op >= Operator::kLShift; }

const char* c_operator(CompareOperator op) {
  switch (op) {
    case CompareOperator::kEq:
    case CompareOperator::kIs:
      return "==";
    case CompareOperator::kNotEq:
    case CompareOperator::kIsNot:
      return "!=";
    case CompareOperator::kLt:
      return "<";
    case CompareOperator::kLtE:
      return "<=";
    case CompareOperator::kGt:
      return ">";
    default:
      return ">=";
  }
}

const char* py_operator(CompareOperator op) {
  switch (op) {
    case CompareOperator::kEq:
      return "Py_EQ";
    case CompareOperator::kNotEq:
      return "Py_NE";
    case CompareOperator::kLt:
      return "Py_LT";
    case CompareOperator::kLtE:
      return "Py_LE";
    case CompareOperator::kGt:
      return "Py_GT";
    default:
      return "Py_GE";
  }
}

}  // namespace

// In which type C computes. A small number as written does not make an unsigned int a long: where n
// is 0, n - 1 is the largest one.
const Type* Analyzer::arithmetic_type(const tree::Expr& left, const tree::Expr& right) {
  const auto is_small = [this](const tree::Expr& operand) {
    const bool is_plain = operand.type == types_.long_type();
    const std::optional<std::int64_t> value = is_plain ? constant_int(operand) : std::nullopt;
    return value && *value >= INT32_MIN && *value <= INT32_MAX;
  };
  const auto is_unsigned_int = [this](const Type* type) {
    return type->kind == TypeKind::kInt && !type->is_signed &&
           type->rank == types_.int_type()->rank;
  };
  if (is_unsigned_int(left.type) && is_small(right)) return left.type;
  if (is_unsigned_int(right.type) && is_small(left)) return right.type;
  return types_.common(left.type, right.type);
}

ExprPtr Analyzer::refuse_operands(std::string_view sign, const Type& left, const Type& right,
                                  syntax::SourceRange range) {
  diagnostics_.error("operands", range,
                     "operator " + syntax::in_quotes(sign) + " does not take " +
                         syntax::in_quotes(left.name) + " and " + syntax::in_quotes(right.name));
  return error_value(range);
}

ExprPtr Analyzer::bin_op(const syntax::BinOp& e, const Type* wanted) {
  // Numbers alone stay exact: 2 ** 100 and 10 // 3 are computed by Python if an object is wanted.
  const Type* hint = wanted != nullptr && wanted->is_complex() ? wanted : nullptr;
  ExprPtr left = expr(*e.left, hint);
  ExprPtr right = expr(*e.right, hint);
  const auto is_c = [](const tree::Expr& value) {
    return value.type->is_numeric() && value.kind != tree::ExprKind::kLiteral;
  };
  // x + 1j is C's if x is.
  if (is_c(*left)) {
    right = c_complex(std::move(right));
  } else if (is_c(*right)) {
    left = c_complex(std::move(left));
  }
  return binary(e.op, std::move(left), std::move(right), e.range);
}

// The number of C that an imaginary literal is; anything else stays as it is.
ExprPtr Analyzer::c_complex(ExprPtr value) {
  const auto* literal = tree::try_as<tree::PyConstant>(value.get());
  if (literal == nullptr) return value;
  const tree::Constant& number = out_.constants[literal->index];
  if (number.kind != tree::ConstantKind::kComplex) return value;
  return complex_literal(number.value, value->range);
}

ExprPtr Analyzer::complex_literal(double imaginary, syntax::SourceRange range) {
  return c_literal(types_.complex_of(types_.double_type()),
                   "er::Complex<double>{0, " + cpp_of(imaginary) + "}", range);
}

ExprPtr Analyzer::binary(Operator op, ExprPtr left, ExprPtr right, syntax::SourceRange range,
                         bool in_place) {
  if (is_error(*left) || is_error(*right)) return error_value(range);
  if (ExprPtr known = folded(op, left, right, range)) return known;
  // What complex numbers have not is Python's to do, where there may be no imaginary part.
  const bool is_of_complex = op == Operator::kAdd || op == Operator::kSub ||
                             op == Operator::kMult || op == Operator::kDiv || op == Operator::kPow;
  if ((left->type->is_soft || right->type->is_soft) && !is_of_complex) {
    left = to_object(std::move(left));
    right = to_object(std::move(right));
  }
  const OperatorNames names = names_of(op);
  const Type* a = left->type;
  const Type* b = right->type;
  const bool is_sum = op == Operator::kAdd || op == Operator::kSub;
  // p += n of a Python n; but text + n, which would be a bytes object, is an error of its own.
  if (is_sum && a->is_pointer() && b->is_object() && (in_place || !can_be_object(*a))) {
    right = coerce(std::move(right), types_.py_ssize_t());
    b = right->type;
  }
  const bool has_view = a->is_view() || b->is_view();
  if (has_view && !a->is_object() && !b->is_object())
    return refuse_operands(names.sign, *a, *b, range);
  const bool has_pointer = a->is_pointer_like() || b->is_pointer_like();
  if (has_pointer && !a->is_object() && !b->is_object()) {
    const bool is_offset = op == Operator::kAdd || op == Operator::kSub;
    if (is_offset && a->is_pointer_like() && b->is_integral())
      return binary_node(types_.pointer_to(a->base), names.c, std::move(left), std::move(right),
                         range);
    if (op == Operator::kAdd && a->is_integral() && b->is_pointer_like())
      return binary_node(types_.pointer_to(b->base), names.c, std::move(left), std::move(right),
                         range);
    if (op == Operator::kSub && a->is_pointer_like() && b->is_pointer_like())
      return binary_node(types_.find_int("ptrdiff_t"), names.c, std::move(left), std::move(right),
                         range);
  }
  // A char * is bytes to other bytes, and to a number of repetitions.
  const bool is_bytes_operation =
      op == Operator::kMult || (a->is_pointer_like() && b->is_pointer_like());
  if (has_pointer && !a->is_object() && !b->is_object() && !is_bytes_operation)
    return refuse_operands(names.sign, *a, *b, range);
  // A character is a str to operators: 'a' + 'b' is 'ab', and 'a' - 1 is Python's TypeError.
  const bool has_character = a == types_.ucs4() || b == types_.ucs4();
  if (has_character || !a->is_numeric() || !b->is_numeric() || names.object == nullptr) {
    if (can_be_object(*a) && can_be_object(*b)) {
      const bool is_division = op == Operator::kFloorDiv || op == Operator::kMod;
      if (is_division && a->object_class == ObjectClass::kComplex)
        return refuse_operands(names.sign, *a, *b, range);
      const Type* known = a->is_object() && b->is_object() ? operation_type(op, a, b) : nullptr;
      // Of a literal it is certain that it is not None, whose % is the other operand's.
      if (op == Operator::kMod && left->kind == tree::ExprKind::kPyConstant &&
          a->object_class == ObjectClass::kStr)
        known = a;
      return helper(in_place ? names.in_place : names.object, known != nullptr ? known : object_,
                    Fail::kNull, range, to_object(std::move(left)), to_object(std::move(right)));
    }
    return refuse_operands(names.sign, *a, *b, range);
  }
  if (op == Operator::kDiv || op == Operator::kFloorDiv || op == Operator::kMod)
    return c_division(op, std::move(left), std::move(right), range);
  if (op == Operator::kPow) return c_power(std::move(left), std::move(right), range);
  const Type* type = arithmetic_type(*left, *right);
  if (names.c == nullptr || (is_bitwise(op) && !type->is_integral())) {
    return refuse_operands(names.sign, *a, *b, range);
  }
  const bool is_shift = op == Operator::kLShift || op == Operator::kRShift;
  if (is_shift) {
    // As in C: the type of the left operand, at least int.
    type = types_.common(a, types_.int_type());
    left = coerce(std::move(left), type);
    if (context_->directives.overflowcheck && op == Operator::kLShift) {
      if (right->type->kind == TypeKind::kBint) right = coerce(std::move(right), types_.int_type());
      return helper("er::checked_lshift", type, Fail::kFalse, range, std::move(left),
                    std::move(right));
    }
    return binary_node(type, names.c, std::move(left), std::move(right), range);
  }
  // Of two truths, & | ^ make a truth.
  const bool is_truth = op >= Operator::kBitOr && a->kind == TypeKind::kBint && a == b;
  if (is_truth) type = types_.bint();
  left = coerce(std::move(left), type);
  right = coerce(std::move(right), type);
  const bool is_checked =
      context_->directives.overflowcheck && type->is_integral() && !is_bitwise(op);
  if (is_checked) {
    const char* checked = op == Operator::kAdd   ? "er::checked_add"
                          : op == Operator::kSub ? "er::checked_sub"
                                                 : "er::checked_mul";
    return helper(checked, type, Fail::kFalse, range, std::move(left), std::move(right));
  }
  return binary_node(type, names.c, std::move(left), std::move(right), range);
}

ExprPtr Analyzer::c_division(Operator op, ExprPtr left, ExprPtr right, syntax::SourceRange range) {
  const Type* type = types_.common(left->type, right->type);
  if (type->is_complex() && op != Operator::kDiv)
    return refuse_operands(op == Operator::kMod ? "%" : "//", *left->type, *right->type, range);
  const bool is_true = op == Operator::kDiv && context_->directives.is_division_true();
  if (is_true && type->is_integral()) type = types_.double_type();
  left = coerce(std::move(left), type);
  const std::optional<std::int64_t> divisor = constant_int(*right);
  const auto* literal = tree::try_as<tree::Literal>(right.get());
  const bool is_constant_float =
      literal != nullptr && literal->type->is_float() && literal->cpp != "0.0";
  const bool cannot_be_zero = (divisor && *divisor != 0) || is_constant_float;
  right = coerce(std::move(right), type);
  const bool by_c = context_->directives.cdivision;
  const bool is_plain = op == Operator::kDiv && !type->is_integral();
  if (op != Operator::kMod && is_plain) {
    if (by_c || cannot_be_zero)
      return binary_node(type, "/", std::move(left), std::move(right), range);
    return helper("er::true_div", type, Fail::kFalse, range, std::move(left), std::move(right));
  }
  if (by_c && type->is_integral())
    return binary_node(type, op == Operator::kMod ? "%" : "/", std::move(left), std::move(right),
                       range);
  const bool is_mod = op == Operator::kMod;
  // -1 is the other divisor with which C may trap, at the smallest integer.
  if (cannot_be_zero && (!divisor || *divisor != -1)) {
    if (!type->is_signed && type->is_integral())
      return binary_node(type, is_mod ? "%" : "/", std::move(left), std::move(right), range);
    return helper(is_mod ? "er::mod_nz" : "er::floor_div_nz", type, Fail::kNever, range,
                  std::move(left), std::move(right));
  }
  if (by_c)
    return helper(is_mod ? "er::mod_nz" : "er::floor_div_nz", type, Fail::kNever, range,
                  std::move(left), std::move(right));
  return helper(is_mod ? "er::mod" : "er::floor_div", type, Fail::kFalse, range, std::move(left),
                std::move(right));
}

ExprPtr Analyzer::c_power(ExprPtr left, ExprPtr right, syntax::SourceRange range) {
  const std::optional<std::int64_t> exponent = constant_int(*right);
  const Type* type = power_type(left->type, right->type, exponent);
  if (type->is_integral())
    return helper("er::power_int", type, Fail::kNever, range, coerce(std::move(left), type),
                  coerce(std::move(right), type));
  if (type->is_soft && !left->type->is_soft && !right->type->is_soft)
    type = types_.common(left->type, right->type);
  // A negative number to a fraction is complex in Python: left to Python unless the types forbid
  // it.
  const std::optional<std::int64_t> base = constant_int(*left);
  const bool is_fraction = right->type->is_float() && !(base && *base >= 0);
  const bool may_be_complex = !context_->directives.cpow && type->is_float() && !exponent &&
                              (left->type->is_float() || is_fraction);
  if (may_be_complex && !is_whole_literal(*right))
    return helper("er::power_real", type, Fail::kFalse, range, coerce(std::move(left), type),
                  coerce(std::move(right), type));
  return helper("er::power", type, Fail::kNever, range, coerce(std::move(left), type),
                coerce(std::move(right), type));
}

// What ** has as its result where it is not directly assigned to something.
const Type* Analyzer::power_type(const Type* base, const Type* exponent,
                                 std::optional<std::int64_t> known) {
  const Type* type = types_.common(base, exponent);
  if (context_->directives.cpow || type->is_complex()) return type;
  if (!type->is_integral()) return exponent->is_float() ? types_.soft_complex() : type;
  const bool is_unsigned =
      exponent->kind == TypeKind::kInt && !exponent->is_signed && !exponent->is_extern;
  return is_unsigned || (known && *known >= 0) ? type : types_.double_type();
}

// The value of a variable whose type was taken from a ** b.
ExprPtr Analyzer::soft_complex(ExprPtr value) {
  const syntax::SourceRange range = value->range;
  auto* power = tree::try_as<tree::Helper>(value.get());
  if (power != nullptr && power->name == "er::power_real") {
    power->name = "er::power_soft";
    power->type = types_.soft_complex();
    for (ExprPtr& arg : power->args) arg = coerce(std::move(arg), types_.double_type());
    return value;
  }
  if (value->type->is_object()) {
    value = from_object(std::move(value), types_.complex_of(types_.double_type()));
    if (is_error(*value)) return value;
  }
  auto node = make<tree::Cast>(types_.soft_complex(), range);
  node->value = std::move(value);
  return node;
}

// a ** b where its value goes right into a C number: then it is C's, unless a directive says
// otherwise.
ExprPtr Analyzer::assigned_power(ExprPtr value, const Type& to) {
  auto* power = tree::try_as<tree::Helper>(value.get());
  if (power == nullptr || context_->directives.is_cpow_given) return value;
  if (power->name == "er::power_real" && to.is_float()) {
    power->name = "er::power";
    power->fail = Fail::kNever;
    return value;
  }
  if (power->name != "er::power" || !to.is_integral() || power->args.size() != 2) return value;
  auto* base = tree::try_as<tree::Cast>(power->args[0].get());
  auto* exponent = tree::try_as<tree::Cast>(power->args[1].get());
  if (base == nullptr || exponent == nullptr || !base->value->type->is_integral() ||
      !exponent->value->type->is_integral())
    return value;
  const Type* type = types_.common(base->value->type, exponent->value->type);
  return helper("er::power_int", type, Fail::kNever, value->range,
                coerce(std::move(base->value), type), coerce(std::move(exponent->value), type));
}

ExprPtr Analyzer::unary(const syntax::UnaryOp& e, const Type* wanted) {
  using syntax::UnaryOperator;
  if (e.op == UnaryOperator::kNot) {
    auto node = make<tree::Unary>(types_.bint(), e.range);
    node->op = "!";
    node->operand = condition(*e.operand);
    return node;
  }
  ExprPtr operand = expr(*e.operand, wanted);
  if (is_error(*operand)) return operand;
  const Type* type = operand->type;
  if (type->is_object()) {
    const auto* inner = tree::try_as<tree::PyConstant>(operand.get());
    const char* name = e.op == UnaryOperator::kMinus  ? "er::negative"
                       : e.op == UnaryOperator::kPlus ? "er::positive"
                                                      : "er::invert";
    if (inner != nullptr && e.op == UnaryOperator::kMinus &&
        out_.constants[inner->index].kind == tree::ConstantKind::kFloat)
      return constant({tree::ConstantKind::kFloat, {}, -out_.constants[inner->index].value, {}},
                      ObjectClass::kFloat, e.range);
    return object_helper(name, e.range, std::move(operand));
  }
  if (!type->is_numeric() || (e.op == UnaryOperator::kInvert && !type->is_integral())) {
    diagnostics_.error("operands", e.range, "this operator does not take '" + type->name + "'");
    return error_value(e.range);
  }
  if (e.op == UnaryOperator::kMinus) {
    const bool is_int = type->kind != TypeKind::kBint;
    if (const auto value = constant_int(*operand); is_int && value && *value > 0)
      return c_literal(type, std::to_string(-*value) + "L", e.range);
    auto* literal = tree::try_as<tree::Literal>(operand.get());
    if (literal != nullptr && type->is_float()) {
      const bool is_negative = literal->cpp.starts_with("-");
      literal->cpp = is_negative ? literal->cpp.substr(1) : "-" + literal->cpp;
      return operand;
    }
  }
  const Type* result = type->kind == TypeKind::kBint ? types_.int_type()
                       : type->is_integral()         ? types_.common(type, types_.int_type())
                                                     : type;
  auto node = make<tree::Unary>(result, e.range);
  node->op = e.op == UnaryOperator::kMinus ? "-" : e.op == UnaryOperator::kPlus ? "+" : "~";
  node->operand = coerce(std::move(operand), result);
  return node;
}

// ---- and, or ----

// A type for a value that is one of two; neither may change by it: a truth stays True or False.
const Type* Analyzer::either(const Type* a, const Type* b, const Type* wanted) {
  if (a == b) return a;
  // As objects each stays what it is.
  const bool is_mixed = a->is_integral() != b->is_integral() || a->is_complex() != b->is_complex();
  if (is_mixed && wanted != nullptr && wanted->is_object()) return object_;
  const bool is_truth = a->kind == TypeKind::kBint || b->kind == TypeKind::kBint;
  if (is_truth) return object_;
  if (a->is_numeric() && b->is_numeric()) return types_.common(a, b);
  if (a->is_pointer() && b->is_pointer()) {
    const bool is_any = is_void_pointer(*a) || is_void_pointer(*b);
    if (is_any || points_alike(*a, *b)) return a->base->is_void() ? b : a;
    const bool is_const = a->base->unqualified != nullptr || b->base->unqualified != nullptr;
    const Type* anything = types_.void_type();
    return types_.pointer_to(is_const ? types_.const_of(anything) : anything);
  }
  return object_;
}

ExprPtr Analyzer::logical(bool is_and, ExprPtr left, ExprPtr right, syntax::SourceRange range,
                          const Type* wanted) {
  if (is_error(*left) || is_error(*right)) return error_value(range);
  if (const auto known = constant_truth(*left))
    return *known == is_and ? std::move(right) : std::move(left);
  const Type* type = either(left->type, right->type, wanted);
  if (refuse_mixed_pointers(*left, *right, wanted, range)) return error_value(range);
  auto node = make<tree::Logical>(type, range);
  node->is_and = is_and;
  node->left = coerce(std::move(left), type);
  node->right = coerce(std::move(right), type);
  if (type->kind == TypeKind::kBint) return node;
  node->value = temporary(type);
  node->test = truth(variable(node->value, range));
  return node;
}

ExprPtr Analyzer::bool_op(const syntax::BoolOp& e, const Type* wanted) {
  const bool is_and = e.op == syntax::BoolOperator::kAnd;
  ExprPtr result = expr(*e.values.front(), wanted);
  for (const syntax::Expr* value : e.values.subspan(1))
    result = logical(is_and, std::move(result), expr(*value, wanted), e.range, wanted);
  return result;
}

// ---- comparisons ----

void forget_sign_of_rest(tree::Expr& value) {
  auto* operation = tree::try_as<tree::Helper>(&value);
  if (operation == nullptr || !operation->type->is_integral()) return;
  if (operation->name == "er::mod") operation->name = "er::c_mod";
  if (operation->name == "er::mod_nz") operation->name = "er::c_mod_nz";
}

ExprPtr Analyzer::comparison(CompareOperator op, ExprPtr left, ExprPtr right,
                             syntax::SourceRange range) {
  if (is_error(*left) || is_error(*right)) return error_value(range);
  const Type* a = left->type;
  const Type* b = right->type;
  const bool is_identity = op == CompareOperator::kIs || op == CompareOperator::kIsNot;
  if (op == CompareOperator::kIn || op == CompareOperator::kNotIn) {
    const bool is_text = right->kind == tree::ExprKind::kPyConstant;
    const char* name = b->object_class == ObjectClass::kDict             ? "er::contains_in_dict"
                       : is_text && b->object_class == ObjectClass::kStr ? "er::contains_in_str"
                                                                         : "er::contains";
    ExprPtr found = helper(name, types_.bint(), Fail::kMinusOne, range, to_object(std::move(left)),
                           to_object(std::move(right)));
    if (op == CompareOperator::kIn) return found;
    auto negated = make<tree::Unary>(types_.bint(), range);
    negated->op = "!";
    negated->operand = std::move(found);
    return negated;
  }
  if (ExprPtr test = view_is_none(op, left, right, range)) return test;
  // As objects they would be new ones each time, and never the same.
  if (a->is_view() && b->is_view()) return refuse_operands(c_operator(op), *a, *b, range);
  const bool is_equality = op == CompareOperator::kEq || op == CompareOperator::kNotEq;
  // Which of them is the larger knows Python, if there is no imaginary part.
  const bool is_soft_order = !is_equality && (a->is_soft || b->is_soft);
  if (a->is_numeric() && b->is_numeric() && !is_soft_order) {
    if (is_equality && constant_int(*right) == 0) forget_sign_of_rest(*left);
    const Type* type = types_.common(a, b);
    return binary_node(types_.bint(), c_operator(op), coerce(std::move(left), type),
                       coerce(std::move(right), type), range);
  }
  if (is_like_pointer(*a) && is_like_pointer(*b)) {
    const bool is_any = is_void_pointer(*a) || is_void_pointer(*b);
    if (!is_any && !points_alike(*a, *b)) return refuse_operands(c_operator(op), *a, *b, range);
    return binary_node(types_.bint(), c_operator(op), std::move(left), std::move(right), range);
  }
  const bool has_pointer = a->is_pointer_like() || b->is_pointer_like();
  if (has_pointer && !a->is_object() && !b->is_object())
    return refuse_operands(c_operator(op), *a, *b, range);
  left = to_object(std::move(left));
  right = to_object(std::move(right));
  if (is_identity)
    return binary_node(types_.bint(), c_operator(op), std::move(left), std::move(right), range);
  return object_helper("er::compare", range, std::move(left), std::move(right),
                       c_literal(types_.int_type(), py_operator(op), range));
}

// `void *` or another pointer is `void *`, unless the first is NULL; of types alone that is not
// known where it is inferred what a variable is.
bool Analyzer::refuse_mixed_pointers(const tree::Expr& a, const tree::Expr& b, const Type* wanted,
                                     syntax::SourceRange range) {
  if (!a.type->is_pointer() || !b.type->is_pointer()) return false;
  if (wanted != nullptr && is_void_pointer(*wanted)) return false;
  const bool is_any = is_void_pointer(*a.type);
  if (is_any == is_void_pointer(*b.type)) return false;
  const auto* literal = tree::try_as<tree::Literal>(is_any ? &a : &b);
  if (literal != nullptr && literal->cpp == "nullptr") return false;
  not_supported(range, "'void *' or another pointer as one value: cast one of them");
  return true;
}

// A literal beside C's characters is one of theirs: c == 'a', text == b"abc".
ExprPtr Analyzer::compared_literal(const syntax::Str& text, const Type& other) {
  if (other.kind == TypeKind::kInt) return literal(text, &other);
  if (!other.is_pointer() || !has_bytes(text)) return literal(text, nullptr);
  if (refuse_recoded_bytes(text)) return error_value(text.range);
  const bool is_text = text.str_kind == syntax::StrKind::kUnicode;
  return constant(
      {tree::ConstantKind::kBytes, std::string(is_text ? text.text : text.bytes), 0, {}},
      ObjectClass::kBytes, text.range);
}

ExprPtr Analyzer::compare(const syntax::Compare& e) {
  std::vector<const syntax::Expr*> operands = {e.left};
  for (const syntax::Comparison& one : e.rest) operands.push_back(one.right);
  std::vector<ExprPtr> values(operands.size());
  const Type* c_type = nullptr;  // of an operand that is no literal
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i]->kind == syntax::ExprKind::kStr) continue;
    values[i] = expr(*operands[i]);
    const Type* type = values[i]->type;
    if (c_type == nullptr && (type->kind == TypeKind::kInt || type->is_pointer())) c_type = type;
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (values[i]) continue;
    const auto& text = syntax::as<syntax::Str>(*operands[i]);
    values[i] = c_type != nullptr ? compared_literal(text, *c_type) : literal(text, nullptr);
  }
  // a < b < c: b is evaluated once.
  ExprPtr left = std::move(values[0]);
  ExprPtr result;
  for (std::size_t i = 0; i < e.rest.size(); ++i) {
    ExprPtr right = std::move(values[i + 1]);
    Variable* kept = nullptr;
    if (i + 1 < e.rest.size()) {
      kept = temporary(right->type);
      auto assignment = make<tree::AssignmentExpr>(kept->type, right->range);
      assignment->target = kept;
      assignment->value = coerce(std::move(right), kept->type);
      right = std::move(assignment);
    }
    ExprPtr one = comparison(e.rest[i].op, std::move(left), std::move(right), e.range);
    result = result ? logical(true, std::move(result), std::move(one), e.range) : std::move(one);
    if (kept != nullptr) left = variable(kept, e.range);
  }
  return result;
}

}  // namespace engineroom::sema
