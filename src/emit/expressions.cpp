#include <algorithm>
#include <map>

#include "emit/function_emitter.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::as;
using tree::ExprKind;
using tree::Fail;
using tree::Type;
using tree::TypeKind;
using tree::Variable;
using tree::VariableKind;

namespace {

// Deeper nesting goes into temporaries: Clang has a limit, and people too.
constexpr int kMaxDepth = 24;

struct Operator {
  Precedence precedence;
  Precedence operands;  // below this they get parentheses, also where C++ needs none
};

Operator operator_of(std::string_view op) {
  static const std::map<std::string_view, Operator> kOperators = {
      {"+", {kSum, kSum}},         {"-", {kSum, kSum}},         {"*", {kProduct, kProduct}},
      {"/", {kProduct, kProduct}}, {"%", {kProduct, kProduct}}, {"<<", {kShift, kUnary}},
      {">>", {kShift, kUnary}},    {"&", {kBitAnd, kUnary}},    {"^", {kBitXor, kUnary}},
      {"|", {kBitOr, kUnary}},     {"<", {kRelational, kSum}},  {"<=", {kRelational, kSum}},
      {">", {kRelational, kSum}},  {">=", {kRelational, kSum}}, {"==", {kEquality, kSum}},
      {"!=", {kEquality, kSum}},
  };
  const auto found = kOperators.find(op);
  return found == kOperators.end() ? Operator{kConditional, kUnary} : found->second;
}

// Arithmetic of which C++ would otherwise guess the type from the arguments, which may be literals.
bool is_arithmetic(const std::string& name) {
  static const std::set<std::string_view> kNames = {
      "er::floor_div_nz", "er::mod_nz", "er::c_mod_nz", "er::power_int",
      "er::power",        "er::abs",    "er::min",      "er::max"};
  return kNames.contains(name);
}

Precedence literal_precedence(const std::string& text) {
  if (text.starts_with('-')) return kUnary;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '(' || c == '{' || c == '[') {
      ++depth;
    } else if (c == ')' || c == '}' || c == ']') {
      --depth;
    } else if (depth == 0 && std::string_view(" +*/%&|^?<>=!~").find(c) != std::string_view::npos) {
      // 1e+5 and er::Complex<double>{…} are not worth more thought.
      return kConditional;
    }
  }
  return kPrimary;
}

}  // namespace

// ---- texts of values ----

std::string FunctionEmitter::at(const Value& value, Precedence precedence) {
  return value.precedence < precedence ? "(" + value.text + ")" : value.text;
}

std::string FunctionEmitter::plain(const Value& value) {
  return value.form == Form::kPlain ? value.text : value.text + ".get()";
}

std::string FunctionEmitter::as_ref(const Value& value) {
  return value.form == Form::kOwned ? "std::move(" + value.text + ")"
                                    : "er::borrow(" + value.text + ")";
}

std::string FunctionEmitter::as_new(const Value& value) {
  return value.form == Form::kOwned ? value.text + ".release()" : "er::new_ref(" + value.text + ")";
}

std::string FunctionEmitter::new_name(const char* prefix) {
  has_declared_ = true;
  return prefix + std::to_string(++n_names_);
}

Value FunctionEmitter::temporary(const Type& type, const std::string& text) {
  const std::string name = new_name("t");
  out_.line((type.is_object() ? "PyObject* " + name : declare(type, name)) + " = " + text + ";");
  return {name};
}

Value FunctionEmitter::owned_temporary(const std::string& new_reference) {
  return owned_temporary(*context_.module.types.object(), new_reference);
}

Value FunctionEmitter::owned_temporary(const Type& type, const std::string& new_reference) {
  const std::string name = new_name("t");
  ++n_owned_;
  out_.line(owner_type(type) + " " + name +
            (new_reference.empty() ? ";" : "{" + new_reference + "};"));
  return {name, kPrimary, Form::kOwned};
}

