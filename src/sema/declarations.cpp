#include <utility>

#include "sema/analyzer.h"
#include "syntax/parse.h"

namespace engineroom::sema {

using syntax::as;
using syntax::StmtKind;

std::string Analyzer::unique_cpp(std::string_view prefix, std::string_view name) {
  std::string cpp = std::string(prefix) + std::string(name);
  int& n = n_cpp_[cpp];
  if (n++ > 0) cpp += "_" + std::to_string(n);
  return cpp;
}

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
  diagnostics_
      .error("redeclared", name.range, "'" + std::string(name.text) + "' is declared already")
      .related(found->second.range, "here");
}

void Analyzer::add_refused(Scope& scope, const syntax::Identifier& name) {
  if (name.text == "*" && !module_names_) module_names_ = names_bound_by(module_);
  if (name.text == "*") module_names_->is_open = true;
  Symbol symbol;
  symbol.kind = SymbolKind::kError;
  symbol.range = name.range;
  symbol.name = name.text;
  scope.names.try_emplace(std::string(name.text), std::move(symbol));
}

void Analyzer::declare_all(const syntax::Block& block, Scope& scope, bool is_pxd) {
  for (const syntax::Stmt* stmt : block) declare(*stmt, scope, is_pxd);
}

void Analyzer::declare(const syntax::Stmt& stmt, Scope& scope, bool is_pxd) {
  switch (stmt.kind) {
    case StmtKind::kCVarDef:
      return declare_variables(as<syntax::CVarDef>(stmt), scope, is_pxd);
    case StmtKind::kCFuncDef:
      return declare_function(as<syntax::CFuncDef>(stmt), scope, is_pxd);
    case StmtKind::kCDefBlock:
      return declare_all(as<syntax::CDefBlock>(stmt).body, scope, is_pxd);
    case StmtKind::kCExternBlock:
      return declare_extern(as<syntax::CExternBlock>(stmt), scope);
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
    // Refused as statements.
    case StmtKind::kCClassDef:
      return add_refused(scope, as<syntax::CClassDef>(stmt).name);
    case StmtKind::kCppClassDef:
      return add_refused(scope, as<syntax::CppClassDef>(stmt).name);
    case StmtKind::kCFusedDef:
      return add_refused(scope, as<syntax::CFusedDef>(stmt).name);
    default:
      return;
  }
}

void Analyzer::declare_variables(const syntax::CVarDef& def, Scope& scope, bool is_pxd) {
  for (const syntax::CDeclarator& declarator : def.declarators) {
    Symbol symbol;
    symbol.type = ctype(*declarator.type, scope);
    const bool is_extern = def.context.visibility == syntax::Visibility::kExtern;
    if (is_extern) {
      const std::string_view cname =
          declarator.cname.empty() ? declarator.name.text : declarator.cname;
      // A macro, a constant or a variable: C++ knows which.
      Variable& variable = out_.variables.emplace_back();
      variable = {std::string(declarator.name.text), std::string(cname), VariableKind::kModule,
                  symbol.type, false};
      extern_variables_.insert(&variable);
      symbol.kind = SymbolKind::kVariable;
      symbol.variable = &variable;
    } else if (is_pxd) {
      continue;
    } else {
      Variable& variable = out_.variables.emplace_back();
      variable = {std::string(declarator.name.text), unique_cpp("g_", declarator.name.text),
                  VariableKind::kModule, symbol.type, false};
      symbol.kind = SymbolKind::kVariable;
      symbol.variable = &variable;
    }
    add_symbol(scope, declarator.name, std::move(symbol));
  }
}

