// Statements that stand for others: `include`, IF, cython.declare() and @cython.cfunc; and the
// names that DEF gives to values.
#include "sema/analyzer.h"
#include "sema/compile_time.h"
#include "syntax/parse.h"

namespace engineroom::sema {

using syntax::as;
using syntax::StmtKind;

namespace {

constexpr int kMaxIncludes = 40;  // in each other

}  // namespace

const syntax::Block* Analyzer::stands_for(const syntax::Stmt& stmt) {
  if (stmt.kind == StmtKind::kFunctionDef) return c_function_of(as<syntax::FunctionDef>(stmt));
  if (stmt.kind != StmtKind::kInclude && stmt.kind != StmtKind::kCompileTimeIf)
    return declared_by_call(stmt);
  const auto known = expanded_.find(&stmt);
  if (known != expanded_.end()) return &known->second;
  syntax::Block block = stmt.kind == StmtKind::kInclude ? included(as<syntax::Include>(stmt))
                                                        : chosen(as<syntax::CompileTimeIf>(stmt));
  return &expanded_.emplace(&stmt, block).first->second;
}

syntax::Block Analyzer::included(const syntax::Include& stmt) {
  const std::string_view path = stmt.path->text.empty() ? stmt.path->bytes : stmt.path->text;
  const std::optional<syntax::SourceId> source =
      options_.find_include ? options_.find_include(path, stmt.range.source) : std::nullopt;
  if (!source) {
    missing_includes_.insert(&stmt);
    diagnostics_
        .error("no-include", stmt.path->range,
               "there is no file " + syntax::in_quotes(path) + " to include")
        .hint("it is looked for beside the source and on the include path");
    return {};
  }
  const auto around = include_depths_.find(stmt.range.source);
  const int depth = around == include_depths_.end() ? 0 : around->second;
  if (depth >= kMaxIncludes) {
    diagnostics_.error("include-depth", stmt.range, "files include each other without an end");
    return {};
  }
  include_depths_[*source] = depth + 1;
  syntax::ParseOptions options;
  options.file_kind = syntax::FileKind::kPxi;
  options.level = module_.level;
  options.character_by_name = options_.character_by_name;
  trees_.push_back(
      std::make_unique<syntax::Tree>(syntax::parse(sources_, *source, options, diagnostics_)));
  return trees_.back()->module->body;
}

syntax::Block Analyzer::chosen(const syntax::CompileTimeIf& stmt) {
  for (const syntax::IfClause& clause : stmt.clauses) {
    const syntax::Expr* test = compile_time_value(*clause.test);
    if (test == nullptr) {
      not_supported(clause.test->range, "this expression at compile time");
      return {};
    }
    if (is_true(*test)) return clause.body;
  }
  return stmt.orelse;
}

// ---- DEF ----

const syntax::Expr* Analyzer::compile_time_value(const syntax::Expr& expr) {
  return evaluate(expr, [this](std::string_view name) { return definition(name); }, made_);
}

const syntax::Expr* Analyzer::definition(std::string_view name) {
  if (context_ != nullptr) {
    const auto local = context_->definitions.find(name);
    if (local != context_->definitions.end()) return local->second.value;
  }
  const auto found = definitions_.find(name);
  if (found != definitions_.end()) return found->second.value;
  const auto given = options_.definitions.find(name);
  if (given == options_.definitions.end()) return nullptr;
  const syntax::Expr* text = text_literal(given->second, module_.range, made_);
  definitions_.emplace(std::string(name), Definition{nullptr, text});
  return text;
}

void Analyzer::define(const syntax::CompileTimeDef& stmt) {
  Definitions& definitions =
      context_ != nullptr && !context_->is_module ? context_->definitions : definitions_;
  const std::string name(stmt.name.text);
  const auto known = definitions.find(name);
  if (known != definitions.end() && known->second.stmt == &stmt) return;
  if (known != definitions.end() && &definitions == &definitions_) {
    // Functions are compiled later than they are written: which value would they mean?
    return not_supported(stmt.range, "two DEFs of one name");
  }
  const syntax::Expr* value = compile_time_value(*stmt.value);
  if (value == nullptr) return not_supported(stmt.value->range, "this expression at compile time");
  definitions[name] = {&stmt, value};
}

}  // namespace engineroom::sema
