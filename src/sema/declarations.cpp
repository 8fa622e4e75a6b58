#include <utility>

#include "sema/analyzer.h"
#include "sema/unique_name.h"
#include "syntax/parse.h"

namespace engineroom::sema {

using syntax::as;
using syntax::StmtKind;

std::string Analyzer::unique_cpp(std::string_view prefix, std::string_view name) {
  return unique_name(n_cpp_, std::string(prefix) + std::string(name));
}

// Of names in C++ that later modules of a session see.
std::string Analyzer::shared_suffix() const { return options_.id.empty() ? "" : "_" + options_.id; }

void Analyzer::add_symbol(Scope& scope, const syntax::Identifier& name, Symbol symbol) {
  symbol.range = name.range;
  if (symbol.name.empty() && symbol.kind != SymbolKind::kCython) symbol.name = name.text;
  const auto [found, is_new] = scope.names.try_emplace(std::string(name.text), symbol);
  if (is_new) return;
  if (found->second.kind == SymbolKind::kError) {
    found->second = std::move(symbol);
    return;
  }
  // Announced before, or declared in a .pxd.
  const bool is_same = found->second.kind == symbol.kind && found->second.type == symbol.type;
  const bool is_module = symbol.kind == SymbolKind::kModule || symbol.kind == SymbolKind::kCython;
  if (is_same || is_module || found->second.kind == SymbolKind::kPython) {
    if (is_module || found->second.kind == SymbolKind::kPython) found->second = symbol;
    return;
  }
  const bool are_functions =
      found->second.kind == SymbolKind::kFunction && symbol.kind == SymbolKind::kFunction;
  if (are_functions && found->second.is_extern && symbol.is_extern) {
    found->second.kind = SymbolKind::kError;
    not_supported(name.range, "functions of C++ that share a name: '" + std::string(name.text) +
                                  "' is declared already");
    return;
  }
  diagnostics_
      .error("redeclared", name.range, "'" + std::string(name.text) + "' is declared already")
      .related(found->second.range, "here");
}

void Analyzer::add_refused(Scope& scope, const syntax::Identifier& name) {
  if (name.text == "*") module_names().is_open = true;
  Symbol symbol;
  symbol.kind = SymbolKind::kError;
  symbol.range = name.range;
  symbol.name = name.text;
  scope.names.try_emplace(std::string(name.text), std::move(symbol));
}

void Analyzer::declare_all(const syntax::Block& block, Scope& scope, bool is_pxd) {
  announce_all(block, scope, false);
  if (is_pxd) announce_unsupported(block, scope);
  for (const syntax::Stmt* stmt : block) {
    if (is_pxd) {
      declare_in_pxd(*stmt, scope);
    } else {
      declare(*stmt, scope, is_pxd);
    }
  }
}

// Structs and enums may be named above their declaration.
void Analyzer::announce_all(const syntax::Block& block, Scope& scope, bool is_extern) {
  for (const syntax::Stmt* stmt : block) {
    if (const syntax::Block* inner = stands_for(*stmt)) {
      announce_all(*inner, scope, is_extern);
    } else if (stmt->kind == StmtKind::kCompileTimeDef) {
      define(as<syntax::CompileTimeDef>(*stmt));
    } else if (stmt->kind == StmtKind::kCStructDef) {
      announce_struct(as<syntax::CStructDef>(*stmt), scope, is_extern);
    } else if (stmt->kind == StmtKind::kCEnumDef) {
      announce_enum(as<syntax::CEnumDef>(*stmt), scope, is_extern);
    } else if (stmt->kind == StmtKind::kCDefBlock) {
      announce_all(as<syntax::CDefBlock>(*stmt).body, scope, is_extern);
    } else if (stmt->kind == StmtKind::kCExternBlock) {
      announce_all(as<syntax::CExternBlock>(*stmt).body, scope, true);
    }
  }
}

void Analyzer::declare(const syntax::Stmt& stmt, Scope& scope, bool is_pxd) {
  if (const syntax::Block* inner = stands_for(stmt)) {
    for (const syntax::Stmt* one : *inner)
      is_pxd ? declare_in_pxd(*one, scope) : declare(*one, scope, false);
    return;
  }
  switch (stmt.kind) {
    case StmtKind::kCVarDef:
      return declare_variables(as<syntax::CVarDef>(stmt), scope, is_pxd);
    case StmtKind::kCFuncDef:
      return declare_function(as<syntax::CFuncDef>(stmt), scope, is_pxd);
    case StmtKind::kCDefBlock:
      return declare_all(as<syntax::CDefBlock>(stmt).body, scope, is_pxd);
    case StmtKind::kCExternBlock:
      return declare_extern(as<syntax::CExternBlock>(stmt), scope, is_pxd);
    case StmtKind::kCStructDef:
      return declare_struct(as<syntax::CStructDef>(stmt), scope, false);
    case StmtKind::kCEnumDef:
      return declare_enum(as<syntax::CEnumDef>(stmt), scope, false);
    case StmtKind::kCTypedef:
      return declare_typedef(as<syntax::CTypedef>(stmt), scope);
    case StmtKind::kCImport:
      return declare_cimport(as<syntax::CImport>(stmt), scope);
    case StmtKind::kFromCImport:
      return declare_from_cimport(as<syntax::FromCImport>(stmt), scope);
    case StmtKind::kImport:
    case StmtKind::kImportFrom:
      return declare_import_of_cython(stmt, scope);
    case StmtKind::kCClassDef:
      return declare_class(as<syntax::CClassDef>(stmt), scope, is_pxd);
    // Refused as statements, or where a .pxd has them once they are used.
    case StmtKind::kCppClassDef:
      if (is_pxd) return not_supported(stmt.range, "C++ classes");
      return add_refused(scope, as<syntax::CppClassDef>(stmt).name);
    case StmtKind::kCFusedDef:
      if (is_pxd) return not_supported(stmt.range, "fused types");
      return add_refused(scope, as<syntax::CFusedDef>(stmt).name);
    default:
      return;
  }
}

void Analyzer::declare_variables(const syntax::CVarDef& def, Scope& scope, bool is_pxd) {
  for (const syntax::CDeclarator& declarator : def.declarators) {
    Symbol symbol;
    const bool is_extern = def.context.visibility == syntax::Visibility::kExtern;
    // What a header defines may have a type that is not known here.
    symbol.type =
        is_extern ? ctype(*declarator.type, scope) : declared_type(declarator, scope, "a variable");
    if (symbol.type == types_.error()) {
      add_refused(scope, declarator.name);
      continue;
    }
    if (reject_buffer(*symbol.type, declarator.range)) continue;
    if (is_extern && refuse_view_part(*symbol.type, declarator.range, "C knows no memoryviews")) {
      add_refused(scope, declarator.name);
      continue;
    }
    if (is_extern && symbol.type->is_object() && !is_pxd) {
      diagnostics_
          .error("extern-object", declarator.range, "a Python object cannot be declared extern")
          .hint("C has pointers to objects: declare it as 'PyObject *', and cast it: <object>p");
      add_refused(scope, declarator.name);
      continue;
    }
    if (is_extern) {
      const std::string_view cname =
          declarator.cname.empty() ? declarator.name.text : declarator.cname;
      // A macro, a constant or a variable: C++ knows which.
      Variable& variable = out_.variables.emplace_back();
      variable = {std::string(declarator.name.text), std::string(cname), VariableKind::kModule,
                  symbol.type, false};
      note_cpp_name(cname);
      extern_variables_.insert(&variable);
      symbol.kind = SymbolKind::kVariable;
      symbol.variable = &variable;
    } else if (is_pxd && !in_own_pxd_) {
      declare_borrowed_variable(declarator, scope, std::move(symbol));
      continue;
    } else {
      // Its value is assigned when the module runs, to which C++ would object.
      const bool is_const = symbol.type->unqualified != nullptr;
      if (is_const) symbol.type = symbol.type->unqualified;
      Variable& variable = out_.variables.emplace_back();
      variable = {std::string(declarator.name.text),
                  unique_cpp("g_", declarator.name.text) + shared_suffix(), VariableKind::kModule,
                  symbol.type, false};
      symbol.kind = SymbolKind::kVariable;
      symbol.variable = &variable;
      if (is_const && declarator.value != nullptr) const_variables_.insert(&variable);
      if (in_own_pxd_) lend(declarator, variable);
    }
    add_symbol(scope, declarator.name, std::move(symbol));
  }
}

void Analyzer::declare_function(const syntax::CFuncDef& def, Scope& scope, bool is_pxd) {
  const bool is_extern = def.context.visibility == syntax::Visibility::kExtern && !def.has_body;
  Symbol symbol;
  symbol.kind = SymbolKind::kFunction;
  const Directives before = context_->directives;
  for (const syntax::Expr* decorator : def.decorators) {
    const auto* call = syntax::try_as<syntax::Call>(decorator);
    if (call != nullptr && cython_name(*call->func) == "legacy_implicit_noexcept")
      apply_directive_decorator(*decorator, context_->directives);
  }
  symbol.type = function_ctype(*def.type, scope, is_extern);
  context_->directives = before;
  symbol.is_also_python = def.is_cpdef;
  if (is_extern && def.is_cpdef && (!is_pxd || in_own_pxd_)) wrap_extern(def, *symbol.type);
  if (is_extern) {
    symbol.cpp = def.cname.empty() ? def.name.text : def.cname;
    symbol.is_extern = true;
    note_cpp_name(symbol.cpp);
    return add_symbol(scope, def.name, std::move(symbol));
  }
  if (!def.has_body) {
    // Announced: the definition follows, or is in another module.
    if (in_own_pxd_) announced_.emplace(def.name.text, Announced{symbol.type, def.header});
    if (is_pxd && !in_own_pxd_) declare_borrowed_function(def, scope, std::move(symbol));
    return;
  }
  if (is_pxd) {
    if (!def.context.is_inline)
      diagnostics_
          .error("pxd-function", def.header, "a function defined in a .pxd must be 'cdef inline'")
          .hint("a .pxd declares what the module defines: 'cdef int f(int x)', without a body");
    symbol.cpp = unique_cpp("f_", def.name.text);
    symbol.definition = &def;
    declare_c_defaults(def, symbol);
    return add_symbol(scope, def.name, std::move(symbol));
  }
  tree::Function& function =
      new_function(def.is_cpdef ? tree::FunctionKind::kCpdef : tree::FunctionKind::kCdef,
                   def.name.text, def.header);
  function.type = symbol.type;
  function.result = symbol.type->base;
  function.is_inline = def.context.is_inline;
  functions_.emplace(&def, &function);
  check_announced(def, *symbol.type);
  symbol.cpp = function.cpp;
  lend(def, function);
  declare_c_defaults(def, symbol);
  add_symbol(scope, def.name, std::move(symbol));
}

// cpdef in an extern block: Python gets a function that calls what the header declares.
void Analyzer::wrap_extern(const syntax::CFuncDef& def, const Type& type) {
  if (type.has_varargs) return not_supported(def.range, "'...' in extern functions for Python");
  tree::Function& function = new_function(tree::FunctionKind::kCpdef, def.name.text, def.header);
  function.type = &type;
  function.result = type.base;
  python_functions_.push_back(&function);
  auto call = make<tree::Call>(type.base, def.range);
  auto callee = make<tree::FunctionName>(&type, def.range);
  callee->cpp = def.cname.empty() ? def.name.text : def.cname;
  callee->is_extern = true;
  call->callee = std::move(callee);
  for (std::size_t i = 0; i < type.parameters.size(); ++i) {
    const tree::Parameter& parameter = type.parameters[i];
    const std::string name = parameter.name.empty() ? "arg" + std::to_string(i) : parameter.name;
    Variable& variable = function.variables.emplace_back();
    variable = {name, "v_" + name, VariableKind::kParameter, parameter.type};
    function.c_parameters.push_back(&variable);
    tree::PyParameter made;
    if (parameter.name.empty()) made.kind = tree::ParamKind::kPositionalOnly;
    made.variable = &variable;
    function.py_parameters.push_back(made);
    call->args.push_back(this->variable(&variable, def.range));
  }
  if (type.base->is_void()) return add_expr(function.body, std::move(call));
  auto result = make_stmt<tree::Return>(def.range);
  result->value = std::move(call);
  function.body.push_back(std::move(result));
}

tree::Type* Analyzer::announce_struct(const syntax::CStructDef& def, Scope& scope, bool is_extern) {
  is_extern = is_extern || def.context.visibility == syntax::Visibility::kExtern;
  if (Symbol* known = scope.find(def.name.text); known != nullptr &&
                                                 known->kind == SymbolKind::kType &&
                                                 known->type->kind == TypeKind::kStruct)
    return const_cast<tree::Type*>(known->type);  // ours to complete
  std::string cpp(def.cname.empty() ? def.name.text : def.cname);
  if (is_extern && !def.is_typedef)
    cpp = (def.struct_kind == syntax::CStructKind::kUnion ? "union " : "struct ") + cpp;
  if (!is_extern) cpp = unique_cpp("s_", def.name.text) + shared_suffix();
  const std::string name(def.name.text);
  tree::Type* type = is_extern ? types_.extern_struct(name, std::move(cpp))
                               : types_.new_struct(name, std::move(cpp));
  Symbol symbol;
  symbol.kind = SymbolKind::kType;
  symbol.type = type;
  const char* keyword = def.struct_kind == syntax::CStructKind::kUnion ? "union" : "struct";
  symbol.c_spelling =
      is_extern ? type->cpp : mangled_type(scope, def.is_typedef ? "" : keyword, def.name.text);
  add_symbol(scope, def.name, std::move(symbol));
  return type;
}

void Analyzer::declare_struct(const syntax::CStructDef& def, Scope& scope, bool is_extern) {
  is_extern = is_extern || def.context.visibility == syntax::Visibility::kExtern;
  tree::Type* type = announce_struct(def, scope, is_extern);
  if (is_extern) note_cpp_name(type->cpp);
  type->is_union = def.struct_kind == syntax::CStructKind::kUnion;
  type->is_packed = def.packed;
  if (!def.has_body) return;
  if (is_extern) {
    type->fields.clear();  // it may be declared in several places
  } else if (!type->fields.empty()) {
    diagnostics_.error("redeclared", def.name.range,
                       "'" + std::string(def.name.text) + "' is declared already");
    return;
  }
  type->is_complete = true;
  for (const syntax::Stmt* stmt : def.body) {
    if (stmt->kind == StmtKind::kCStructDef)
      declare_struct(as<syntax::CStructDef>(*stmt), scope, is_extern);
    if (stmt->kind == StmtKind::kCFuncDef) {
      // `int f(int)` is a pointer to such a function.
      const auto& field = as<syntax::CFuncDef>(*stmt);
      std::string cpp(field.cname.empty() ? field.name.text : field.cname);
      if (!is_extern && is_cpp_keyword(cpp)) cpp += '_';
      type->fields.push_back({std::string(field.name.text), std::move(cpp),
                              types_.pointer_to(function_ctype(*field.type, scope, is_extern))});
    }
    if (stmt->kind != StmtKind::kCVarDef) continue;
    for (const syntax::CDeclarator& field : as<syntax::CVarDef>(*stmt).declarators) {
      std::string cpp(field.cname.empty() ? field.name.text : field.cname);
      if (!is_extern && is_cpp_keyword(cpp)) cpp += '_';
      // In a header an array may be as long as the memory.
      const Type* field_type =
          is_extern ? ctype(*field.type, scope) : declared_type(field, scope, "a field");
      type->fields.push_back({std::string(field.name.text), std::move(cpp), field_type});
      if (field.value != nullptr)
        diagnostics_
            .error("field-value", field.value->range, "a field of a struct has no initial value")
            .hint("assign it to the variables of this type");
      if (reject_buffer(*type->fields.back().type, field.range)) continue;
      refuse_view_part(*type->fields.back().type, field.range,
                       "C struct/union member cannot be a memory view");
      if (type->fields.back().type->is_object() && type->fields.back().type != types_.error()) {
        diagnostics_
            .error("object-field", field.range, "C struct/union member cannot be a Python object")
            .hint("C has pointers to objects: declare it as 'PyObject *', and cast it: <object>p");
      }
    }
  }
  if (!is_extern) out_.structs.push_back(type);
}

void Analyzer::declare_typedef(const syntax::CTypedef& def, Scope& scope) {
  const syntax::CDeclarator& declarator = def.declarator;
  Symbol symbol;
  symbol.kind = SymbolKind::kType;
  const Type* type = ctype(*declarator.type, scope);
  if (reject_buffer(*type, declarator.range)) return;
  symbol.type = type;
  symbol.c_spelling = mangled_type(scope, "", declarator.name.text);
  if (def.context.visibility == syntax::Visibility::kExtern) {
    const std::string cname(declarator.cname.empty() ? declarator.name.text : declarator.cname);
    symbol.c_spelling = cname;
    const std::string name(declarator.name.text);
    note_cpp_name(cname);
    if (type->kind == TypeKind::kInt) symbol.type = types_.extern_int(name, cname, *type);
    if (type->is_float()) symbol.type = types_.extern_float(name, cname, *type);
    if (type->is_void()) {
      // ctypedef void T: something that only pointers are made of.
      symbol.type = types_.extern_struct(name, cname);
    }
  }
  add_symbol(scope, declarator.name, std::move(symbol));
}

void Analyzer::note_cpp_name(std::string_view cpp) {
  if (header_) out_.prelude[*header_].names.emplace_back(cpp);
}

void Analyzer::declare_extern(const syntax::CExternBlock& block, Scope& scope, bool is_pxd) {
  if (!block.context.name_space.empty()) return not_supported(block.range, "C++ namespaces");
  const std::optional<std::size_t> before = header_;
  header_.reset();
  // The runtime includes Python's own.
  if (!block.any_header && block.header != "Python.h") {
    const bool is_system = block.header.starts_with("<");
    std::string include = "#include ";
    include += is_system ? std::string(block.header) : "\"" + std::string(block.header) + "\"";
    // Verbatim text may need it, and who writes a header into the module itself wants it.
    const bool is_optional = is_pxd && block.verbatim.empty();
    header_ = out_.prelude.size();
    out_.prelude.push_back({std::move(include), std::string(block.header), is_optional});
  }
  // C code that calls NumPy's needs what a call from here does: the header, and import_array().
  if (block.verbatim.find("PyArray_") != std::string_view::npos) uses_numpy_ = true;
  if (!block.verbatim.empty()) out_.prelude.push_back({std::string(block.verbatim), ""});
  for (const syntax::Stmt* stmt : block.body) {
    if (stmt->kind == StmtKind::kCStructDef) {
      declare_struct(as<syntax::CStructDef>(*stmt), scope, true);
    } else if (stmt->kind == StmtKind::kCEnumDef) {
      declare_enum(as<syntax::CEnumDef>(*stmt), scope, true);
    } else if (stmt->kind == StmtKind::kCppClassDef && !is_pxd) {
      not_supported(stmt->range, "C++ classes");
      add_refused(scope, as<syntax::CppClassDef>(*stmt).name);
    } else if (is_pxd) {
      declare_in_pxd(*stmt, scope);
    } else {
      declare(*stmt, scope, false);
    }
  }
  header_ = before;
}

}  // namespace engineroom::sema