// The value as it is now, whatever comes later.
Value FunctionEmitter::kept(Value value, const Type& type) {
  if (type.is_counted())
    return value.form == Form::kOwned ? value
                                      : owned_temporary(type, "er::new_ref(" + value.text + ")");
  if (type.kind == TypeKind::kArray || type.kind == TypeKind::kFunction || type.is_void())
    return value;
  return temporary(type, value.text);
}

std::string FunctionEmitter::negated(const std::string& condition) const {
  const bool is_name = std::all_of(condition.begin(), condition.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  });
  return is_name ? "!" + condition : "!(" + condition + ")";
}

// ---- expressions ----

std::vector<Value> FunctionEmitter::values(const std::vector<const tree::Expr*>& exprs, int taken) {
  // What all expressions after the i-th do together.
  std::vector<Effects> later(exprs.size());
  for (std::size_t i = exprs.size(); i-- > 1;) {
    later[i - 1] = later[i];
    if (exprs[i] != nullptr) later[i - 1].add(effects_(*exprs[i]));
  }
  std::vector<Value> result;
  for (std::size_t i = 0; i < exprs.size(); ++i) {
    if (exprs[i] == nullptr) {
      result.emplace_back();
      continue;
    }
    if (static_cast<int>(i) == taken) {
      result.push_back({taken_text(*exprs[i])});
      continue;
    }
    Value made = value(*exprs[i]);
    if (must_precede(effects_(*exprs[i]), later[i])) made = kept(std::move(made), *exprs[i]->type);
    result.push_back(std::move(made));
  }
  return result;
}

Value FunctionEmitter::value(const tree::Expr& expr) {
  Value made;
  switch (expr.kind) {
    case ExprKind::kLiteral: {
      const std::string& text = as<tree::Literal>(expr).cpp;
      // C++ lets no string be a char*.
      if (text.starts_with('"') && expr.type->is_pointer() && !expr.type->base->is_const)
        return {"(" + expr.type->cpp + ")" + text, kUnary};
      return {text, literal_precedence(text)};
    }
    case ExprKind::kPyConstant:
      return {"er_constants[" + std::to_string(as<tree::PyConstant>(expr).index) + "]"};
    case ExprKind::kVariable:
      return variable_value(as<tree::VariableRef>(expr));
    case ExprKind::kFunctionName:
      return {as<tree::FunctionName>(expr).cpp};
    case ExprKind::kHelper:
      return helper(as<tree::Helper>(expr));
    case ExprKind::kUnary: {
      const auto& unary = as<tree::Unary>(expr);
      const Value operand = value(*unary.operand);
      // - -x is not --x.
      made = {unary.op + at(operand, operand.text.starts_with(unary.op) ? kPrimary : kUnary),
              kUnary, Form::kPlain, operand.depth + 1};
      break;
    }
    case ExprKind::kBinary:
      made = binary(as<tree::Binary>(expr));
      break;
    case ExprKind::kLogical:
      made = logical(as<tree::Logical>(expr));
      break;
    case ExprKind::kConditional:
      made = conditional(as<tree::Conditional>(expr));
      break;
    case ExprKind::kCall:
      return call(as<tree::Call>(expr));
    case ExprKind::kField: {
      const auto& access = as<tree::FieldAccess>(expr);
      const Value object = value(*access.value);
      made = {at(object, kPrimary) + (access.value->type->is_pointer() ? "->" : ".") + access.cpp,
              kPrimary, Form::kPlain, object.depth + 1};
      break;
    }
    case ExprKind::kIndex: {
      const auto& access = as<tree::IndexAccess>(expr);
      const std::vector<Value> parts = values({access.value.get(), access.index.get()});
      made = {at(parts[0], kPrimary) + "[" + parts[1].text + "]", kPrimary, Form::kPlain,
              std::max(parts[0].depth, parts[1].depth) + 1};
      break;
    }
    case ExprKind::kBufferItem:
      made = buffer_item(as<tree::BufferItem>(expr));
      if (expr.type->is_object())
        return owned_temporary("er::new_ref(er::item_object(" + made.text + "))");
      break;
    case ExprKind::kBufferPart:
      return buffer_part(as<tree::BufferPart>(expr));
    case ExprKind::kViewSlice:
      return view_slice(as<tree::ViewSlice>(expr));
    case ExprKind::kAddressOf: {
      const tree::Expr& object = *as<tree::AddressOf>(expr).value;
      const Value target = value(object);
      if (object.type->is_object()) return {"(" + expr.type->cpp + ")&" + target.text, kUnary};
      return {"&" + at(target, kUnary), kUnary, Form::kPlain, target.depth + 1};
    }
    case ExprKind::kCast:
      made = cast(as<tree::Cast>(expr));
      break;
    case ExprKind::kAssignment: {
      const auto& assignment = as<tree::AssignmentExpr>(expr);
      assign(*assignment.target, value(*assignment.value));
      if (assignment.target->is_global() && expr.type->is_counted())
        return owned_temporary(*expr.type, "er::new_ref(" + assignment.target->cpp + ")");
      return {assignment.target->cpp, kPrimary,
              owns(*assignment.target) ? Form::kVariable : Form::kPlain};
    }
    case ExprKind::kBlock:
      return block_value(as<tree::BlockExpr>(expr));
    case ExprKind::kMakeFunction:
      made = owned_temporary(make_function_text(as<tree::MakeFunction>(expr)));
      out_.line("if (!" + made.text + ") " + fail(expr.range));
      return made;
  }
  if (expr.type->is_object() && (expr.kind == ExprKind::kField || expr.kind == ExprKind::kIndex))
    return kept(std::move(made), *expr.type);
  if (made.depth > kMaxDepth && !expr.type->is_object()) made = kept(std::move(made), *expr.type);
  return made;
}

