// cimport: what .pxd files declare, and which of it is used.
#include <utility>

#include "sema/analyzer.h"
#include "syntax/parse.h"

namespace engineroom::sema {

using syntax::as;
using syntax::StmtKind;

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
  const std::optional<std::size_t> header = std::exchange(header_, std::nullopt);
  declare_all(trees_.back()->module->body, *scope, true);
  header_ = header;
  for (auto& [own, symbol] : scope->names)
    if (symbol.home == nullptr) symbol.home = scope.get();
  return scope;
}

// ---- what is used of it ----

void Analyzer::use(const Symbol& symbol) {
  const auto numpy = pxds_.find("numpy");
  if (numpy != pxds_.end() && symbol.home == numpy->second.get()) {
    uses_numpy_ = true;
    calls_import_array_ = calls_import_array_ || symbol.name == "import_array";
  }
  const syntax::CFuncDef* def = symbol.definition;
  if (def == nullptr || functions_.contains(def)) return;
  tree::Function& function = new_function(tree::FunctionKind::kCdef, symbol.name, def->header);
  function.cpp = symbol.cpp;
  function.type = symbol.type;
  function.result = symbol.type->base;
  function.is_inline = true;
  functions_.emplace(def, &function);
  used_.push_back(symbol);
}

void Analyzer::define_used() {
  for (; !used_.empty(); used_.pop_front()) {
    const Symbol& symbol = used_.front();
    FunctionContext context;
    context.function = context_->function;
    context.directives = context_->directives;
    context.scope = symbol.home;
    context.is_module = true;
    FunctionContext* before = std::exchange(context_, &context);
    c_function(*symbol.definition);
    context_ = before;
  }
}

ExprPtr Analyzer::import_array() {
  const auto numpy = pxds_.find("numpy");
  if (!uses_numpy_ || calls_import_array_ || numpy == pxds_.end()) return nullptr;
  const Symbol* symbol = numpy->second->find("import_array");
  if (symbol == nullptr || symbol->kind != SymbolKind::kFunction) return nullptr;
  auto call = make<tree::Call>(symbol->type->base, module_.range);
  call->callee = symbol_value(*symbol, module_.range);
  return call;
}

// ---- cimport ----

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

// A module may be cimported and imported under the same name.
bool Analyzer::is_imported(std::string_view name) {
  if (!module_names_) module_names_ = names_bound_by(module_);
  return module_names_->bound.contains(name);
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