void Analyzer::declare_function(const syntax::CFuncDef& def, Scope& scope, bool is_pxd) {
  const bool is_extern = def.context.visibility == syntax::Visibility::kExtern;
  Symbol symbol;
  symbol.kind = SymbolKind::kFunction;
  symbol.type = function_ctype(*def.type, scope, is_extern);
  symbol.is_also_python = def.is_cpdef;
  if (is_extern && def.is_cpdef && !is_pxd)
    return not_supported(def.range, "extern functions that Python is to know");
  if (is_extern) {
    symbol.cpp = def.cname.empty() ? def.name.text : def.cname;
    return add_symbol(scope, def.name, std::move(symbol));
  }
  if (!def.has_body) return;  // announced; the definition follows
  tree::Function& function =
      new_function(def.is_cpdef ? tree::FunctionKind::kCpdef : tree::FunctionKind::kCdef,
                   def.name.text, def.header);
  function.type = symbol.type;
  function.result = symbol.type->base;
  function.is_inline = def.context.is_inline;
  functions_.emplace(&def, &function);
  symbol.cpp = function.cpp;
  add_symbol(scope, def.name, std::move(symbol));
}

void Analyzer::declare_struct(const syntax::CStructDef& def, Scope& scope, bool is_extern) {
  is_extern = is_extern || def.context.visibility == syntax::Visibility::kExtern;
  tree::Type* type = nullptr;
  if (Symbol* known = scope.find(def.name.text);
      known != nullptr && known->kind == SymbolKind::kType) {
    type = const_cast<tree::Type*>(known->type);  // announced; ours to complete
  } else {
    std::string cpp(def.cname.empty() ? def.name.text : def.cname);
    if (is_extern && !def.is_typedef)
      cpp = (def.struct_kind == syntax::CStructKind::kUnion ? "union " : "struct ") + cpp;
    if (!is_extern) cpp = unique_cpp("s_", def.name.text);
    type = types_.new_struct(std::string(def.name.text), std::move(cpp));
    Symbol symbol;
    symbol.kind = SymbolKind::kType;
    symbol.type = type;
    add_symbol(scope, def.name, std::move(symbol));
  }
  type->is_union = def.struct_kind == syntax::CStructKind::kUnion;
  type->is_packed = def.packed;
  if (!def.has_body) return;
  type->is_complete = true;
  for (const syntax::Stmt* stmt : def.body) {
    if (stmt->kind == StmtKind::kCStructDef)
      declare_struct(as<syntax::CStructDef>(*stmt), scope, is_extern);
    if (stmt->kind != StmtKind::kCVarDef) continue;
    for (const syntax::CDeclarator& field : as<syntax::CVarDef>(*stmt).declarators) {
      std::string cpp(field.cname.empty() ? field.name.text : field.cname);
      type->fields.push_back(
          {std::string(field.name.text), std::move(cpp), ctype(*field.type, scope)});
      if (type->fields.back().type->is_object()) {
        not_supported(field.range, "Python objects in C structs");
      }
    }
  }
  if (!is_extern) out_.structs.push_back(type);
}

void Analyzer::declare_enum(const syntax::CEnumDef& def, Scope& scope, bool is_extern) {
  is_extern = is_extern || def.context.visibility == syntax::Visibility::kExtern;
  if (def.scoped) return not_supported(def.range, "enum class");
  const Type* type = types_.int_type();
  if (!def.name.empty()) {
    std::string cpp(def.cname.empty() ? def.name.text : def.cname);
    if (is_extern && !def.is_typedef) cpp = "enum " + cpp;
    // An enum of ours is an int with names.
    tree::Type* made = types_.new_enum(std::string(def.name.text), is_extern ? cpp : "int");
    type = made;
    Symbol symbol;
    symbol.kind = SymbolKind::kType;
    symbol.type = type;
    add_symbol(scope, def.name, std::move(symbol));
  }
  std::int64_t next = 0;
  for (const syntax::CEnumItem& item : def.items) {
    Symbol symbol;
    symbol.kind = SymbolKind::kConstant;
    symbol.type = is_extern ? type : types_.int_type();
    if (is_extern) {
      symbol.cpp = item.cname.empty() ? item.name.text : item.cname;
    } else {
      if (item.value != nullptr) {
        const std::optional<std::int64_t> value = constant_value(*item.value, scope);
        if (value)
          next = *value;
        else
          not_supported(item.range, "values of enums that are no constants");
      }
      symbol.cpp = std::to_string(next++);
      if (def.is_cpdef) python_constants_.emplace_back(std::string(item.name.text), next - 1);
    }
    add_symbol(scope, item.name, std::move(symbol));
  }
}

