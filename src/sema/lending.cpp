// C functions and variables that compiled modules lend each other: those that a .pxd file announces
// and the module of that name defines. At run time they are found in the module's __pyx_capi__, by
// name and signature; both are Cython's, so that either side may be one of its modules.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::CTypeKind;

namespace {

// "pkg" of "pkg.mod".
std::string_view parent_of(std::string_view module) {
  const std::size_t dot = module.rfind('.');
  return dot == std::string_view::npos ? "" : module.substr(0, dot);
}

// "double" and "*x": "double *x". An array or function of pointers needs parentheses.
std::string with_base(const std::string& base, const std::string& inner) {
  return inner.empty() ? base : base + " " + inner;
}

std::string in_parentheses(const std::string& inner) {
  return inner.starts_with("*") ? "(" + inner + ")" : inner;
}

// Types that have no name but C's.
std::string plain_spelling(const Type& type) {
  switch (type.kind) {
    case TypeKind::kVoid:
      return "void";
    case TypeKind::kBint:
    case TypeKind::kEnum:
      return "int";
    case TypeKind::kInt:
      if (type.cpp == "long long") return "PY_LONG_LONG";
      if (type.cpp == "unsigned long long") return "unsigned PY_LONG_LONG";
      return type.cpp;
    case TypeKind::kFloat:
      return type.cpp;
    case TypeKind::kComplex:
      return type.base->cpp == "long double" ? "__pyx_t_long_double_complex"
                                             : "__pyx_t_" + type.base->cpp + "_complex";
    default:
      return {};
  }
}

std::string object_spelling(const Type& type, const std::string& inner) {
  const char* name = type.object_class == ObjectClass::kType ? "PyTypeObject" : "PyObject";
  return (type.extension != nullptr ? type.extension->struct_cpp : name) + " *" + inner;
}

}  // namespace

// "struct __pyx_t_3pkg_3mod_Point"
std::string Analyzer::mangled_type(const Scope& scope, std::string_view keyword,
                                   std::string_view name) {
  std::string mangled(keyword);
  mangled += mangled.empty() ? "__pyx_t_" : " __pyx_t_";
  std::string_view rest = scope.module;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('.'));
    mangled += std::to_string(part.size()) + std::string(part) + "_";
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  return mangled + std::string(name);
}

// The type as Cython declares `inner` of it; nothing if it has no spelling.
std::optional<std::string> Analyzer::lent_spelling(const syntax::CType& type, Scope& scope,
                                                   const std::string& inner) {
  switch (type.kind) {
    case CTypeKind::kPointer:
      return lent_spelling(*as<syntax::CPointerType>(type).to, scope, "*" + inner);
    case CTypeKind::kArray: {
      const auto& array = as<syntax::CArrayType>(type);
      const auto size = array.size != nullptr ? constant_value(*array.size, scope) : std::nullopt;
      if (!size) return std::nullopt;
      return lent_spelling(*array.element, scope,
                           in_parentheses(inner) + "[" + std::to_string(*size) + "]");
    }
    case CTypeKind::kQualified: {
      const auto& qualified = as<syntax::CQualifiedType>(type);
      if (qualified.is_volatile) return std::nullopt;
      return lent_spelling(*qualified.type, scope, "const " + inner);
    }
    case CTypeKind::kFunction:
      return lent_signature(as<syntax::CFunctionType>(type), scope, inner, "");
    case CTypeKind::kNamed: {
      const Symbol* symbol = type_symbol(as<syntax::CNamedType>(type), scope);
      if (symbol != nullptr && symbol->kind == SymbolKind::kType && !symbol->c_spelling.empty())
        return with_base(symbol->c_spelling, inner);
      break;
    }
    case CTypeKind::kImplicit:
    case CTypeKind::kBasic:
      break;
    default:
      return std::nullopt;
  }
  const Type* known = ctype(type, scope);
  if (known->is_object()) return object_spelling(*known, inner);
  const std::string base = plain_spelling(*known);
  if (base.empty()) return std::nullopt;
  return with_base(base, inner);
}

std::optional<std::string> Analyzer::lent_parameter(const syntax::Param& param, Scope& scope) {
  const auto* word = syntax::try_as<syntax::CNamedType>(param.type);
  if (word != nullptr && word->may_be_name && param.name.empty() &&
      named_ctype(*word, scope) == nullptr)
    return object_spelling(*object_, "");
  // Arrays arrive as pointers, functions too.
  if (const auto* array = syntax::try_as<syntax::CArrayType>(param.type))
    return lent_spelling(*array->element, scope, "*");
  if (param.type->kind == CTypeKind::kFunction) return lent_spelling(*param.type, scope, "*");
  return lent_spelling(*param.type, scope, "");
}

