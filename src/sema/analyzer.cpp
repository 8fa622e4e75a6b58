#include "sema/analyzer.h"

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
    case Directives::Set::kBadValue:
      diagnostics_.error("directive", range,
                         "directive '" + std::string(key) + "' is True or False, not '" +
                             std::string(value) + "'");
  }
}

void Analyzer::run() {
  out_.name = options_.module_name;
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

  const std::size_t n_before = diagnostics_.all().size();
  declare_own_pxd();
  declare_all(module_.body, scope_, false);
  define_functions(module_.body);
  Block body;
  for (const auto& [name, value] : python_constants_)
    do_helper(body, "er::store_global", module_.range, globals(module_.range),
              str_constant(name, module_.range),
              constant({tree::ConstantKind::kInt, std::to_string(value), 0, {}}, ObjectClass::kInt,
                       module_.range));
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
  // C variables that C++ knows already are not defined again.
  for (Variable& variable : out_.variables)
    if (extern_variables_.contains(&variable)) variable.kind = VariableKind::kExtern;
  context_ = nullptr;
  diagnostics_.sort_since(n_before);
}

std::unique_ptr<tree::Module> analyze(const syntax::Module& module, syntax::Sources& sources,
                                      const Options& options, syntax::Diagnostics& diagnostics) {
  auto out = std::make_unique<tree::Module>();
  Analyzer(module, sources, options, diagnostics, *out).run();
  return out;
}

}  // namespace engineroom::sema
