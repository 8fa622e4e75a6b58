#include "races/patterns.h"

#include <charconv>
#include <map>
#include <string>

#include "tree/children.h"
#include "tree/print.h"

namespace engineroom::races {

using tree::as;
using tree::Expr;
using tree::ExprKind;
using tree::try_as;

namespace {

bool is_number(const tree::Type& type) { return type.is_numeric(); }

// The chain of one operator down to the variable: ((x + a) - b), a * (x * b).
bool is_chain(const tree::Variable& variable, const Expr& value, std::string_view op) {
  const Expr& expr = bare(value);
  if (variable_of(expr) == &variable) return true;
  const auto* binary = try_as<tree::Binary>(&expr);
  if (binary == nullptr) return false;
  const bool is_minus = op == "+" && std::string_view(binary->op) == "-";
  if (binary->op != op && !is_minus) return false;
  const bool is_left = mentions(*binary->left, variable);
  const bool is_right = mentions(*binary->right, variable);
  if (is_left == is_right || (is_right && is_minus)) return false;
  return is_chain(variable, is_left ? *binary->left : *binary->right, op);
}

bool is_logical_chain(const tree::Variable& variable, const Expr& value, bool is_and) {
  const Expr& expr = bare(value);
  if (variable_of(expr) == &variable) return true;
  const auto* logical = try_as<tree::Logical>(&expr);
  if (logical == nullptr || logical->is_and != is_and || logical->value != nullptr) return false;
  const bool is_left = mentions(*logical->left, variable);
  if (is_left == mentions(*logical->right, variable)) return false;
  return is_logical_chain(variable, is_left ? *logical->left : *logical->right, is_and);
}

std::string_view callee_of(const Expr& expr) {
  if (const auto* helper = try_as<tree::Helper>(&expr))
    return std::string_view(helper->name).substr(0, helper->name.find('<'));
  const auto* call = try_as<tree::Call>(&expr);
  const auto* name = call != nullptr ? try_as<tree::FunctionName>(call->callee.get()) : nullptr;
  return name != nullptr ? std::string_view(name->cpp) : std::string_view();
}

const std::vector<tree::ExprPtr>* arguments_of(const Expr& expr) {
  if (const auto* helper = try_as<tree::Helper>(&expr)) return &helper->args;
  const auto* call = try_as<tree::Call>(&expr);
  return call != nullptr ? &call->args : nullptr;
}

// max(a, max(x, b)): is x once among the values, and nowhere else?
bool is_extreme_call(const tree::Variable& variable, const Expr& value, std::string_view name,
                     std::string_view c_name) {
  const Expr& expr = bare(value);
  if (variable_of(expr) == &variable) return true;
  const std::string_view callee = callee_of(expr);
  if (callee != name && callee != c_name && callee != std::string(c_name) + "f") return false;
  const Expr* with_variable = nullptr;
  for (const tree::ExprPtr& argument : *arguments_of(expr)) {
    if (!mentions(*argument, variable)) continue;
    if (with_variable != nullptr) return false;
    with_variable = argument.get();
  }
  return with_variable != nullptr && is_extreme_call(variable, *with_variable, name, c_name);
}

// value > x, x < value: what x becomes if it takes the value.
std::optional<Extreme> compared(const Expr& test, const tree::Variable& variable) {
  const auto* binary = try_as<tree::Binary>(&bare(test));
  if (binary == nullptr) return std::nullopt;
  const std::string_view op = binary->op;
  if (op != "<" && op != "<=" && op != ">" && op != ">=") return std::nullopt;
  const bool is_left = variable_of(bare(*binary->left)) == &variable;
  if (!is_left && variable_of(bare(*binary->right)) != &variable) return std::nullopt;
  const Expr& other = is_left ? *binary->right : *binary->left;
  if (mentions(other, variable)) return std::nullopt;
  const bool is_less = op[0] == '<';
  return Extreme{&variable, is_less == is_left ? Update::kMax : Update::kMin, &other,
                 op.size() == 2};
}

// Where a `break` leaves the loop itself; null of what is none.
const tree::Block* body_of_loop(const tree::Stmt& stmt) {
  switch (stmt.kind) {
    case tree::StmtKind::kWhile:
      return &as<tree::While>(stmt).body;
    case tree::StmtKind::kCountLoop:
      return &as<tree::CountLoop>(stmt).body;
    case tree::StmtKind::kIterate:
      return &as<tree::Iterate>(stmt).body;
    case tree::StmtKind::kParallelLoop:
      return &as<tree::ParallelLoop>(stmt).body;
    default:
      return nullptr;
  }
}

// x if x > value else value
std::optional<Update> conditional_extreme(const tree::Variable& variable, const Expr& value) {
  const auto* conditional = try_as<tree::Conditional>(&bare(value));
  if (conditional == nullptr) return std::nullopt;
  const std::optional<Extreme> extreme = compared(*conditional->test, variable);
  if (!extreme) return std::nullopt;
  const bool keeps_if = variable_of(bare(*conditional->body)) == &variable;
  const bool keeps_else = variable_of(bare(*conditional->orelse)) == &variable;
  if (keeps_if == keeps_else) return std::nullopt;
  if (!are_same(bare(*extreme->value), bare(keeps_if ? *conditional->orelse : *conditional->body)))
    return std::nullopt;
  if (keeps_else) return extreme->update;
  return extreme->update == Update::kMax ? Update::kMin : Update::kMax;
}

}  // namespace

const Expr& bare(const Expr& expr) {
  const auto* cast = try_as<tree::Cast>(&expr);
  if (cast == nullptr || !is_number(*cast->type) || !is_number(*cast->value->type)) return expr;
  return bare(*cast->value);
}

const tree::Variable* variable_of(const Expr& expr) {
  const auto* ref = try_as<tree::VariableRef>(&expr);
  return ref != nullptr ? ref->variable : nullptr;
}

bool mentions(const Expr& expr, const tree::Variable& variable) {
  // What statements inside expressions do is not looked at.
  if (variable_of(expr) == &variable || expr.kind == ExprKind::kBlock) return true;
  bool is_found = false;
  tree::for_each_child(
      expr, [&](const Expr& child) { is_found = is_found || mentions(child, variable); });
  return is_found;
}

const tree::Variable* root_of(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVariable:
      return as<tree::VariableRef>(expr).variable;
    case ExprKind::kField:
      return root_of(*as<tree::FieldAccess>(expr).value);
    case ExprKind::kIndex:
      return root_of(*as<tree::IndexAccess>(expr).value);
    case ExprKind::kBufferItem:
      return root_of(*as<tree::BufferItem>(expr).value);
    case ExprKind::kBufferPart:
      return root_of(*as<tree::BufferPart>(expr).value);
    case ExprKind::kViewSlice:
      return root_of(*as<tree::ViewSlice>(expr).value);
    case ExprKind::kAddressOf:
      return root_of(*as<tree::AddressOf>(expr).value);
    case ExprKind::kCast:
      return root_of(*as<tree::Cast>(expr).value);
    case ExprKind::kBinary:
      return root_of(*as<tree::Binary>(expr).left);
    case ExprKind::kHelper:
      return as<tree::Helper>(expr).args.empty() ? nullptr
                                                 : root_of(*as<tree::Helper>(expr).args[0]);
    default:
      return nullptr;
  }
}

