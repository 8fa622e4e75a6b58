// Names that are nowhere: the message, and what would mend it.
//
// As in Cython a name must be bound somewhere in the module's text or be one of Python's builtins,
// unless names come in that the text does not show: `from m import *`, or those that the caller of
// the compiler knows of (Options::is_known).

#include "sema/analyzer.h"
#include "sema/names.h"

namespace engineroom::sema {

using syntax::in_quotes;

namespace {

std::string at_the_top(std::string_view line) {
  return "put " + in_quotes(line) + " at the top of the module";
}

}  // namespace

ModuleNames& Analyzer::module_names() {
  if (!module_names_)
    module_names_ = names_bound_by(module_, [this](const syntax::Stmt& include) {
      const syntax::Block* text = stands_for(include);
      return missing_includes_.contains(&include) ? nullptr : text;
    });
  return *module_names_;
}

bool Analyzer::is_bound_in_module(std::string_view name) {
  const ModuleNames& names = module_names();
  return names.is_open || names.binds(name) || names.rebound.contains(name) ||
         (options_.is_known && options_.is_known(name));
}

ExprPtr Analyzer::module_name(const syntax::Name& name, bool is_owner) {
  std::string_view id = name.id;
  if (!is_bound_in_module(id)) {
    if (const std::string_view renamed = renamed_builtin(id); !renamed.empty()) id = renamed;
    if (id == "long" && module_.level == syntax::LanguageLevel::k2) id = "int";
    if (!is_builtin_name(id)) return undeclared_name(name, is_owner);
  }
  return python_global(id, name.range);
}

ExprPtr Analyzer::undeclared_name(const syntax::Name& name, bool is_owner) {
  if (context_->undeclared.emplace(name.id).second)
    diagnostics_.error("undeclared-name", name.range, "undeclared name " + in_quotes(name.id))
        .hint(hint_for_name(name.id, is_owner));
  return error_value(name.range);
}

std::string Analyzer::hint_for_name(std::string_view name, bool is_owner) {
  const std::string_view import = usual_import(name);
  if (is_owner && !import.empty()) return at_the_top(import);
  if (std::string hint = cimport_of(name); !hint.empty()) return hint;
  const std::string_view close = closest_name(name, names_in_sight());
  if (!close.empty()) return "did you mean " + in_quotes(close) + "?";
  return import.empty() ? "" : at_the_top(import);
}

// "did you mean 'from libc.math cimport sqrt'?"
std::string Analyzer::cimport_of(std::string_view name) {
  // Of the compiler itself: no file declares them.
  if (name == "prange" || name == "threadid")
    return "did you mean 'from cython.parallel cimport " + std::string(name) + "'?";
  if (!options_.modules_declaring) return "";
  const std::vector<std::string> modules = options_.modules_declaring(name);
  if (modules.empty()) return "";
  std::string line = "from ";
  line.append(modules.front()).append(" cimport ").append(name);
  return "did you mean " + in_quotes(line) + "?";
}

std::string Analyzer::hint_for_type(const syntax::CNamedType& type) {
  const std::string_view first = type.path.front().text;
  if (type.path.size() > 1) {
    if (scope_.find(first) != nullptr) return "";
    const std::string_view import = usual_import(first);
    if (import.empty()) return "there is no cimported module " + in_quotes(first);
    return at_the_top(std::string("c").append(import));
  }
  if (std::string hint = cimport_of(first); !hint.empty()) return hint;
  std::vector<std::string_view> types = {"int",   "double", "float", "char",   "long",      "short",
                                         "bint",  "object", "void",  "size_t", "list",      "dict",
                                         "tuple", "str",    "bytes", "set",    "Py_ssize_t"};
  for (const auto& [name, symbol] : scope_.names)
    if (symbol.kind == SymbolKind::kType) types.push_back(name);
  const std::string_view close = closest_name(first, types);
  if (!close.empty()) return "did you mean " + in_quotes(close) + "?";
  return "C types are declared with ctypedef, cdef struct or cdef enum, or come from a cimport";
}

// Nearest first.
std::vector<std::string_view> Analyzer::names_in_sight() {
  std::vector<std::string_view> names;
  for (auto scope = inner_scopes_.rbegin(); scope != inner_scopes_.rend(); ++scope)
    for (const auto& [name, variable] : *scope) names.push_back(name);
  for (const FunctionContext* context = context_; context != nullptr; context = context->outer)
    for (const auto& [name, variable] : context->locals) names.push_back(name);
  for (const auto& [name, symbol] : scope_.names) names.push_back(name);
  const std::set<std::string_view>& bound = module_names().bound;
  names.insert(names.end(), bound.begin(), bound.end());
  names.push_back("NULL");
  names.insert(names.end(), builtin_names().begin(), builtin_names().end());
  return names;
}

}  // namespace engineroom::sema
