// Calls of C functions, and the function objects of Python's.
#include "emit/function_emitter.h"
#include "emit/text.h"
#include "tree/function_type.h"

namespace engineroom::emit {

using tree::Except;
using tree::Type;
using tree::TypeKind;

// ---- calls of C functions ----

std::string FunctionEmitter::failure_test(const Type& function, const std::string& name) const {
  const Type& result = *function.base;
  switch (function.except) {
    case Except::kNever:
    case Except::kCpp:
      return "";
    case Except::kNull:
      return "!" + name;
    case Except::kValue:
    case Except::kMaybeValue: {
      const std::string equal =
          result.is_float()
              ? "er::same<" + result.cpp + ">(" + name + ", " + function.except_value + ")"
          : result.is_pointer() || result.is_integral()
              ? name + " == (" + result.cpp + ")(" + function.except_value + ")"
              : name + " == " + function.except_value;
      return function.except == Except::kValue ? equal : equal + " && " + error_occurred();
    }
    case Except::kAlwaysAsk:
      return error_occurred();
  }
  return "";
}

std::string FunctionEmitter::call_text(const tree::Call& expr) {
  const Type& type = function_type(*expr.callee);
  std::vector<const tree::Expr*> exprs = {expr.callee.get()};
  for (const tree::ExprPtr& arg : expr.args) exprs.push_back(arg.get());
  const std::vector<Value> parts = values(exprs);
  const auto* name = tree::try_as<tree::FunctionName>(expr.callee.get());
  const bool is_foreign = name != nullptr && name->is_extern;
  std::vector<std::string> args;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    // Neither through `...` nor into the casts of a macro can a Ref go.
    const bool is_vararg = i > type.parameters.size();
    std::string arg = is_vararg || is_foreign ? plain(parts[i]) : parts[i].text;
    const tree::ExtensionClass* extension =
        is_vararg ? nullptr : type.parameters[i - 1].type->extension;
    if (is_foreign && extension != nullptr && !extension->struct_cpp.empty())
      arg = "(" + extension->struct_cpp + "*)" + arg;
    args.push_back(std::move(arg));
  }
  const std::string text = at(parts[0], kPrimary) + "(" + joined(args) + ")";
  // What a header declares may differ from what the source says, as C lets it.
  const bool is_lax = type.base->is_pointer() || type.base->kind == TypeKind::kEnum ||
                      type.base->extension != nullptr;
  if (is_lax && is_foreign) return "(" + type.base->cpp + ")" + text;
  return text;
}

Value FunctionEmitter::call(const tree::Call& expr) {
  const Type& type = function_type(*expr.callee);
  const Type& result = *type.base;
  const std::string text = call_text(expr);
  if (type.except == Except::kCpp) {
    Value made;
    if (result.is_counted()) {
      made = owned_temporary(result, "");
    } else if (!result.is_void()) {
      made.text = new_name("t");
      out_.line(declare(result, made.text) + ";");
    }
    const std::string body = result.is_counted()
                                 ? made.text + " = " + owner_type(result) + "(" + text + ")"
                             : result.is_void() ? text
                                                : made.text + " = " + text;
    const std::string handler = type.except_value.empty() ? "" : type.except_value;
    out_.line("try { " + body + "; }");
    out_.line("catch (...) { er::from_cpp_exception(" + handler + "); " + fail(expr.range) + " }");
    if (result.is_counted()) out_.line("if (!" + made.text + ") " + fail(expr.range));
    return made;
  }
  if (type.except == Except::kNever && !result.is_counted())
    return {text, text.starts_with('(') ? kUnary : kPrimary, Form::kPlain, 1};
  Value made;
  if (result.is_counted()) {
    made = owned_temporary(result, text);
  } else if (result.is_void()) {
    out_.line(text + ";");
  } else {
    made = temporary(result, text);
  }
  const std::string test = failure_test(type, made.text);
  if (!test.empty()) out_.line("if (" + test + ") " + fail(expr.range));
  return made;
}

// ---- functions of Python ----

std::string FunctionEmitter::make_function_text(const tree::MakeFunction& expr) {
  const tree::Function& function = *expr.function;
  std::vector<const tree::Expr*> exprs;
  for (const tree::ExprPtr& value : expr.defaults) exprs.push_back(value.get());
  for (const auto& [name, value] : expr.annotations) exprs.push_back(value.get());
  const std::vector<Value> made = values(exprs);

  std::vector<std::string> defaults;
  std::vector<std::string> keyword_defaults;
  std::vector<std::string> annotations;
  const auto named = [](const std::string& name, const Value& value) {
    return "{" + quoted(name) + ", " + value.text + "}";
  };
  std::size_t next = 0;
  for (const tree::PyParameter& parameter : function.py_parameters) {
    if (!parameter.has_default || next >= expr.defaults.size()) continue;
    if (parameter.kind == tree::ParamKind::kKeywordOnly) {
      keyword_defaults.push_back(named(parameter.variable->name, made[next]));
    } else {
      defaults.push_back(made[next].text);
    }
    ++next;
  }
  for (std::size_t i = 0; i < expr.annotations.size(); ++i)
    annotations.push_back(named(expr.annotations[i].first, made[expr.defaults.size() + i]));

  const auto collected = [&](const char* helper, const std::vector<std::string>& items) {
    if (items.empty()) return std::string("nullptr");
    const Value value = owned_temporary(std::string(helper) + "({" + joined(items) + "})");
    out_.line("if (!" + value.text + ") " + fail(expr.range));
    return value.text;
  };
  const std::string tuple = collected("er::make_tuple", defaults);
  const std::string keywords = collected("er::make_named_dict", keyword_defaults);
  const std::string notes = collected("er::make_named_dict", annotations);
  std::vector<std::string> arguments = {
      "&er_spec_" + function.cpp, "er_globals", "er_home", tuple, keywords, notes};
  if (function.outer_scope != nullptr) arguments.push_back(scope_owner(function.outer_scope));
  return "er::new_function(" + joined(arguments) + ")";
}

}  // namespace engineroom::emit