std::optional<Update> update_of(const tree::Variable& variable, const Expr& value) {
  const Expr& expr = bare(value);
  if (variable_of(expr) == &variable) return std::nullopt;
  const bool is_truth = variable.type->kind == tree::TypeKind::kBint;
  if (is_truth) {
    if (is_logical_chain(variable, expr, true)) return Update::kAll;
    if (is_logical_chain(variable, expr, false)) return Update::kAny;
  }
  if (!variable.type->is_numeric()) return std::nullopt;
  if (is_chain(variable, expr, "+")) return Update::kSum;
  if (is_chain(variable, expr, "*")) return Update::kProduct;
  if (is_chain(variable, expr, "&")) return is_truth ? Update::kAll : Update::kAnd;
  if (is_chain(variable, expr, "|")) return is_truth ? Update::kAny : Update::kOr;
  if (is_chain(variable, expr, "^")) return Update::kXor;
  if (is_extreme_call(variable, expr, "er::max", "fmax")) return Update::kMax;
  if (is_extreme_call(variable, expr, "er::min", "fmin")) return Update::kMin;
  return conditional_extreme(variable, expr);
}

const char* in_place_operator(const tree::Variable& variable, const Expr& value) {
  const Expr& expr = bare(value);
  if (const auto* binary = try_as<tree::Binary>(&expr)) {
    const std::string_view op = binary->op;
    if (variable_of(bare(*binary->left)) != &variable) return nullptr;
    return op == "/" || op == "%" || op == "<<" || op == ">>" ? binary->op : nullptr;
  }
  const auto* helper = try_as<tree::Helper>(&expr);
  if (helper == nullptr || helper->args.empty() || variable_of(bare(*helper->args[0])) != &variable)
    return nullptr;
  if (helper->name.starts_with("er::floor_div")) return "//";
  if (helper->name.starts_with("er::mod")) return "%";
  if (helper->name.starts_with("er::power")) return "**";
  return helper->name.starts_with("er::true_div") || helper->name.starts_with("er::div") ? "/"
                                                                                         : nullptr;
}