Value FunctionEmitter::variable_value(const tree::VariableRef& expr) {
  const Variable& variable = *expr.variable;
  if (!variable.type->is_counted()) return {variable.cpp};
  Value made{variable.cpp, kPrimary, owns(variable) ? Form::kVariable : Form::kPlain};
  if (variable.is_global())
    made = owned_temporary(*variable.type, "er::new_ref(" + variable.cpp + ")");
  if (expr.check_bound) check_bound(variable, made.text, expr.range);
  return made;
}

Value FunctionEmitter::binary(const tree::Binary& expr) {
  const std::vector<Value> parts = values({expr.left.get(), expr.right.get()});
  const Operator op = operator_of(expr.op);
  const std::string left =
      parts[0].form == Form::kPlain ? at(parts[0], op.operands) : plain(parts[0]);
  // a - (b - c)
  const auto above = static_cast<Precedence>(op.precedence + 1);
  const std::string right =
      parts[1].form == Form::kPlain ? at(parts[1], std::max(op.operands, above)) : plain(parts[1]);
  return {left + " " + expr.op + " " + right, op.precedence, Form::kPlain,
          std::max(parts[0].depth, parts[1].depth) + 1};
}

namespace {

// A decimal integer as a literal of another type; "" if it is not one, or not so simple.
std::string converted_literal(const tree::Expr& expr, const Type& to) {
  const auto* literal = tree::try_as<tree::Literal>(&expr);
  if (literal == nullptr || expr.type->kind != TypeKind::kInt) return "";
  std::string digits = literal->cpp;
  while (!digits.empty() && (digits.back() == 'L' || digits.back() == 'U')) digits.pop_back();
  if (digits.empty() || digits.size() > 9 ||
      digits.find_first_not_of("0123456789") != std::string::npos ||
      (digits[0] == '0' && digits.size() > 1))
    return "";
  if (to.cpp == "int") return digits;
  if (to.cpp == "long") return digits + "L";
  if (to.cpp == "double") return digits + ".0";
  return "";
}

}  // namespace

