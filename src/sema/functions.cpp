#include <utility>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;
using syntax::StmtKind;

tree::Function& Analyzer::new_function(tree::FunctionKind kind, std::string_view name,
                                       syntax::SourceRange range) {
  tree::Function& function = out_.functions.emplace_back();
  function.kind = kind;
  function.name = name;
  function.qualname = name;
  function.cpp = unique_cpp("f_", name == "<lambda>" ? "lambda" : name);
  if (kind != tree::FunctionKind::kDef) function.cpp += shared_suffix();
  function.range = range;
  function.result = object_;
  return function;
}

void Analyzer::take_docstring(const syntax::Block& body, std::string& doc, bool& has_doc) {
  if (body.empty() || body.front()->kind != StmtKind::kExprStmt) return;
  const syntax::Expr* value = as<syntax::ExprStmt>(*body.front()).value;
  const auto* text = syntax::try_as<syntax::Str>(value);
  if (text == nullptr || text->str_kind == syntax::StrKind::kChar ||
      text->str_kind == syntax::StrKind::kBytes)
    return;
  doc = text->text;
  has_doc = true;
}

// ---- decorators ----

bool Analyzer::apply_directive_decorator(const syntax::Expr& decorator, Directives& directives) {
  const auto* call = syntax::try_as<syntax::Call>(&decorator);
  const std::optional<std::string> name = cython_name(call != nullptr ? *call->func : decorator);
  if (!name) return false;
  std::string value = "True";
  if (call != nullptr && !call->args.empty())
    value = std::string(sources_.text_of(call->args[0]->range));
  switch (directives.set(*name, value)) {
    case Directives::Set::kOk:
      return true;
    case Directives::Set::kBadValue:
      diagnostics_.error("directive", decorator.range,
                         "directive '" + *name + "' is True or False, not " + value);
      return true;
    case Directives::Set::kUnsupported:
      not_supported(decorator.range, "the directive " + *name);
      return true;
    case Directives::Set::kUnknown:
      break;
  }
  // Of def functions only their C namesakes have a return type.
  if (*name == "locals" || *name == "returns") return true;
  if (*name == "ccall" || *name == "cfunc" || *name == "inline" || *name == "nogil" ||
      *name == "exceptval" || *name == "noexcept" || *name == "gil" || *name == "with_gil" ||
      *name == "ufunc") {
    not_supported(decorator.range, "cython." + *name);
    return true;
  }
  diagnostics_.error("directive", decorator.range, "there is no directive '" + *name + "'");
  return true;
}

ExprPtr Analyzer::decorated(ExprPtr function, const syntax::List<const syntax::Expr*>& decorators) {
  for (std::size_t i = decorators.size(); i-- > 0;) {
    const auto* call = syntax::try_as<syntax::Call>(decorators[i]);
    if (cython_name(call != nullptr ? *call->func : *decorators[i])) continue;
    ExprPtr decorator = object(*decorators[i]);
    function =
        object_helper("er::call", decorators[i]->range, std::move(decorator), std::move(function));
  }
  return function;
}

// ---- def ----

void Analyzer::add_parameters(FunctionContext& context, const syntax::Params& params) {
  tree::Function& function = *context.function;
  for (const syntax::Param& param : params.params) {
    const Type* type = object_;
    bool allows_none = param.none_rule != syntax::NoneRule::kNotNone;
    const auto given = context.given.find(param.name.text);
    if (param.kind == syntax::ParamKind::kVarArgs) {
      type = types_.object(ObjectClass::kTuple);
    } else if (param.kind == syntax::ParamKind::kVarKeywords) {
      type = types_.object(ObjectClass::kDict);
    } else if (given != context.given.end()) {
      type = given->second;
    } else if (param.type->kind != syntax::CTypeKind::kImplicit) {
      const auto* named = syntax::try_as<syntax::CNamedType>(param.type);
      // def f(x): one word is the name.
      type = named != nullptr && named->may_be_name && param.name.empty()
                 ? object_
                 : ctype(*param.type, here());
    } else if (param.annotation != nullptr) {
      Annotation said = annotation(*param.annotation);
      const bool defaults_to_none =
          param.default_value != nullptr && param.default_value->kind == ExprKind::kNone;
      if (defaults_to_none) said = or_none(said);
      if (said.type != nullptr) {
        type = said.type;
        allows_none = said.allows_none;
      }
    }
    std::string_view name = param.name.text;
    if (name.empty() && param.type->kind == syntax::CTypeKind::kNamed)
      name = as<syntax::CNamedType>(*param.type).name();
    if (!type->is_object() && (type->kind == TypeKind::kArray || !can_be_read(*type))) {
      diagnostics_
          .error("parameter-type", param.range,
                 "a parameter of a def function cannot be of type '" + type->name + "'")
          .hint("Python calls it with objects: make it a cdef function");
      type = object_;
    }
    if (param.none_rule == syntax::NoneRule::kNotNone && !type->is_counted())
      diagnostics_.error(
          "not-none", param.range,
          "only Python objects can be 'not None', not a " + syntax::in_quotes(type->name));
    if (context.locals.contains(name)) {
      diagnostics_.error("duplicate-parameter", param.range,
                         "two parameters are called '" + std::string(name) + "'");
      continue;
    }
    if (type->extension != nullptr) class_index(*type->extension);
    Variable* variable = new_variable(name, type, VariableKind::kParameter);
    context.locals.emplace(std::string(name), variable);
    context.bound.insert(variable);
    tree::PyParameter made;
    made.kind = static_cast<tree::ParamKind>(param.kind);
    made.variable = variable;
    made.has_default = param.default_value != nullptr;
    made.allows_none = allows_none;
    made.is_converted = is_converted_class(type->object_class);
    function.py_parameters.push_back(made);
  }
}

