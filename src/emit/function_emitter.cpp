#include "emit/function_emitter.h"

#include <algorithm>

#include "emit/text.h"

namespace engineroom::emit {

using tree::Except;
using tree::FunctionKind;
using tree::ParamKind;
using tree::Type;
using tree::TypeKind;
using tree::Variable;
using tree::VariableKind;

FunctionEmitter::FunctionEmitter(ModuleContext& context, const tree::Function& function)
    : context_(context), function_(function) {
  out_.set_source(static_cast<std::uint32_t>(function.range.source));
  const Effects effects = effects_.of_block(function.body);
  last_uses_ = last_uses(function, effects_);
  inner_ = inner_variables(function, effects_);
  addressed_ = addressed_variables(function);
  has_gil_ = !may_lack_gil();
  for (const Variable& variable : function.variables) {
    if (variable.is_assigned || effects.writes.contains(&variable)) assigned_.insert(&variable);
  }
}

bool FunctionEmitter::is_c_function() const {
  return function_.kind == FunctionKind::kCdef || function_.kind == FunctionKind::kCpdef;
}

// ---- places ----

std::uint32_t FunctionEmitter::line_of(syntax::SourceRange range) const {
  const auto id = static_cast<std::size_t>(range.source);
  if (id >= context_.sources.size()) return 0;
  return static_cast<std::uint32_t>(context_.sources[range.source].line_of(range.begin));
}

std::string FunctionEmitter::file_of(syntax::SourceRange range) const {
  const auto id = static_cast<std::size_t>(range.source);
  if (id >= context_.sources.size()) return "er_file";
  const std::string& name = context_.sources[range.source].name();
  return name == context_.file ? "er_file" : quoted(name);
}

std::string FunctionEmitter::fail(syntax::SourceRange range) {
  const std::uint32_t line = range.end > 0 ? line_of(range) : 0;
  return fail_at(line > 0 ? line : out_.source_line());
}

std::string FunctionEmitter::fail_at(std::uint32_t line) {
  is_handler_used_ = true;
  uses_at_ = true;
  return "{ er_at = " + std::to_string(line) + "; goto " + handler_ + "; }";
}

std::string FunctionEmitter::traceback_arguments() const {
  const std::string name =
      function_.kind == FunctionKind::kModuleInit ? "<module>" : function_.name;
  return quoted(name) + ", " + file_of(function_.range) + ", er_at, er_globals";
}

// ---- declarations ----

// " = 0": what C leaves undefined is 0 here, but for arrays and structs, where that costs.
std::string initial_value(const Type& type) {
  switch (type.kind) {
    case TypeKind::kStruct:
      // Python tells by what is in it whether it was made.
      return type.cpp == "Py_tss_t" ? " = Py_tss_NEEDS_INIT" : "";
    case TypeKind::kArray:
    case TypeKind::kComplex:
      return "";
    case TypeKind::kPointer:
      return " = nullptr";
    case TypeKind::kEnum:
      return type.cpp == "int" ? " = 0" : "{}";
    default:
      return " = 0";
  }
}

bool FunctionEmitter::owns(const Variable& variable) const {
  if (!variable.type->is_counted()) return false;
  if (variable.kind == VariableKind::kExtern || lent_views_.contains(&variable)) return false;
  if (variable.kind != VariableKind::kParameter) return true;
  // A view is made of what Python passes.
  return assigned_.contains(&variable) || (variable.type->is_view() && !is_c_function());
}

namespace {

std::string variable_definition(const Type& type, const std::string& name) {
  return type.is_counted() ? owner_type(type) + " " + name + ";"
                           : declare(type, name) + initial_value(type) + ";";
}

}  // namespace

std::string FunctionEmitter::result_declaration() const {
  const Type& result = *function_.type->base;
  return result.kind == TypeKind::kArray ? result.base->cpp + "*" : result.cpp;
}

std::string FunctionEmitter::c_signature(bool with_names) const {
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < function_.type->parameters.size(); ++i) {
    const Variable* variable =
        i < function_.c_parameters.size() ? function_.c_parameters[i] : nullptr;
    std::string name = variable != nullptr && with_names ? variable->cpp : "";
    if (variable != nullptr && with_names && owns(*variable)) name = "er_" + name;
    parameters.push_back(declare(*function_.type->parameters[i].type, name));
  }
  if (function_.type->has_varargs) parameters.emplace_back("...");
  const std::string text =
      declare(*function_.type->base, function_.cpp + "(" + joined(parameters) + ")");
  if (context_.options.is_shared && !function_.is_of_pxd) return text;
  return (function_.is_inline ? "static inline " : "static ") + text;
}