Value FunctionEmitter::cast(const tree::Cast& expr) {
  if (std::string literal = converted_literal(*expr.value, *expr.type); !literal.empty())
    return {std::move(literal)};
  const Value operand = value(*expr.value);
  const Type& from = *expr.value->type;
  const Type& to = *expr.type;
  if (to.is_view())
    return to.cpp == from.cpp ? operand : Value{"er::as_indirect(" + operand.text + ")"};
  if (to.is_object()) {
    if (from.is_object()) return operand;
    return {"(PyObject*)" + at(operand, kUnary), kUnary, Form::kPlain, operand.depth + 1};
  }
  if (from.is_object()) {
    Value pointer = operand;
    // The object may have no other owner than this temporary, which lives until the statement ends.
    pointer.text = plain(operand);
    return {"(" + to.cpp + ")" + at(pointer, kUnary), kUnary};
  }
  if (to.is_complex()) return {to.cpp + "(" + operand.text + ")", kPrimary};
  if (to.is_void()) return {"(void)" + at(operand, kUnary), kUnary};
  return {"(" + to.cpp + ")" + at(operand, kUnary), kUnary, Form::kPlain, operand.depth + 1};
}

// ---- helpers ----

std::string FunctionEmitter::helper_text(const tree::Helper& expr, const std::string& out) {
  if (expr.args.size() == 1) {
    const auto argument = [&] { return value(*expr.args[0]).text; };
    if (expr.name == "er::to_object")
      return context_.conversions.to_object(*expr.args[0]->type, argument());
    if (expr.name.starts_with("er::from_object<") && !out.empty())
      return context_.conversions.from_object(
          *expr.type, taken_argument(expr) == 0 ? taken_text(*expr.args[0]) : argument(), out);
  }
  if (std::string text = item_truth_text(expr); !text.empty()) return text;
  if (std::string text = view_helper_text(expr, out); !text.empty()) return text;
  std::string name = faster_name(expr);
  if (is_arithmetic(name) && !expr.type->is_object() && !expr.type->is_complex() &&
      (expr.args.empty() || !expr.args[0]->type->is_complex()))
    name += "<" + expr.type->cpp + ">";
  std::vector<std::string> args = arguments(expr, out);
  if (name == "er::compare_true") {
    name += "<" + args.back() + ">";
    args.pop_back();
  }
  return name + "(" + joined(args) + ")";
}

std::vector<std::string> FunctionEmitter::arguments(const tree::Helper& expr,
                                                    const std::string& out) {
  std::vector<const tree::Expr*> exprs;
  for (const tree::ExprPtr& arg : expr.args) exprs.push_back(arg.get());
  const std::vector<Value> args = values(exprs, taken_argument(expr));
  const int n_fixed = n_fixed_arguments(expr.name);
  std::vector<std::string> texts;
  std::vector<std::string> list;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool in_list = n_fixed >= 0 && i >= static_cast<std::size_t>(n_fixed);
    (in_list ? list : texts).push_back(args[i].text);
  }
  if (!list.empty()) texts.push_back("{" + joined(list) + "}");
  if (!out.empty()) texts.push_back(out);
  if (expr.name == "er::load_global" && args.size() == 2) {
    if (std::string cache = global_cache(*expr.args[1]); !cache.empty())
      texts.push_back(std::move(cache));
  }
  return texts;
}

Value FunctionEmitter::helper(const tree::Helper& expr) {
  const Type& type = *expr.type;
  // `raise` alone adds nothing to the traceback.
  const auto failure = [&] { return expr.name == "er::reraise" ? fail_at(0) : fail(expr.range); };
  switch (expr.fail) {
    case Fail::kNever: {
      const std::string text = helper_text(expr);
      if (type.is_counted() && !expr.is_borrowed) return owned_temporary(type, text);
      return {text, kPrimary, Form::kPlain, 1};
    }
    case Fail::kNull: {
      const std::string text = helper_text(expr);
      const bool is_owned = type.is_object() && !expr.is_borrowed;
      const Value made = is_owned ? owned_temporary(text) : temporary(type, text);
      out_.line("if (!" + made.text + ") " + failure());
      return made;
    }
    case Fail::kMinusOne:
    case Fail::kMaybeMinus: {
      const std::string text = helper_text(expr);
      if (type.is_void()) {
        out_.line("if (" + text + " < 0) " + failure());
        return {};
      }
      const Value made = temporary(type, text);
      std::string test = type.is_signed || type.kind == TypeKind::kBint
                             ? made.text + " < 0"
                             : made.text + " == (" + type.cpp + ")-1";
      if (expr.fail == Fail::kMaybeMinus)
        test = made.text + " == (" + type.cpp + ")-1 && " + error_occurred();
      out_.line("if (" + test + ") " + failure());
      return made;
    }
    case Fail::kFalse:
      break;
  }
  if (type.is_void()) {
    const std::string text = helper_text(expr);
    out_.line("if (!" + text + ") " + failure());
    return {};
  }
  if (type.is_view()) {
    const Value made = owned_temporary(type, "");
    out_.line("if (!" + helper_text(expr, "&" + made.text) + ") " + failure());
    return made;
  }
  const std::string name = new_name("t");
  const std::string text = helper_text(expr, "&" + name);
  out_.line((type.is_object() ? "PyObject* " + name : declare(type, name)) + ";");
  out_.line("if (!" + text + ") " + failure());
  return {name};
}

