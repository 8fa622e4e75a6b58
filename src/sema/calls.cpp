#include <algorithm>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;
using syntax::in_quotes;

bool is_plain(const syntax::Call& call) {
  return call.keywords.empty() &&
         std::none_of(call.args.begin(), call.args.end(),
                      [](const syntax::Expr* arg) { return arg->kind == ExprKind::kStarred; });
}

ExprPtr Analyzer::call(const syntax::Call& call, const Type* wanted) {
  (void)wanted;
  if (const std::optional<std::string> known = cython_name(*call.func))
    return cython_call(*known, call);
  if (const Symbol* symbol = find_dotted(*call.func)) {
    if (symbol->kind == SymbolKind::kFunction)
      return c_call(symbol_value(*symbol, call.func->range), *symbol->type, call, symbol->name);
    if (symbol->kind == SymbolKind::kType && symbol->type->kind == TypeKind::kStruct)
      return struct_call(*symbol->type, call.args, call.keywords, call.range);
  }
  if (call.func->kind == ExprKind::kName) {
    const std::string_view id = as<syntax::Name>(*call.func).id;
    if (ExprPtr special = builtin_call(id, call)) return special;
    const Type* result = is_builtin(id) ? builtin_result(id) : object_;
    return python_call(expr(*call.func), call, result);
  }
  if (call.func->kind == ExprKind::kAttribute && is_plain(call)) {
    // A method is called without making a bound one.
    ExprPtr callee = attribute(as<syntax::Attribute>(*call.func));
    auto* got = tree::try_as<tree::Helper>(callee.get());
    if (got != nullptr && got->name == "er::get_attr") {
      const std::string_view name = as<syntax::Attribute>(*call.func).attr.text;
      if (ExprPtr known = view_method(*got, name, call)) return known;
      got->name = "er::call_method";
      got->type = method_result(got->args[0]->type->object_class,
                                as<syntax::Attribute>(*call.func).attr.text);
      got->range = call.range;
      const ObjectClass owner = got->args[0]->type->object_class;
      const std::string_view method = as<syntax::Attribute>(*call.func).attr.text;
      const bool joins =
          (owner == ObjectClass::kStr || owner == ObjectClass::kBytes) && method == "join";
      const bool converts = (owner == ObjectClass::kStr && method == "encode") ||
                            (owner == ObjectClass::kBytes && method == "decode");
      for (const syntax::Expr* arg : call.args) {
        const auto* generator = joins ? syntax::try_as<syntax::GeneratorExp>(arg) : nullptr;
        const auto* codec = converts ? syntax::try_as<syntax::Str>(arg) : nullptr;
        // The names of encodings may be bytes, as C has them.
        const bool is_bytes = codec != nullptr && codec->str_kind == syntax::StrKind::kBytes;
        got->args.push_back(is_bytes ? str_constant(codec->bytes, arg->range)
                            : generator == nullptr
                                ? (converts ? codec_name(*arg) : object(*arg))
                                : comprehension(ObjectClass::kList, nullptr, *generator->elt,
                                                generator->generators, generator->range));
      }
      if (got->args[0]->type->object_class == ObjectClass::kDict && call.args.empty())
        return dict_view(std::move(callee), as<syntax::Attribute>(*call.func).attr.text);
      return callee;
    }
    return python_call(std::move(callee), call, object_);
  }
  return python_call(expr(*call.func), call, object_);
}

// The name of an encoding, which may be a char * as well.
ExprPtr Analyzer::codec_name(const syntax::Expr& arg) {
  ExprPtr value = expr(arg, object_);
  if (!value->type->is_char_pointer()) return to_object(std::move(value));
  auto text = make<tree::Cast>(types_.pointer_to(types_.const_of(types_.char_type())), arg.range);
  text->value = std::move(value);
  return helper("PyUnicode_FromString", types_.object(ObjectClass::kStr), Fail::kNull, arg.range,
                std::move(text));
}

// ---- C ----