void FunctionEmitter::declare_locals(Writer& head) const {
  // What holds a buffer comes last first: destructors run backwards, and the first is to be
  // released first.
  for (const bool hold_buffers : {true, false}) {
    std::vector<const Variable*> variables;
    for (const Variable& variable : function_.variables) {
      const bool holds = variable.type->is_view() || variable.type->buffer != nullptr;
      if (holds == hold_buffers) variables.push_back(&variable);
    }
    if (hold_buffers) std::reverse(variables.begin(), variables.end());
    for (const Variable* variable : variables) declare_local(*variable, head);
  }
}

void FunctionEmitter::declare_local(const Variable& variable, Writer& head) const {
  if (variable.is_global() || inner_.is_inner(variable)) return;
  const bool is_c_parameter = variable.kind == VariableKind::kParameter && is_c_function();
  const Type& type = *variable.type;
  if (type.buffer != nullptr) declare_buffer(variable, head);
  if (type.is_counted()) {
    if (!owns(variable)) return;
    const std::string own = "er_" + variable.cpp;
    if (type.is_object() && may_lack_gil()) {
      head.line("er::NogilRef " + variable.cpp +
                (is_c_parameter ? "{er::new_ref_nogil(" + own + ")};" : ";"));
    } else {
      head.line(owner_type(type) + " " + variable.cpp +
                (is_c_parameter ? " = er::borrow(" + own + ");" : ";"));
    }
  } else if (!is_c_parameter) {
    head.line(declare(type, variable.cpp) + initial_value(type) + ";");
  }
}

void FunctionEmitter::take_python_arguments() {
  // Positional, keyword-only, *args, **kwargs: as er::FunctionSpec has them.
  std::vector<const tree::PyParameter*> ordered;
  for (const bool is_keyword_only : {false, true}) {
    for (const tree::PyParameter& parameter : function_.py_parameters) {
      const ParamKind kind = parameter.kind;
      if (kind == ParamKind::kVarArgs || kind == ParamKind::kVarKeywords) continue;
      if ((kind == ParamKind::kKeywordOnly) == is_keyword_only) ordered.push_back(&parameter);
    }
  }
  for (const ParamKind kind : {ParamKind::kVarArgs, ParamKind::kVarKeywords}) {
    for (const tree::PyParameter& parameter : function_.py_parameters)
      if (parameter.kind == kind) ordered.push_back(&parameter);
  }
  // Plain objects first: these are declarations, and no goto may pass them.
  const bool is_wrapper = function_.kind == FunctionKind::kCpdef;
  const auto argument = [](std::size_t i) { return "er_args[" + std::to_string(i) + "]"; };
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    const Variable& variable = *ordered[i]->variable;
    if (!variable.type->is_object()) {
      if (is_wrapper) out_.line(variable_definition(*variable.type, variable.cpp));
    } else if (is_wrapper || !owns(variable)) {
      out_.line("PyObject* " + variable.cpp + " = " + argument(i) + ";");
    }
  }
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    const Variable& variable = *ordered[i]->variable;
    const Type& type = *variable.type;
    if (!type.is_object()) {
      if (type.is_view() && !ordered[i]->allows_none) {
        out_.line("if (Py_IsNone(" + argument(i) + ")) { er::raise_argument(" +
                  quoted(variable.name) + ", \"\", " + argument(i) + "); " +
                  fail(function_.range).substr(2));
      }
      out_.line("if (!" + context_.conversions.from_object(type, argument(i), "&" + variable.cpp) +
                ") " + fail(function_.range));
      continue;
    }
    const bool is_plain = ordered[i]->is_converted || ordered[i]->kind == ParamKind::kVarArgs ||
                          ordered[i]->kind == ParamKind::kVarKeywords;
    const std::string check = is_plain ? "" : class_check(context_.module, type, argument(i));
    const bool forbids_none = !is_plain && !ordered[i]->allows_none;
    std::vector<std::string> tests;
    if (!check.empty()) tests.push_back("!" + check);
    if (forbids_none) tests.push_back("Py_IsNone(" + argument(i) + ")");
    if (!tests.empty()) {
      out_.open("if (" + joined(tests, " || ") + ")");
      out_.line("er::raise_argument(" + quoted(variable.name) + ", " + quoted(class_name(type)) +
                ", " + argument(i) + ");");
      out_.line(fail(function_.range));
      out_.close();
    }
    if (!is_wrapper && owns(variable))
      out_.line(variable.cpp + " = er::borrow(" + argument(i) + ");");
  }
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    if (ordered[i]->variable->type->buffer != nullptr)
      acquire_buffer(*ordered[i]->variable, argument(i), function_.range);
  }
}

// ---- the way out ----

std::string FunctionEmitter::failure_value() const {
  if (function_.kind == FunctionKind::kModuleInit) return "-1";
  if (function_.kind == FunctionKind::kDef) return "nullptr";
  const Type& result = *function_.type->base;
  if (result.is_void()) return "";
  const bool has_value =
      function_.type->except == Except::kValue || function_.type->except == Except::kMaybeValue;
  if (has_value) {
    const std::string& value = function_.type->except_value;
    return result.is_pointer() || result.is_integral() ? "(" + result.cpp + ")(" + value + ")"
                                                       : value;
  }
  return "{}";
}