// Parameters declared as Python's int or float take what can be converted to it.
void Analyzer::convert_parameters() {
  tree::Function& function = *context_->function;
  for (const tree::PyParameter& parameter : function.py_parameters) {
    if (!parameter.is_converted) continue;
    const bool is_int = parameter.variable->type->object_class == ObjectClass::kInt;
    ExprPtr converted =
        helper(is_int ? "er::int_argument" : "er::float_argument", parameter.variable->type,
               Fail::kNull, function.range, variable(parameter.variable, function.range),
               str_constant(parameter.variable->name, function.range),
               c_literal(types_.bint(), parameter.allows_none ? "1" : "0", function.range));
    assign_variable(function.body, parameter.variable, std::move(converted), function.range);
  }
}

ExprPtr Analyzer::make_function(tree::Function& function, const syntax::Params& params,
                                const syntax::Block* body, const syntax::Expr* value,
                                const NameSet& names, const syntax::Expr* returns,
                                const Directives& directives, GivenTypes given) {
  auto made = make<tree::MakeFunction>(object_, function.range);
  made->function = &function;
  // Defaults belong to what is around the function.
  for (const syntax::Param& param : params.params)
    if (param.default_value != nullptr) made->defaults.push_back(object(*param.default_value));
  for (const syntax::Param& param : params.params)
    if (param.annotation != nullptr)
      made->annotations.emplace_back(
          std::string(param.name.text),
          str_constant(sources_.text_of(param.annotation->range), param.annotation->range));
  if (returns != nullptr)
    made->annotations.emplace_back("return",
                                   str_constant(sources_.text_of(returns->range), returns->range));

  FunctionContext context;
  context.function = &function;
  context.outer = context_;
  context.directives = directives;
  context.given = std::move(given);
  context.closure = context_->closure;
  FunctionContext* before = context_;
  before->comprehensions = std::exchange(inner_scopes_, {});
  context_ = &context;
  if (!before->is_module)
    function.qualname = before->function->qualname + ".<locals>." + function.name;
  add_parameters(context, params);
  Block entry;
  if (value != nullptr) {
    collect_in_expr(*value);
    add_free_variables(names);
    capture(names_used_inside(*value), entry);
    auto stmt = make_stmt<tree::Return>(value->range);
    stmt->value = object(*value);
    function.body = std::move(entry);
    function.body.push_back(std::move(stmt));
  } else {
    take_docstring(*body, function.doc, function.has_doc);
    collect_locals(*body);
    add_free_variables(names);
    apply_given_types(context.given);
    capture(names_used_inside(*body), entry);
    infer_types(*body);
    convert_parameters();
    for (StmtPtr& stmt : entry) function.body.push_back(std::move(stmt));
    if (returns != nullptr) context.returns = annotation(*returns).type;
    check_flow(params, *body);
    for (StmtPtr& stmt : block(*body)) function.body.push_back(std::move(stmt));
  }
  close_function();
  context_ = before;
  inner_scopes_ = std::exchange(before->comprehensions, {});
  return made;
}

ExprPtr Analyzer::def_function(const syntax::FunctionDef& def) {
  if (def.is_async) {
    not_supported(def.header, "async functions");
    return nullptr;
  }
  if (!def.type_params.empty()) {
    not_supported(def.header, "type parameters");
    return nullptr;
  }
  if (context_->is_module && announced_.contains(def.name.text)) {
    not_supported(def.header, "def functions that a .pxd gives C types");
    return nullptr;
  }
  Directives directives = context_->directives;
  // The outer ones come last: they win.
  for (std::size_t i = def.decorators.size(); i-- > 0;)
    apply_directive_decorator(*def.decorators[i], directives);
  tree::Function& function = new_function(tree::FunctionKind::kDef, def.name.text, def.header);
  ExprPtr made = make_function(function, *def.params, &def.body, nullptr, free_names(def),
                               def.returns, directives, given_types(def.decorators));
  return decorated(std::move(made), def.decorators);
}