// An argument for `...`, where only C values can go.
ExprPtr Analyzer::vararg(const syntax::Expr& arg) {
  const Type* chars = types_.pointer_to(types_.const_of(types_.char_type()));
  ExprPtr value = expr(arg, chars);
  if (!value->type->is_object() || is_error(*value)) return value;
  switch (value->type->object_class) {
    case ObjectClass::kBytes:
    case ObjectClass::kByteArray:
      return coerce(std::move(value), types_.pointer_to(types_.char_type()));
    case ObjectClass::kFloat:
      return coerce(std::move(value), types_.double_type());
    case ObjectClass::kBool:
      return coerce(std::move(value), types_.bint());
    default:
      diagnostics_
          .error("arguments", arg.range, "a Python object cannot be passed where '...' stands")
          .hint("cast it to the C type that the function expects there");
      return error_value(arg.range);
  }
}

ExprPtr Analyzer::c_call(ExprPtr callee, const Type& function, const syntax::Call& call,
                         std::string_view name) {
  auto node = make<tree::Call>(function.base, call.range);
  const std::size_t n = function.parameters.size();
  std::vector<ExprPtr> args(n);
  std::vector<ExprPtr> more;
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    const syntax::Expr& arg = *call.args[i];
    if (arg.kind == ExprKind::kStarred) {
      not_supported(arg.range, "starred arguments of C functions");
      return error_value(call.range);
    }
    if (i < n) {
      const Type* wanted = function.parameters[i].type;
      args[i] = coerce(assigned_power(expr(arg, wanted), *wanted), wanted);
    } else if (function.has_varargs) {
      more.push_back(vararg(arg));
    } else {
      diagnostics_.error("arguments", arg.range,
                         "'" + std::string(name) + "' takes " + std::to_string(n) +
                             (n == 1 ? " argument, not " : " arguments, not ") +
                             std::to_string(call.args.size()));
      return error_value(call.range);
    }
  }
  bool is_wrong = false;
  for (const syntax::Keyword& keyword : call.keywords) {
    const auto found = std::find_if(
        function.parameters.begin(), function.parameters.end(),
        [&](const tree::Parameter& p) { return p.name == keyword.name.text && !p.name.empty(); });
    const auto i = static_cast<std::size_t>(found - function.parameters.begin());
    const std::string_view given = keyword.name.text;
    if (found == function.parameters.end()) {
      diagnostics_.error("arguments", keyword.name.range,
                         in_quotes(name) + " has no parameter " + in_quotes(given));
    } else if (args[i] != nullptr) {
      diagnostics_.error("arguments", keyword.name.range,
                         "argument " + in_quotes(given) + " passed twice");
    } else {
      args[i] = coerce(expr(*keyword.value, found->type), found->type);
      continue;
    }
    is_wrong = true;
  }
  if (is_wrong) return error_value(call.range);
  for (std::size_t i = 0; i < n; ++i) {
    if (!args[i] && function.parameters[i].is_optional)
      args[i] = c_default(*callee, i, function.parameters[i].type, call.range);
  }
  const auto missing = std::find_if(args.begin(), args.end(), [](const ExprPtr& a) { return !a; });
  if (missing != args.end()) {
    const auto i = static_cast<std::size_t>(missing - args.begin());
    if (function.parameters[i].is_optional) {
      not_supported(call.range, "calls that leave out optional arguments of this C function");
    } else {
      const std::string& parameter = function.parameters[i].name;
      diagnostics_
          .error("arguments", call.range,
                 "'" + std::string(name) + "' takes " + std::to_string(n) +
                     (n == 1 ? " argument, not " : " arguments, not ") +
                     std::to_string(call.args.size() + call.keywords.size()))
          .hint(parameter.empty() ? "" : in_quotes(parameter) + " is missing");
    }
    return error_value(call.range);
  }
  node->callee = std::move(callee);
  node->args = std::move(args);
  for (ExprPtr& arg : more) node->args.push_back(std::move(arg));
  return node;
}