// ---- and, or, if ----

Value FunctionEmitter::logical(const tree::Logical& expr) {
  if (expr.value != nullptr) {
    assign(*expr.value, value(*expr.left));
    const std::string test = condition(*expr.test);
    out_.open("if (" + (expr.is_and ? test : negated(test)) + ")");
    const bool declared = has_declared_;
    const Bound bound = bound_;
    assign(*expr.value, value(*expr.right));
    bound_ = bound;
    has_declared_ = declared;
    out_.close();
    if (!expr.type->is_counted()) return {expr.value->cpp};
    emptied_.insert(expr.value);
    return owned_temporary(*expr.type, expr.value->cpp + ".release()");
  }
  const Precedence precedence = expr.is_and ? kAnd : kOr;
  if (!effects_(*expr.right).has_statements) {
    const Value left = value(*expr.left);
    const Value right = value(*expr.right);
    const std::string op = expr.is_and ? " && " : " || ";
    // Both kinds together get parentheses, as compilers ask for them.
    const auto part = [&](const Value& v) {
      return v.precedence == precedence ? v.text : at(v, kEquality);
    };
    return {part(left) + op + part(right), precedence, Form::kPlain,
            std::max(left.depth, right.depth) + 1};
  }
  const Value result = temporary(*expr.type, condition(*expr.left));
  out_.open("if (" + (expr.is_and ? result.text : "!" + result.text) + ")");
  const bool declared = has_declared_;
  const Bound bound = bound_;
  const Value right = value(*expr.right);
  out_.line(result.text + " = " + right.text + ";");
  bound_ = bound;
  has_declared_ = declared;
  out_.close();
  return result;
}

Value FunctionEmitter::conditional(const tree::Conditional& expr) {
  const Type& type = *expr.type;
  if (!type.is_counted() && !effects_(*expr.body).has_statements &&
      !effects_(*expr.orelse).has_statements) {
    const Value test = value(*expr.test);
    const Value body = value(*expr.body);
    const Value orelse = value(*expr.orelse);
    return {at(test, kOr) + " ? " + at(body, kOr) + " : " + at(orelse, kOr), kConditional,
            Form::kPlain, std::max({test.depth, body.depth, orelse.depth}) + 1};
  }
  Value result;
  if (type.is_counted()) {
    result = owned_temporary(type, "");
  } else if (!type.is_void()) {
    result.text = new_name("t");
    out_.line(declare(type, result.text) + ";");
  }
  out_.open("if (" + condition(*expr.test) + ")");
  for (const tree::Expr* branch : {expr.body.get(), expr.orelse.get()}) {
    const bool declared = has_declared_;
    const Bound bound = bound_;
    const Value made = value(*branch);
    bound_ = bound;
    if (type.is_counted()) {
      out_.line(result.text + " = " + as_ref(made) + ";");
    } else {
      out_.line(type.is_void() ? made.text + ";" : result.text + " = " + made.text + ";");
    }
    has_declared_ = declared;
    if (branch == expr.body.get()) out_.next("} else {");
  }
  out_.close();
  return result;
}