ExprPtr Analyzer::lambda(const syntax::Lambda& lambda) {
  tree::Function& function = new_function(tree::FunctionKind::kDef, "<lambda>", lambda.range);
  return make_function(function, *lambda.params, nullptr, lambda.body, free_names(lambda), nullptr,
                       context_->directives, {});
}

// ---- cdef, cpdef ----

void Analyzer::c_function(const syntax::CFuncDef& def) {
  const auto found = functions_.find(&def);
  if (found == functions_.end() || !def.has_body) return;
  tree::Function& function = *found->second;
  FunctionContext context;
  context.function = &function;
  context.outer = context_;
  context.scope = context_->scope;
  context.directives = context_->directives;
  for (std::size_t i = def.decorators.size(); i-- > 0;)
    if (!apply_directive_decorator(*def.decorators[i], context.directives) &&
        !function.is_of_pxd)  // properties of classes that headers define
      diagnostics_.error("decorator", def.decorators[i]->range, "a C function cannot be decorated")
          .hint(
              "C code calls it directly; only directives such as @cython.cdivision(True) are "
              "possible");
  context.given = given_types(def.decorators);
  context.has_gil = context.is_gil_known = !function.type->is_nogil || def.type->with_gil;
  function.takes_gil = def.type->with_gil;
  FunctionContext* before = context_;
  context_ = &context;
  const syntax::Params& params = *def.type->params;
  Block body;
  for (std::size_t i = 0; i < function.type->parameters.size(); ++i) {
    const tree::Parameter& parameter = function.type->parameters[i];
    std::string_view name = params.params[i].name.text;
    if (name.empty() && params.params[i].type->kind == syntax::CTypeKind::kNamed)
      name = as<syntax::CNamedType>(*params.params[i].type).name();
    if (context.given.contains(name))
      not_supported(params.params[i].range, "cython.locals of parameters of C functions");
    refuse_incomplete(*parameter.type, params.params[i].range, "a parameter");
    if (parameter.type->extension != nullptr) class_index(*parameter.type->extension);
    Variable* variable = new_variable(name, parameter.type, VariableKind::kParameter);
    Variable* local = take_buffer(params.params[i], variable, body);
    context.locals.emplace(std::string(name), local);
    context.bound.insert(local);
    function.c_parameters.push_back(variable);
    if (def.is_cpdef) {
      tree::PyParameter made;
      made.kind = static_cast<tree::ParamKind>(params.params[i].kind);
      made.variable = variable;
      made.has_default = parameter.is_optional;
      made.allows_none = params.params[i].none_rule != syntax::NoneRule::kNotNone;
      function.py_parameters.push_back(made);
    }
  }
  take_docstring(def.body, function.doc, function.has_doc);
  if (def.is_cpdef)
    if (first_closure(def.body) != nullptr)
      diagnostics_
          .error("cpdef-closure", function.range,
                 "closures inside cpdef functions not yet supported")
          .hint("make it a def function, or a cdef function and a def function that calls it");
  collect_locals(def.body);
  apply_given_types(context.given);
  capture(names_used_inside(def.body), body);
  infer_types(def.body);
  check_flow(params, def.body);
  for (StmtPtr& stmt : block(def.body)) body.push_back(std::move(stmt));
  function.body = std::move(body);
  context_ = before;
}

// What the parameter of a C function is called in its body: if it was declared with a buffer, a
// local that holds the object's memory.
Variable* Analyzer::take_buffer(const syntax::Param& param, Variable* parameter, Block& out) {
  if (param.type->kind != syntax::CTypeKind::kTemplate) return parameter;
  const Type* type = ctype(*param.type, here());
  if (type->buffer == nullptr) return parameter;
  Variable* local = new_variable(parameter->name, type, VariableKind::kLocal);
  assign_to_variable(local, variable(parameter, param.range), out, param.range);
  return local;
}

void Analyzer::define_functions(const syntax::Block& body) {
  for (const syntax::Stmt* stmt : body) {
    if (const syntax::Block* inner = stands_for(*stmt)) define_functions(*inner);
    if (stmt->kind == StmtKind::kCFuncDef) c_function(as<syntax::CFuncDef>(*stmt));
    if (stmt->kind == StmtKind::kCDefBlock) define_functions(as<syntax::CDefBlock>(*stmt).body);
  }
}

}  // namespace engineroom::sema