void Analyzer::declare_typedef(const syntax::CTypedef& def, Scope& scope) {
  const syntax::CDeclarator& declarator = def.declarator;
  Symbol symbol;
  symbol.kind = SymbolKind::kType;
  const Type* type = ctype(*declarator.type, scope);
  symbol.type = type;
  if (def.context.visibility == syntax::Visibility::kExtern) {
    const std::string cname(declarator.cname.empty() ? declarator.name.text : declarator.cname);
    const std::string name(declarator.name.text);
    if (type->kind == TypeKind::kInt) symbol.type = types_.new_extern_int(name, cname, *type);
    if (type->is_float()) symbol.type = types_.new_extern_float(name, cname, *type);
    if (type->is_void()) {
      // ctypedef void T: something that only pointers are made of.
      symbol.type = types_.new_struct(name, cname);
    }
  }
  add_symbol(scope, declarator.name, std::move(symbol));
}

void Analyzer::declare_extern(const syntax::CExternBlock& block, Scope& scope) {
  if (!block.context.name_space.empty()) return not_supported(block.range, "C++ namespaces");
  if (!block.any_header) {
    const bool is_system = block.header.starts_with("<");
    std::string include = "#include ";
    include += is_system ? std::string(block.header) : "\"" + std::string(block.header) + "\"";
    out_.prelude.push_back(std::move(include));
  }
  if (!block.verbatim.empty()) out_.prelude.emplace_back(block.verbatim);
  for (const syntax::Stmt* stmt : block.body) {
    if (stmt->kind == StmtKind::kCStructDef) {
      declare_struct(as<syntax::CStructDef>(*stmt), scope, true);
    } else if (stmt->kind == StmtKind::kCEnumDef) {
      declare_enum(as<syntax::CEnumDef>(*stmt), scope, true);
    } else if (stmt->kind == StmtKind::kCClassDef || stmt->kind == StmtKind::kCppClassDef) {
      // In a .pxd it does no harm until something of it is used.
      if (&scope == &scope_) not_supported(stmt->range, "extension classes");
    } else {
      declare(*stmt, scope, false);
    }
  }
}

// ---- cimport ----

std::shared_ptr<Scope> Analyzer::load_pxd(const std::string& name, syntax::SourceRange range) {
  const auto known = pxds_.find(name);
  if (known != pxds_.end()) return known->second;
  const std::optional<syntax::SourceId> source =
      options_.find_pxd ? options_.find_pxd(name) : std::nullopt;
  if (!source) {
    diagnostics_.error("no-pxd", range, "there is no module '" + name + "' to cimport")
        .hint(
            "a .pxd file of that name is looked for beside the source, on the include path and "
            "on sys.path");
    return nullptr;
  }
  auto scope = std::make_shared<Scope>();
  pxds_.emplace(name, scope);  // before its text is read, which may cimport us
  syntax::ParseOptions options;
  options.file_kind = syntax::FileKind::kPxd;
  trees_.push_back(
      std::make_unique<syntax::Tree>(syntax::parse(sources_, *source, options, diagnostics_)));
  declare_all(trees_.back()->module->body, *scope, true);
  return scope;
}

