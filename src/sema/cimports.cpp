// cimport: what .pxd files declare, and which of it is used.
#include <utility>
#include <vector>

#include "sema/analyzer.h"
#include "sema/names.h"
#include "syntax/parse.h"

namespace engineroom::sema {

using syntax::as;
using syntax::StmtKind;

namespace {

const char kWhere[] =
    "a .pxd file of that name is looked for beside the source, on the include path and on sys.path";

}  // namespace

std::shared_ptr<Scope> Analyzer::load_pxd(const std::string& name, syntax::SourceRange range,
                                          int level) {
  const std::optional<syntax::SourceId> source = find_pxd(name, level, range.source);
  if (!source && (name == "libcpp" || name.starts_with("libcpp."))) {
    not_supported(range, "C++: the module '" + name + "'");
    return nullptr;
  }
  if (!source) {
    diagnostics_
        .error("no-pxd", range,
               "there is no module '" + std::string(static_cast<std::size_t>(level), '.') + name +
                   "' to cimport")
        .hint(level > 0 ? "" : kWhere);
    return nullptr;
  }
  const auto known = pxds_.find(*source);
  if (known != pxds_.end()) return known->second;
  auto scope = std::make_shared<Scope>();
  scope->module = absolute_module(name, level);
  pxds_.emplace(*source, scope);  // before its text is read, which may cimport us
  if (name == "numpy") numpy_ = scope;
  if (name == "openmp") out_.uses_openmp = true;
  const std::optional<std::size_t> header = std::exchange(header_, std::nullopt);
  declare_all(parse_pxd(*source), *scope, true);
  header_ = header;
  for (auto& [own, symbol] : scope->names)
    if (symbol.home == nullptr) symbol.home = scope.get();
  return scope;
}

std::optional<syntax::SourceId> Analyzer::find_pxd(const std::string& name, int level,
                                                   syntax::SourceId from) {
  if (level > 0) {
    return options_.find_relative_pxd ? options_.find_relative_pxd(name, level, from)
                                      : std::nullopt;
  }
  return options_.find_pxd ? options_.find_pxd(name) : std::nullopt;
}

const syntax::Block& Analyzer::parse_pxd(syntax::SourceId source) {
  syntax::ParseOptions options;
  options.file_kind = syntax::FileKind::kPxd;
  options.character_by_name = options_.character_by_name;
  trees_.push_back(
      std::make_unique<syntax::Tree>(syntax::parse(sources_, source, options, diagnostics_)));
  return trees_.back()->module->body;
}

// What is in the .pxd of the module is declared as if it were in the module.
void Analyzer::declare_own_pxd() {
  if (!options_.own_pxd) return;
  in_own_pxd_ = true;
  pxds_.emplace(*options_.own_pxd, std::shared_ptr<Scope>(&scope_, [](Scope*) {}));
  declare_all(parse_pxd(*options_.own_pxd), scope_, true);
  in_own_pxd_ = false;
  for (auto& [name, symbol] : scope_.names)
    if (symbol.definition != nullptr && symbol.home == nullptr) symbol.home = &scope_;
}

// What is not supported yet does no harm in a .pxd until something of it is used.
void Analyzer::declare_in_pxd(const syntax::Stmt& stmt, Scope& scope) {
  const std::size_t before = diagnostics_.all().size();
  const std::size_t n_errors = diagnostics_.n_errors();
  declare(stmt, scope, true);
  if (diagnostics_.n_errors() == n_errors) return;
  constexpr std::string_view kMark = "not supported yet: ";
  std::string what;
  for (std::size_t i = before; i < diagnostics_.all().size(); ++i) {
    const syntax::Diagnostic& one = diagnostics_.all()[i];
    if (one.severity != syntax::Severity::kError) continue;
    if (one.code != "not-supported") return;
    if (what.empty()) what = one.message.substr(kMark.size());
  }
  const std::vector<std::string_view> names = declared_names(stmt);
  if (names.empty()) return;
  diagnostics_.rewind_to(before);
  for (const std::string_view name : names) {
    scope.names.erase(std::string(name));
    scope.unsupported.emplace(name, what);
  }
}

// Classes that stand below what uses them.
void Analyzer::announce_unsupported(const syntax::Block& block, Scope& scope) {
  for (const syntax::Stmt* stmt : block) {
    const bool is_class =
        stmt->kind == StmtKind::kCClassDef && as<syntax::CClassDef>(*stmt).module_name.empty();
    if (!is_class && stmt->kind != StmtKind::kCppClassDef && stmt->kind != StmtKind::kCFusedDef)
      continue;
    const char* what = is_class                               ? "extension classes"
                       : stmt->kind == StmtKind::kCppClassDef ? "C++ classes"
                                                              : "fused types";
    for (const std::string_view name : declared_names(*stmt)) scope.unsupported.emplace(name, what);
  }
}

bool Analyzer::refuse_unsupported(const Scope& scope, std::string_view name,
                                  syntax::SourceRange range) {
  const auto found = scope.unsupported.find(name);
  if (found == scope.unsupported.end()) return false;
  not_supported(range, found->second);
  return true;
}

// ---- what is used of it ----

void Analyzer::use(const Symbol& symbol) {
  if (numpy_ && symbol.home == numpy_.get()) {
    uses_numpy_ = true;
    calls_import_array_ = calls_import_array_ || symbol.name == "import_array";
  }
  if (symbol.lent) borrow(*symbol.lent);
  const syntax::CFuncDef* def = symbol.definition;
  if (def == nullptr || functions_.contains(def)) return;
  tree::Function& function = new_function(tree::FunctionKind::kCdef, symbol.name, def->header);
  function.cpp = symbol.cpp;
  function.type = symbol.type;
  function.result = symbol.type->base;
  function.is_inline = true;
  function.is_of_pxd = true;
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
  if (!numpy_ || calls_import_array_) return nullptr;
  const Symbol* symbol = numpy_->find("import_array");
  if (!uses_numpy_ || symbol == nullptr || symbol->kind != SymbolKind::kFunction) {
    // Then its header is not needed, but the module is there as it would be with it.
    return object_helper("er::import_top", module_.range, globals(module_.range),
                         str_constant("numpy", module_.range));
  }
  auto call = make<tree::Call>(symbol->type->base, module_.range);
  call->callee = symbol_value(*symbol, module_.range);
  return call;
}

// ---- cimport ----

// `import cython.parallel`, `cimport cython.parallel as p`; false if it is another module.
bool Analyzer::declare_cython(const syntax::Alias& alias, Scope& scope) {
  const std::string_view name = alias.name.text;
  if (name != "cython" && !name.starts_with("cython.")) return false;
  Symbol symbol;
  symbol.kind = SymbolKind::kCython;
  if (name.starts_with("cython.parallel.")) {
    diagnostics_.error("no-pxd", alias.range, std::string(name) + " is not a module")
        .hint("from cython.parallel cimport " + std::string(name.substr(name.rfind('.') + 1)));
    if (!alias.asname.empty()) add_refused(scope, alias.asname);
    if (!alias.asname.empty()) return true;
  }
  if (!alias.asname.empty() && name.size() > 6) symbol.name = name.substr(7);
  const syntax::Identifier as_name =
      alias.asname.empty() ? syntax::Identifier{"cython", alias.range} : alias.asname;
  add_symbol(scope, as_name, std::move(symbol));
  return true;
}

// A name in cython.parallel that is none; the module has but three.
bool Analyzer::refuse_parallel_name(std::string_view module, const syntax::Alias& alias) {
  const std::string_view name = alias.name.text;
  if (module != "cython.parallel" || name == "prange" || name == "parallel" || name == "threadid")
    return false;
  diagnostics_
      .error("no-member", alias.range, "No such directive: cython.parallel." + std::string(name))
      .hint("it has prange, parallel and threadid");
  return true;
}

void Analyzer::declare_cimport(const syntax::CImport& stmt, Scope& scope) {
  for (const syntax::Alias& alias : stmt.names) {
    const std::string name(alias.name.text);
    Symbol symbol;
    if (declare_cython(alias, scope)) continue;
    std::shared_ptr<Scope> module = load_pxd(name, alias.range);
    if (!module) {
      const std::string_view first = std::string_view(alias.name.text).substr(0, name.find('.'));
      add_refused(scope,
                  alias.asname.empty() ? syntax::Identifier{first, alias.range} : alias.asname);
      continue;
    }
    symbol.kind = SymbolKind::kModule;
    symbol.name = name;
    symbol.origin.pxd = name;
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
        entry.origin.pxd = name;
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
    for (const syntax::Alias& alias : as<syntax::Import>(stmt).names) declare_cython(alias, scope);
    return;
  }
  const auto& from = as<syntax::ImportFrom>(stmt);
  const std::string_view module = from.module.text;
  if (from.level > 0 || (module != "cython" && !module.starts_with("cython."))) return;
  for (const syntax::Alias& alias : from.names) {
    if (refuse_parallel_name(module, alias)) continue;
    Symbol symbol;
    symbol.kind = SymbolKind::kCython;
    symbol.name = module.size() > 6 ? std::string(module.substr(7)) + "." : std::string();
    symbol.name += alias.name.text;
    add_symbol(scope, alias.asname.empty() ? alias.name : alias.asname, std::move(symbol));
  }
}

// A module may be cimported and imported under the same name.
bool Analyzer::is_imported(std::string_view name) {
  return module_names().bound.contains(name) || (options_.is_known && options_.is_known(name));
}

namespace {

Symbol cimported(Symbol symbol, const std::string& pxd, const std::string& name) {
  symbol.origin.pxd = pxd;
  symbol.origin.name = name;
  return symbol;
}

}  // namespace

void Analyzer::declare_from_cimport(const syntax::FromCImport& stmt, Scope& scope) {
  const std::string module(stmt.module.text);
  for (const syntax::Alias& alias : stmt.names) {
    const syntax::Identifier& as_name = alias.asname.empty() ? alias.name : alias.asname;
    if (stmt.level == 0 && (module == "cython" || module.starts_with("cython."))) {
      if (refuse_parallel_name(module, alias)) continue;
      Symbol symbol;
      symbol.kind = SymbolKind::kCython;
      symbol.name =
          (module.size() > 6 ? module.substr(7) + "." : "") + std::string(alias.name.text);
      add_symbol(scope, as_name, std::move(symbol));
      continue;
    }
    if (alias.name.text == "*") {
      if (const std::shared_ptr<Scope> from = load_pxd(module, stmt.range, stmt.level)) {
        for (const auto& [name, symbol] : from->names)
          scope.names.try_emplace(name, cimported(symbol, module, name));
        scope.unsupported.insert(from->unsupported.begin(), from->unsupported.end());
      }
      continue;
    }
    cimport_name(stmt, alias, as_name, scope);
  }
}

// `from module cimport name`, where the name is one of the module's, or a module in the package.
void Analyzer::cimport_name(const syntax::FromCImport& stmt, const syntax::Alias& alias,
                            const syntax::Identifier& as_name, Scope& scope) {
  const std::string module(stmt.module.text);
  const std::string whole = (module.empty() ? "" : module + ".") + std::string(alias.name.text);
  const syntax::SourceId here = stmt.range.source;
  const bool has_module = find_pxd(module, stmt.level, here).has_value();
  const std::shared_ptr<Scope> from =
      has_module ? load_pxd(module, stmt.range, stmt.level) : nullptr;
  const Symbol* found = from ? from->find(alias.name.text) : nullptr;
  if (found != nullptr)
    return add_symbol(scope, as_name, cimported(*found, module, std::string(alias.name.text)));
  if (from && refuse_unsupported(*from, alias.name.text, alias.range))
    return add_refused(scope, as_name);
  if (find_pxd(whole, stmt.level, here)) {
    Symbol symbol;
    symbol.kind = SymbolKind::kModule;
    symbol.name = whole;
    symbol.scope = load_pxd(whole, alias.range, stmt.level);
    symbol.origin.pxd = whole;
    return add_symbol(scope, as_name, std::move(symbol));
  }
  add_refused(scope, as_name);
  if (!has_module) {
    load_pxd(module, stmt.range, stmt.level);  // says that there is none
    return;
  }
  std::vector<std::string_view> names;
  for (const auto& [name, symbol] : from->names) names.push_back(name);
  const std::string_view close = closest_name(alias.name.text, names);
  diagnostics_
      .error("no-member", alias.range,
             "'" + module + "' declares no '" + std::string(alias.name.text) + "'")
      .hint(close.empty() ? "" : "did you mean " + syntax::in_quotes(close) + "?");
}

}  // namespace engineroom::sema
