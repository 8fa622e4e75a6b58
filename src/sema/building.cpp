#include <cmath>
#include <cstdio>

#include "sema/analyzer.h"
#include "sema/unique_name.h"

namespace engineroom::sema {

std::string cpp_of(double value) {
  if (std::isinf(value)) return value < 0 ? "-HUGE_VAL" : "HUGE_VAL";
  if (std::isnan(value)) return "NAN";
  char text[64];
  std::snprintf(text, sizeof text, "%.17g", value);
  std::string result = text;
  if (result.find_first_of(".eE") == std::string::npos) result += ".0";
  return result;
}

std::string cpp_string(std::string_view bytes) {
  std::string text = "\"";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || c == '?') {
      text += '\\';
      text += c;
    } else if (byte < 32 || byte >= 127) {
      char octal[5];
      std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(byte));
      text += octal;
    } else {
      text += c;
    }
  }
  return text + "\"";
}

std::optional<std::int64_t> constant_int(const tree::Expr& expr) {
  const auto* literal = tree::try_as<tree::Literal>(&expr);
  if (literal == nullptr || literal->type->kind != TypeKind::kInt) return std::nullopt;
  std::string digits = literal->cpp;
  while (!digits.empty() && (digits.back() == 'L' || digits.back() == 'U')) digits.pop_back();
  if (digits.empty() || digits.size() > 20 ||
      digits.find_first_not_of("0123456789", digits[0] == '-' ? 1 : 0) != std::string::npos ||
      digits == "-")
    return std::nullopt;
  try {
    return std::stoll(digits);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

bool is_cpp_keyword(std::string_view word) {
  static const std::set<std::string_view> kWords = {
      "alignas",       "alignof",     "and",
      "and_eq",        "asm",         "auto",
      "bitand",        "bitor",       "bool",
      "break",         "case",        "catch",
      "char",          "char16_t",    "char32_t",
      "char8_t",       "class",       "co_await",
      "co_return",     "co_yield",    "compl",
      "concept",       "const",       "const_cast",
      "consteval",     "constexpr",   "constinit",
      "continue",      "decltype",    "default",
      "delete",        "do",          "double",
      "dynamic_cast",  "else",        "enum",
      "explicit",      "export",      "extern",
      "false",         "float",       "for",
      "friend",        "goto",        "if",
      "inline",        "int",         "long",
      "mutable",       "namespace",   "new",
      "noexcept",      "not",         "not_eq",
      "nullptr",       "operator",    "or",
      "or_eq",         "private",     "protected",
      "public",        "register",    "reinterpret_cast",
      "requires",      "return",      "short",
      "signed",        "sizeof",      "static",
      "static_assert", "static_cast", "struct",
      "switch",        "template",    "this",
      "thread_local",  "throw",       "true",
      "try",           "typedef",     "typeid",
      "typename",      "union",       "unsigned",
      "using",         "virtual",     "void",
      "volatile",      "wchar_t",     "while",
      "xor",           "xor_eq"};
  return kWords.contains(word);
}

std::optional<bool> constant_truth(const tree::Expr& expr) {
  const auto* literal = tree::try_as<tree::Literal>(&expr);
  if (literal == nullptr) return std::nullopt;
  if (literal->cpp == "Py_None") return false;
  if (literal->type->kind == TypeKind::kBint && (literal->cpp == "0" || literal->cpp == "1"))
    return literal->cpp == "1";
  if (const auto value = constant_int(expr)) return *value != 0;
  return std::nullopt;
}

ExprPtr Analyzer::c_literal(const Type* type, std::string cpp, syntax::SourceRange range) {
  auto node = make<tree::Literal>(type, range);
  node->cpp = std::move(cpp);
  return node;
}

ExprPtr Analyzer::none(syntax::SourceRange range) { return c_literal(object_, "Py_None", range); }

ExprPtr Analyzer::error_value(syntax::SourceRange range) {
  return c_literal(types_.error(), "nullptr", range);
}

ExprPtr Analyzer::globals(syntax::SourceRange range) {
  return c_literal(types_.object(ObjectClass::kDict), "er_globals", range);
}

ExprPtr Analyzer::constant(tree::Constant constant, ObjectClass object_class,
                           syntax::SourceRange range) {
  std::string text = constant.text;
  if (constant.kind == tree::ConstantKind::kFloat || constant.kind == tree::ConstantKind::kComplex)
    text = cpp_of(constant.value);
  for (const std::size_t item : constant.items) text += "," + std::to_string(item);
  const auto [found, is_new] =
      constants_.try_emplace({static_cast<int>(constant.kind), text}, out_.constants.size());
  if (is_new) out_.constants.push_back(std::move(constant));
  auto node = make<tree::PyConstant>(types_.object(object_class), range);
  node->index = found->second;
  return node;
}

ExprPtr Analyzer::str_constant(std::string_view text, syntax::SourceRange range) {
  return constant({tree::ConstantKind::kStr, std::string(text), 0, {}}, ObjectClass::kStr, range);
}

ExprPtr Analyzer::variable(Variable* variable, syntax::SourceRange range) {
  auto node = make<tree::VariableRef>(variable->type, range);
  node->variable = variable;
  return node;
}

ExprPtr Analyzer::binary_node(const Type* type, const char* op, ExprPtr left, ExprPtr right,
                              syntax::SourceRange range) {
  auto node = make<tree::Binary>(type, range);
  node->op = op;
  node->left = std::move(left);
  node->right = std::move(right);
  return node;
}

void Analyzer::add_expr(Block& out, ExprPtr value) {
  auto stmt = make_stmt<tree::ExprStmt>(value->range);
  stmt->value = std::move(value);
  out.push_back(std::move(stmt));
}

Variable* Analyzer::new_variable(std::string_view name, const Type* type, VariableKind kind) {
  std::string cpp = (kind == VariableKind::kTemporary ? "k_" : "v_") +
                    unique_name(context_->n_named, std::string(name));
  context_->function->variables.push_back({std::string(name), std::move(cpp), kind, type, false});
  return &context_->function->variables.back();
}

Variable* Analyzer::temporary(const Type* type) {
  if (type->is_const) type = type->unqualified;
  if (type->buffer != nullptr) type = type->base;
  Variable* made =
      new_variable(std::to_string(++context_->next_temporary), type, VariableKind::kTemporary);
  context_->bound.insert(made);
  return made;
}

Variable* Analyzer::keep(ExprPtr value, Block& out) {
  const syntax::SourceRange range = value->range;
  const bool is_function = value->type->kind == TypeKind::kFunction;
  Variable* kept = temporary(is_function ? types_.pointer_to(value->type) : value->type);
  assign_variable(out, kept, coerce(std::move(value), kept->type), range);
  return kept;
}

void Analyzer::assign_variable(Block& out, Variable* target, ExprPtr value,
                               syntax::SourceRange range) {
  auto stmt = make_stmt<tree::Assign>(range);
  stmt->target = variable(target, range);
  stmt->value = std::move(value);
  target->is_assigned = true;
  out.push_back(std::move(stmt));
}

namespace {

// What to do instead.
std::string_view way_around(std::string_view what) {
  constexpr std::pair<std::string_view, std::string_view> kWays[] = {
      {"classes", "define the class in plain Python, and use it here"},
      {"extension classes", "C values can be kept in a 'cdef struct'"},
      {"generators", "return a list"},
      {"closures", "pass the value as an argument"},
      {"match", "use 'if' and 'elif'"}};
  for (const auto& [construct, way] : kWays)
    if (what == construct || what.starts_with(std::string(construct) + ":")) return way;
  return "";
}

}  // namespace

// Once per function: a second `yield` tells nothing new.
void Analyzer::not_supported(syntax::SourceRange range, std::string_view what) {
  const std::string construct(what.substr(0, what.find(':')));
  const bool is_in_function =
      context_ != nullptr && !context_->is_module && range.source == module_.range.source;
  if (is_in_function && !context_->refused.insert(construct).second) return;
  diagnostics_.error("not-supported", range, "not supported yet: " + std::string(what))
      .hint(std::string(way_around(what)));
}

}  // namespace engineroom::sema