std::optional<std::string> Analyzer::lent_signature(const syntax::CFunctionType& type, Scope& scope,
                                                    const std::string& inner,
                                                    std::string_view last) {
  std::string list;
  for (const syntax::Param& param : type.params->params) {
    const std::optional<std::string> one = lent_parameter(param, scope);
    if (!one || param.default_value != nullptr || param.default_elsewhere) return std::nullopt;
    if (*one == "void") break;
    list += (list.empty() ? "" : ", ") + *one;
  }
  if (!last.empty()) list += (list.empty() ? "" : ", ") + std::string(last);
  if (type.params->c_varargs) list += list.empty() ? "..." : ", ...";
  return lent_spelling(*type.result, scope,
                       in_parentheses(inner) + "(" + (list.empty() ? "void" : list) + ")");
}

std::optional<std::string> Analyzer::signature_of(const syntax::CFuncDef& def, Scope& scope) {
  return lent_signature(*def.type, scope, "", def.is_cpdef ? "int __pyx_skip_dispatch" : "");
}

// ---- borrowing ----

void Analyzer::declare_borrowed_function(const syntax::CFuncDef& def, Scope& scope, Symbol symbol) {
  const std::optional<std::string> signature = signature_of(def, scope);
  if (!signature) {
    scope.unsupported.emplace(def.name.text, "C functions of other modules with such parameters");
    return;
  }
  symbol.cpp = unique_cpp("i_", def.name.text);
  symbol.is_extern = true;
  // What Python sees is there too, but only once it is imported.
  symbol.is_also_python = false;
  auto lent = std::make_shared<tree::LentName>();
  *lent = {scope.module, std::string(def.name.text), *signature, symbol.type, symbol.cpp,
           def.is_cpdef};
  symbol.lent = std::move(lent);
  add_symbol(scope, def.name, std::move(symbol));
}

void Analyzer::declare_borrowed_variable(const syntax::CDeclarator& declarator, Scope& scope,
                                         Symbol symbol) {
  const std::optional<std::string> signature = lent_spelling(*declarator.type, scope, "");
  if (!signature) {
    scope.unsupported.emplace(declarator.name.text, "C variables of other modules of such types");
    return;
  }
  auto lent = std::make_shared<tree::LentName>();
  *lent = {scope.module, std::string(declarator.name.text),      *signature,
           symbol.type,  unique_cpp("i_", declarator.name.text), false};
  Variable& variable = out_.variables.emplace_back();
  variable = {lent->name, "(*" + lent->cpp + ")", VariableKind::kBorrowed, symbol.type, false};
  symbol.kind = SymbolKind::kVariable;
  symbol.variable = &variable;
  symbol.lent = std::move(lent);
  add_symbol(scope, declarator.name, std::move(symbol));
}

void Analyzer::borrow(const tree::LentName& lent) {
  if (borrowed_.insert(lent.cpp).second) out_.imports.push_back(lent);
}

// ---- lending ----

void Analyzer::lend(const syntax::CFuncDef& def, const tree::Function& function) {
  if (!announced_.contains(def.name.text) && !def.context.api) return;
  // Cython's modules lend others functions that may be called with fewer arguments by a struct of
  // its own: none is made here.
  const std::optional<std::string> signature = signature_of(def, scope_);
  if (!signature) return;
  out_.exports.push_back(
      {"", function.name, *signature, function.type, function.cpp, def.is_cpdef});
}

void Analyzer::lend(const syntax::CDeclarator& declarator, const Variable& variable) {
  const std::optional<std::string> signature = lent_spelling(*declarator.type, scope_, "");
  if (signature)
    out_.exports.push_back({"", variable.name, *signature, variable.type, variable.cpp, false});
}

// `from . cimport x` in pkg.mod: pkg.
std::string Analyzer::absolute_module(const std::string& name, int level) const {
  if (level == 0) return name;
  std::string_view package = out_.name;
  for (int i = 0; i < level; ++i) package = parent_of(package);
  if (package.empty()) return name;
  return name.empty() ? std::string(package) : std::string(package) + "." + name;
}

}  // namespace engineroom::sema