// Point(1, y=2): a struct made of its fields; also [1, 2] where one is wanted.
ExprPtr Analyzer::struct_call(const Type& type, const syntax::List<const syntax::Expr*>& args,
                              const syntax::List<syntax::Keyword>& keywords,
                              syntax::SourceRange range) {
  auto block = make<tree::BlockExpr>(&type, range);
  Variable* made = temporary(&type);
  const auto set = [&](const tree::Field& field, const syntax::Expr& value) {
    auto place = make<tree::FieldAccess>(field.type, value.range);
    place->value = variable(made, value.range);
    place->cpp = field.cpp;
    auto stmt = make_stmt<tree::Assign>(value.range);
    stmt->target = std::move(place);
    stmt->value = coerce(expr(value, field.type), field.type);
    block->body.push_back(std::move(stmt));
  };
  if (args.size() > type.fields.size()) {
    diagnostics_.error(
        "arguments", range,
        "'" + type.name + "' has only " + std::to_string(type.fields.size()) + " fields");
    return error_value(range);
  }
  for (std::size_t i = 0; i < args.size(); ++i) set(type.fields[i], *args[i]);
  for (const syntax::Keyword& keyword : keywords) {
    const tree::Field* field = type.find_field(keyword.name.text);
    if (field == nullptr) {
      diagnostics_.error(
          "no-field", keyword.value->range,
          "'" + type.name + "' has no field '" + std::string(keyword.name.text) + "'");
      return error_value(range);
    }
    set(*field, *keyword.value);
  }
  block->result = variable(made, range);
  return block;
}

// Python 2's methods of what is declared as dict: d.iteritems() is iter(d.items()).
ExprPtr Analyzer::dict_view(ExprPtr call, std::string_view name) {
  const bool is_iterator = name.starts_with("iter");
  if (!is_iterator && !name.starts_with("view")) return call;
  const std::string_view view = name.substr(4);
  if (view != "items" && view != "keys" && view != "values") return call;
  tree::try_as<tree::Helper>(call.get())->args[1] = str_constant(view, call->range);
  const syntax::SourceRange range = call->range;
  return is_iterator ? object_helper("PyObject_GetIter", range, std::move(call)) : std::move(call);
}

// ---- names of the module cython ----

ExprPtr Analyzer::cython_call(std::string_view name, const syntax::Call& call) {
  if (name == "cast" && call.args.size() >= 2) {
    if (const Type* type = type_of_expr(*call.args[0])) {
      ExprPtr value = expr(*call.args[1], type);
      if (type->is_object() || value->type->is_object()) return coerce(std::move(value), type);
      auto node = make<tree::Cast>(type, call.range);
      node->value = std::move(value);
      return node;
    }
  }
  if (name == "sizeof" && call.args.size() == 1) {
    const Type* type = type_of_expr(*call.args[0]);
    if (type == nullptr) type = expr(*call.args[0])->type;
    return c_literal(types_.find_int("size_t"), "sizeof(" + tree::declare(*type, "") + ")",
                     call.range);
  }
  if (name == "address" && call.args.size() == 1) {
    ExprPtr value = expr(*call.args[0]);
    auto node = make<tree::AddressOf>(types_.pointer_to(value->type), call.range);
    node->value = std::move(value);
    return node;
  }
  if (name == "parallel.threadid" && call.args.empty() && is_plain(call)) {
    out_.uses_openmp = true;
    return helper("er::thread_number", types_.int_type(), Fail::kNever, call.range);
  }
  if (name == "parallel.prange") {
    diagnostics_.error("parallel-loop", call.range,
                       "prange() can only be used as part of a for loop");
    return error_value(call.range);
  }
  if (name == "typeof" && call.args.size() == 1)
    return str_constant(expr(*call.args[0])->type->name, call.range);
  if (const Type* type = view_class(name))
    return python_call(cython_object(name, call.func->range), call, type);
  if (const Type* type = cython_type(name); type != nullptr && call.args.size() == 1)
    return coerce(expr(*call.args[0], type), type);
  not_supported(call.range, "cython." + std::string(name));
  return error_value(call.range);
}

