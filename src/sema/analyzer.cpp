#include "sema/analyzer.h"

#include <algorithm>

#include "sema/gil_check.h"

namespace engineroom::sema {

using syntax::as;

Analyzer::Analyzer(const syntax::Module& module, syntax::Sources& sources, const Options& options,
                   syntax::Diagnostics& diagnostics, tree::Module& out)
    : module_(module),
      sources_(sources),
      options_(options),
      diagnostics_(diagnostics),
      out_(out),
      types_(out.types),
      object_(types_.object()) {}

void Analyzer::set_directive(std::string_view key, std::string_view value, Directives& directives,
                             syntax::SourceRange range) {
  switch (directives.set(key, value)) {
    case Directives::Set::kOk:
      return;
    case Directives::Set::kUnknown:
      diagnostics_.error("directive", range, "there is no directive '" + std::string(key) + "'");
      return;
    case Directives::Set::kUnsupported:
      return not_supported(range, "the directive " + std::string(key));
    case Directives::Set::kBadValue:
      diagnostics_.error("directive", range,
                         "directive '" + std::string(key) + "' is True or False, not '" +
                             std::string(value) + "'");
  }
}

void Analyzer::run() {
  out_.name = scope_.module = options_.module_name;
  take_docstring(module_.body, out_.doc, out_.has_doc);

  FunctionContext context;
  context.is_module = true;
  context.directives.true_division = module_.level != syntax::LanguageLevel::k2;
  for (const auto& [key, value] : options_.directives)
    set_directive(key, value, context.directives, module_.range);
  for (const syntax::Directive& directive : module_.directives)
    set_directive(directive.key, directive.value, context.directives, directive.range);
  for (const syntax::Stmt* stmt : module_.body) {
    const auto* from =
        stmt->kind == syntax::StmtKind::kImportFrom ? &as<syntax::ImportFrom>(*stmt) : nullptr;
    if (from == nullptr || from->module.text != "__future__") continue;
    for (const syntax::Alias& alias : from->names)
      if (alias.name.text == "division") context.directives.true_division = true;
  }
  tree::Function init;
  context.function = &init;
  context_ = &context;

  declare_own_pxd();
  declare_all(module_.body, scope_, false);
  check_module_flow();
  define_functions(module_.body);
  Block body;
  make_enums(body);
  for (tree::Function* function : python_functions_) {
    auto made = make<tree::MakeFunction>(object_, module_.range);
    made->function = function;
    do_helper(body, "er::store_global", module_.range, globals(module_.range),
              str_constant(function->name, module_.range), std::move(made));
  }
  if (out_.has_doc)
    do_helper(body, "er::store_global", module_.range, globals(module_.range),
              str_constant("__doc__", module_.range), str_constant(out_.doc, module_.range));
  Block statements = block(module_.body);
  if (ExprPtr call = import_array()) add_expr(body, std::move(call));
  for (StmtPtr& stmt : statements) body.push_back(std::move(stmt));
  define_used();

  // Last, as everything it makes comes before it. Variables stay where they are when a deque moves.
  init.kind = tree::FunctionKind::kModuleInit;
  init.name = init.qualname = "<module>";
  init.cpp = "f_module_init";
  init.range = module_.range;
  init.result = types_.void_type();
  init.body = std::move(body);
  out_.functions.push_back(std::move(init));
  const bool is_all = !context.directives.remove_unreachable;
  for (const tree::Function& function : out_.functions)
    check_gil(function, is_all, types_, diagnostics_);
  // C variables that C++ knows already are not defined again.
  for (Variable& variable : out_.variables)
    if (extern_variables_.contains(&variable)) variable.kind = VariableKind::kExtern;
  context_ = nullptr;
  // Readers go line by line, whoever found what.
  diagnostics_.sort_since(0);
}

Symbol* Analyzer::module_symbol(std::string_view name) {
  if (Symbol* own = scope_.find(name)) return own;
  if (options_.earlier == nullptr || module_names().binds(name)) return nullptr;
  const auto found = options_.earlier->names.find(name);
  return found == options_.earlier->names.end() ? nullptr : inherit(name, found->second);
}

// Makes a name of an earlier module one of this.
Symbol* Analyzer::inherit(std::string_view name, const Symbol& symbol) {
  Symbol inherited = symbol;
  if (symbol.origin.earlier != nullptr) {
    for (const auto& used : symbol.origin.earlier->uses) use(used);
    use(symbol.origin.earlier);
  } else if (symbol.kind == SymbolKind::kModule) {
    inherited.scope = cimport_again(symbol);
  } else if (!symbol.origin.pxd.empty()) {
    const std::shared_ptr<Scope> from = load_pxd(symbol.origin.pxd, module_.range);
    const Symbol* found = from ? from->find(symbol.origin.name) : nullptr;
    if (found == nullptr) return nullptr;
    inherited = *found;
    inherited.origin = symbol.origin;
  }
  return &scope_.names.insert_or_assign(std::string(name), std::move(inherited)).first->second;
}

void Analyzer::use(const std::shared_ptr<const tree::Declarations>& earlier) {
  if (std::find(out_.uses.begin(), out_.uses.end(), earlier) == out_.uses.end())
    out_.uses.push_back(earlier);
}

// What an earlier module has cimported, for the text of this one.
std::shared_ptr<Scope> Analyzer::cimport_again(const Symbol& module) {
  if (!module.origin.pxd.empty()) return load_pxd(module.origin.pxd, module_.range);
  // The `libc` of `cimport libc.math`.
  auto package = std::make_shared<Scope>();
  for (const auto& [name, part] : module.scope->names) {
    Symbol again = part;
    again.scope = cimport_again(part);
    package->names.emplace(name, std::move(again));
  }
  return package;
}

Analysis analyze(const syntax::Module& module, syntax::Sources& sources, const Options& options,
                 syntax::Diagnostics& diagnostics) {
  Analysis result;
  result.module = std::make_unique<tree::Module>(options.types);
  Analyzer analyzer(module, sources, options, diagnostics, *result.module);
  analyzer.run();
  result.scope = analyzer.take_scope();
  return result;
}

}  // namespace engineroom::sema