void FunctionEmitter::end(Writer& out) {
  if (!is_handler_used_) return;
  out.set_source_line(0);
  out.label("fail");
  const std::string suffix = has_gil_ ? "(" : "_nogil(";
  out.line("er::add_traceback" + suffix + traceback_arguments() + ");");
  if (is_c_function() && function_.type->except == Except::kNever) {
    out.line("er::write_unraisable" + suffix +
             quoted(context_.module.name + "." + function_.qualname) + ");");
  }
  const std::string value = failure_value();
  out.line(value.empty() ? "return;" : "return " + value + ";");
}

Writer FunctionEmitter::emit() {
  out_.set_source_line(line_of(function_.range));
  Writer arguments;
  arguments.set_source(static_cast<std::uint32_t>(function_.range.source));
  if (function_.kind == FunctionKind::kDef) {
    take_python_arguments();
    std::swap(arguments, out_);
    out_.set_source_line(line_of(function_.range));
  }
  block(function_.body);
  out_.set_source_line(0);
  const bool returns =
      !function_.body.empty() && function_.body.back()->kind == tree::StmtKind::kReturn;
  if (!returns) {
    if (function_.kind == FunctionKind::kModuleInit) {
      out_.line("return 0;");
    } else if (is_c_function() && function_.type->base->is_view()) {
      out_.line("er::raise_view_not_returned();");
      out_.line(fail(function_.range));
    } else if (function_.kind == FunctionKind::kDef || function_.type->base->is_object()) {
      out_.line("return er::new_ref(Py_None);");
    } else if (!function_.type->base->is_void()) {
      out_.line("return {};");
    } else if (is_handler_used_) {
      out_.line("return;");
    }
  }

  Writer whole;
  whole.set_source(static_cast<std::uint32_t>(function_.range.source));
  whole.set_source_line(line_of(function_.range));
  whole.open(
      function_.kind == FunctionKind::kModuleInit ? "static int er_run_module()"
      : function_.kind == FunctionKind::kDef
          ? python_signature(function_.cpp, function_.outer_scope != nullptr ? " er_self" : "")
          : c_signature(true));
  if (function_.takes_gil) whole.line("const er::WithGil er_gil;");
  if (uses_at_) whole.line("int er_at = 0;");
  declare_scopes(whole);
  declare_locals(whole);
  if (uses_result_) {
    if (function_.kind == FunctionKind::kDef || function_.type->base->is_object()) {
      whole.line("er::Ref er_result;");
    } else if (!function_.type->base->is_void()) {
      whole.line(variable_definition(*function_.type->base, "er_result"));
    }
  }
  whole.append(arguments);
  whole.append(out_);
  end(whole);
  whole.close();
  return whole;
}

Writer FunctionEmitter::emit_wrapper() {
  const Type& type = *function_.type;
  const Type& result = *type.base;
  out_.set_source_line(line_of(function_.range));
  take_python_arguments();
  std::vector<std::string> names;
  for (const Variable* parameter : function_.c_parameters) names.push_back(parameter->cpp);
  const std::string call = function_.cpp + "(" + joined(names) + ")";
  const std::size_t mark = out_.mark();
  const std::uint32_t line = out_.source_line();
  if (result.is_void()) {
    out_.line(call + ";");
  } else if (result.is_view()) {
    out_.line(owner_type(result) + " er_value{" + call + "};");
  } else {
    out_.line(declare(result, "er_value") + " = " + call + ";");
  }
  const std::string test = failure_test(type, "er_value");
  if (!test.empty()) out_.line("if (" + test + ") " + fail_at(line));
  if (result.is_void()) {
    out_.line("return er::new_ref(Py_None);");
  } else if (result.is_object()) {
    out_.line("return er_value;");
  } else {
    out_.line("PyObject* er_object = " + context_.conversions.to_object(result, "er_value") + ";");
    out_.line("if (!er_object) " + fail_at(line));
    out_.line("return er_object;");
  }
  out_.enclose_since(mark);

  Writer whole;
  whole.set_source(static_cast<std::uint32_t>(function_.range.source));
  whole.set_source_line(line);
  whole.open(python_signature(wrapper_name(function_)));
  if (uses_at_) whole.line("int er_at = 0;");
  whole.append(out_);
  if (is_handler_used_) {
    whole.set_source_line(0);
    whole.label("fail");
    whole.line("er::add_traceback(" + traceback_arguments() + ");");
    whole.line("return nullptr;");
  }
  whole.close();
  return whole;
}

}  // namespace engineroom::emit