// ---- Python ----

ExprPtr Analyzer::python_call(ExprPtr callee, const syntax::Call& call, const Type* result) {
  if (is_error(*callee)) {
    for (const syntax::Expr* arg : call.args)
      expr(arg->kind == ExprKind::kStarred ? *as<syntax::Starred>(*arg).value : *arg);
    for (const syntax::Keyword& keyword : call.keywords) expr(*keyword.value);
    return callee;
  }
  if (callee->type->kind == TypeKind::kFunction) {
    const Type& function = *callee->type;
    return c_call(std::move(callee), function, call, "the function");
  }
  if (callee->type->is_pointer() && callee->type->base->kind == TypeKind::kFunction) {
    const Type& function = *callee->type->base;
    return c_call(std::move(callee), function, call, "the function");
  }
  if (!callee->type->is_object()) {
    diagnostics_.error("not-callable", call.func->range,
                       "'" + callee->type->name + "' cannot be called");
    return error_value(call.range);
  }
  if (is_plain(call)) {
    auto node = make<tree::Helper>(result, call.range);
    node->name = "er::call";
    node->fail = Fail::kNull;
    node->args.push_back(std::move(callee));
    for (const syntax::Expr* arg : call.args) node->args.push_back(object(*arg));
    return node;
  }
  const bool has_star =
      std::any_of(call.args.begin(), call.args.end(),
                  [](const syntax::Expr* arg) { return arg->kind == ExprKind::kStarred; });
  const bool has_double_star =
      std::any_of(call.keywords.begin(), call.keywords.end(),
                  [](const syntax::Keyword& keyword) { return keyword.name.empty(); });
  if (!has_star && !has_double_star) {
    auto node = make<tree::Helper>(result, call.range);
    node->name = "er::call_kw";
    node->fail = Fail::kNull;
    node->args.push_back(std::move(callee));
    tree::Constant names{tree::ConstantKind::kTuple, {}, 0, {}};
    for (const syntax::Keyword& keyword : call.keywords) {
      ExprPtr name = str_constant(keyword.name.text, keyword.name.range);
      names.items.push_back(tree::as<tree::PyConstant>(*name).index);
    }
    node->args.push_back(constant(std::move(names), ObjectClass::kTuple, call.range));
    for (const syntax::Expr* arg : call.args) node->args.push_back(object(*arg));
    for (const syntax::Keyword& keyword : call.keywords)
      node->args.push_back(object(*keyword.value));
    return node;
  }
  auto block = make<tree::BlockExpr>(result, call.range);
  Variable* function = keep(std::move(callee), block->body);
  Variable* args = keep(
      sequence_display("er::make_tuple", ObjectClass::kTuple, call.args, call.range), block->body);
  ExprPtr keywords = c_literal(object_, "nullptr", call.range);
  if (!call.keywords.empty()) {
    const Type* dict = types_.object(ObjectClass::kDict);
    Variable* made = keep(helper("er::make_dict", dict, Fail::kNull, call.range), block->body);
    for (const syntax::Keyword& keyword : call.keywords) {
      const syntax::SourceRange range = keyword.value->range;
      if (keyword.name.empty()) {
        do_helper(block->body, "er::kwargs_update", range, variable(made, range),
                  object(*keyword.value), variable(function, range));
      } else {
        ExprPtr name = str_constant(keyword.name.text, range);
        ExprPtr value = object(*keyword.value);
        do_helper(block->body, "er::kwargs_set", range, variable(made, range), std::move(name),
                  std::move(value), variable(function, range));
      }
    }
    keywords = variable(made, call.range);
  }
  block->result =
      helper("er::call_ex", result, Fail::kNull, call.range, variable(function, call.range),
             variable(args, call.range), std::move(keywords));
  return block;
}

}  // namespace engineroom::sema