void Analyzer::declare_cimport(const syntax::CImport& stmt, Scope& scope) {
  for (const syntax::Alias& alias : stmt.names) {
    const std::string name(alias.name.text);
    Symbol symbol;
    if (name == "cython" || name.starts_with("cython.")) {
      symbol.kind = SymbolKind::kCython;
      if (!alias.asname.empty() && name.size() > 6) symbol.name = name.substr(7);
      const syntax::Identifier as_name =
          alias.asname.empty() ? syntax::Identifier{"cython", alias.range} : alias.asname;
      add_symbol(scope, as_name, std::move(symbol));
      continue;
    }
    std::shared_ptr<Scope> module = load_pxd(name, alias.range);
    if (!module) {
      const std::string_view first = std::string_view(alias.name.text).substr(0, name.find('.'));
      add_refused(scope,
                  alias.asname.empty() ? syntax::Identifier{first, alias.range} : alias.asname);
      continue;
    }
    symbol.kind = SymbolKind::kModule;
    symbol.name = name;
    if (!alias.asname.empty() || name.find('.') == std::string::npos) {
      symbol.scope = std::move(module);
      add_symbol(scope, alias.asname.empty() ? alias.name : alias.asname, std::move(symbol));
      continue;
    }
    // cimport libc.math: the name is libc, with math in it.
    Scope* owner = &scope;
    std::size_t start = 0;
    for (std::size_t dot = name.find('.');; dot = name.find('.', start)) {
      const std::string part = name.substr(start, dot == std::string::npos ? dot : dot - start);
      Symbol& entry = owner->names[part];
      entry.kind = SymbolKind::kModule;
      entry.name = part;
      if (dot == std::string::npos) {
        entry.scope = std::move(module);
        break;
      }
      if (!entry.scope) entry.scope = std::make_shared<Scope>();
      owner = entry.scope.get();
      start = dot + 1;
    }
  }
}

// `import cython` is the same as cimporting it: nothing of it is needed when the code runs.
void Analyzer::declare_import_of_cython(const syntax::Stmt& stmt, Scope& scope) {
  if (stmt.kind == StmtKind::kImport) {
    for (const syntax::Alias& alias : as<syntax::Import>(stmt).names) {
      if (alias.name.text != "cython") continue;
      Symbol symbol;
      symbol.kind = SymbolKind::kCython;
      add_symbol(scope, alias.asname.empty() ? alias.name : alias.asname, std::move(symbol));
    }
    return;
  }
  const auto& from = as<syntax::ImportFrom>(stmt);
  if (from.module.text != "cython") return;
  for (const syntax::Alias& alias : from.names) {
    Symbol symbol;
    symbol.kind = SymbolKind::kCython;
    symbol.name = alias.name.text;
    add_symbol(scope, alias.asname.empty() ? alias.name : alias.asname, std::move(symbol));
  }
}

void Analyzer::declare_from_cimport(const syntax::FromCImport& stmt, Scope& scope) {
  const std::string module(stmt.module.text);
  if (stmt.level > 0) {
    not_supported(stmt.range, "relative cimports");
    for (const syntax::Alias& alias : stmt.names)
      add_refused(scope, alias.asname.empty() ? alias.name : alias.asname);
    return;
  }
  for (const syntax::Alias& alias : stmt.names) {
    const syntax::Identifier& as_name = alias.asname.empty() ? alias.name : alias.asname;
    if (module == "cython" || module.starts_with("cython.")) {
      Symbol symbol;
      symbol.kind = SymbolKind::kCython;
      symbol.name =
          (module.size() > 6 ? module.substr(7) + "." : "") + std::string(alias.name.text);
      add_symbol(scope, as_name, std::move(symbol));
      continue;
    }
    if (alias.name.text == "*") {
      if (const std::shared_ptr<Scope> from = load_pxd(module, stmt.range))
        for (const auto& [name, symbol] : from->names) scope.names.try_emplace(name, symbol);
      continue;
    }
    const std::string whole = module + "." + std::string(alias.name.text);
    const bool is_package =
        options_.find_pxd && !options_.find_pxd(module) && options_.find_pxd(whole);
    if (is_package) {
      Symbol symbol;
      symbol.kind = SymbolKind::kModule;
      symbol.name = whole;
      symbol.scope = load_pxd(whole, alias.range);
      add_symbol(scope, as_name, std::move(symbol));
      continue;
    }
    const std::shared_ptr<Scope> from = load_pxd(module, stmt.range);
    if (!from) {
      add_refused(scope, as_name);
      continue;
    }
    const Symbol* found = from->find(alias.name.text);
    if (found == nullptr) {
      add_refused(scope, as_name);
      diagnostics_.error("no-member", alias.range,
                         "'" + module + "' declares no '" + std::string(alias.name.text) + "'");
      continue;
    }
    add_symbol(scope, as_name, *found);
  }
}

}  // namespace engineroom::sema