std::optional<Extreme> extreme_of(const tree::If& stmt) {
  if (!stmt.orelse.empty()) return std::nullopt;
  std::optional<Extreme> extreme;
  std::vector<const tree::Assign*> others;
  // `at, x = i, value` goes by way of temporaries.
  std::map<const tree::Variable*, const Expr*> temporaries;
  for (const tree::StmtPtr& one : stmt.body) {
    if (one->kind != tree::StmtKind::kAssign) return std::nullopt;
    const auto& assign = as<tree::Assign>(*one);
    const tree::Variable* variable = variable_of(*assign.target);
    if (variable == nullptr) return std::nullopt;
    if (variable->kind == tree::VariableKind::kTemporary) {
      temporaries[variable] = assign.value.get();
      continue;
    }
    std::optional<Extreme> found = compared(*stmt.test, *variable);
    if (!found) {
      others.push_back(&assign);
      continue;
    }
    const auto kept = temporaries.find(variable_of(*assign.value));
    const Expr& value = kept != temporaries.end() ? *kept->second : *assign.value;
    if (extreme || !are_same(bare(*found->value), bare(value))) return std::nullopt;
    extreme = std::move(found);
    extreme->taken = &assign;
  }
  if (extreme) extreme->companions = std::move(others);
  return extreme;
}

const tree::Stmt* break_of(const tree::Block& body) {
  for (const tree::StmtPtr& stmt : body) {
    if (stmt->kind == tree::StmtKind::kBreak) return stmt.get();
    const tree::Stmt* found = nullptr;
    const tree::Block* own = body_of_loop(*stmt);
    tree::for_each_block(*stmt, [&](const tree::Block& inner) {
      if (found == nullptr && &inner != own) found = break_of(inner);
    });
    if (found != nullptr) return found;
  }
  return nullptr;
}

bool are_same(const Expr& a, const Expr& b) {
  return a.kind == b.kind && tree::print(a) == tree::print(b);
}

std::optional<std::int64_t> integer_of(const Expr& expr) {
  const Expr& inner = bare(expr);
  if (const auto* unary = try_as<tree::Unary>(&inner)) {
    const std::optional<std::int64_t> value = integer_of(*unary->operand);
    if (!value || std::string_view(unary->op) != "-") return std::nullopt;
    return -*value;
  }
  const auto* literal = try_as<tree::Literal>(&inner);
  if (literal == nullptr) return std::nullopt;
  std::string_view text = literal->cpp;
  const std::size_t end = text.find_last_not_of("uUlL");
  text = text.substr(0, end == text.npos ? 0 : end + 1);
  std::int64_t value;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace engineroom::races