std::string FunctionEmitter::condition(const tree::Expr& expr) {
  if (!effects_(expr).has_statements) return value(expr).text;
  const std::size_t mark = out_.mark();
  const int n_owned = n_owned_;
  const bool declared = has_declared_;
  const Value made = value(expr);
  if (n_owned_ == n_owned) return made.text;
  // Drop the objects before what depends on the answer runs.
  has_declared_ = declared;
  const std::string name = new_name("t");
  out_.line(name + " = " + made.text + ";");
  out_.enclose_since(mark);
  out_.insert(mark, "int " + name + ";");
  return name;
}

// ---- with statements in them ----

Value FunctionEmitter::block_value(const tree::BlockExpr& expr) {
  tree::Block const& body = expr.body;
  block(body);
  // The block's own variables drop what they hold, as nothing reads them any more.
  std::set<const Variable*> own;
  for (const Variable* variable : effects_.of_block(body).writes) {
    if (variable->kind == VariableKind::kTemporary && variable->type->is_counted())
      own.insert(variable);
  }
  const auto* ref = tree::try_as<tree::VariableRef>(expr.result.get());
  Value made;
  if (ref != nullptr && own.contains(ref->variable)) {
    made = owned_temporary(*expr.type, ref->variable->cpp + ".release()");
    emptied_.insert(ref->variable);
    own.erase(ref->variable);
  } else {
    made = value(*expr.result);
    const Effects& effects = effects_(*expr.result);
    const bool depends = std::any_of(own.begin(), own.end(),
                                     [&](const Variable* v) { return effects.reads.contains(v); });
    if (depends) made = kept(std::move(made), *expr.result->type);
  }
  for (const Variable& variable : function_.variables) {
    if (!own.contains(&variable)) continue;
    emptied_.insert(&variable);
    out_.line(variable.cpp + ".reset();");
  }
  return made;
}

// ---- values that are assigned or dropped ----

void FunctionEmitter::assign(const Variable& target, const Value& value) {
  if (target.type->buffer != nullptr) acquire_buffer(target, plain(value), {});
  note_bound(target);
  if (!target.type->is_counted()) {
    if (target.type->kind == TypeKind::kArray) {
      out_.line("std::memcpy(" + target.cpp + ", " + value.text + ", sizeof " + target.cpp + ");");
    } else {
      out_.line(target.cpp + " = " + value.text + ";");
    }
  } else if (owns(target)) {
    out_.line(value.form == Form::kOwned ? target.cpp + " = std::move(" + value.text + ");"
                                         : target.cpp + ".borrow(" + value.text + ");");
  } else {
    out_.line("Py_XSETREF(" + target.cpp + ", " + as_new(value) + ");");
  }
}

void FunctionEmitter::drop(const tree::Expr& expr) {
  if (const auto* helper = tree::try_as<tree::Helper>(&expr)) {
    const std::string failure = helper->name == "er::reraise" ? fail_at(0) : std::string();
    const auto failed = [&] { return failure.empty() ? fail(expr.range) : failure; };
    if (helper->fail == Fail::kNull) {
      if (const std::string text = dropped_text(*helper); !text.empty())
        return out_.line("if (" + text + " < 0) " + failed());
      const std::string text = helper_text(*helper);
      const bool is_owned = expr.type->is_object() && !helper->is_borrowed;
      out_.line("if (!" + (is_owned ? "er::Ref(" + text + ")" : text) + ") " + failed());
      return;
    }
    if (helper->fail == Fail::kMinusOne) {
      const std::string text = helper_text(*helper);
      out_.line("if (" + text + " < 0) " + failed());
      return;
    }
  }
  const Value made = value(expr);
  const bool is_statement = made.form == Form::kPlain && !made.text.empty() &&
                            (effects_(expr).is_active || expr.type->is_void());
  const bool is_temporary = made.text.size() > 1 && made.text[0] == 't' &&
                            made.text.find_first_not_of("0123456789", 1) == std::string::npos;
  if (is_statement && !is_temporary) out_.line(made.text + ";");
}

}  // namespace engineroom::emit
