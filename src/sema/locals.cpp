#include "sema/analyzer.h"
#include "sema/names.h"
#include "sema/walk.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;
using syntax::StmtKind;

void Analyzer::collect_locals(const syntax::Block& body) {
  // `global` counts wherever it stands.
  for (const syntax::Stmt* stmt : body)
    if (stmt->kind == StmtKind::kGlobal)
      for (const syntax::Identifier& name : as<syntax::Global>(*stmt).names)
        context_->globals.emplace(name.text);
  for (const syntax::Stmt* stmt : body)
    if (stmt->kind == StmtKind::kNonlocal) declare_nonlocal(as<syntax::Nonlocal>(*stmt));
  for (const syntax::Stmt* stmt : body)
    if (stmt->kind == StmtKind::kCompileTimeDef) define(as<syntax::CompileTimeDef>(*stmt));
  for (const syntax::Stmt* stmt : body) collect_local(*stmt);
}

void Analyzer::add_local(std::string_view name) {
  if (context_->nonlocals.contains(name)) context_->assigned_nonlocals.emplace(name);
  if (context_->globals.contains(name) || context_->locals.contains(name)) return;
  context_->locals.emplace(std::string(name), new_variable(name, object_, VariableKind::kLocal));
}

void Analyzer::collect_in_expr(const syntax::Expr& e) {
  walk(&e, [this](const syntax::Expr& inner) {
    for_each_bound_name(inner, [this](std::string_view name) { add_local(name); });
  });
}

void Analyzer::collect_local(const syntax::Stmt& stmt) {
  if (const syntax::Block* inner = stands_for(stmt)) return collect_locals(*inner);
  const auto target = [this](const syntax::Expr& e) {
    for_each_target_name(e, [this](std::string_view name) { add_local(name); });
  };
  syntax::for_each_expr(stmt, [this](const syntax::Expr& e) { collect_in_expr(e); });
  switch (stmt.kind) {
    case StmtKind::kAssign:
      for (const syntax::Expr* t : as<syntax::Assign>(stmt).targets) target(*t);
      return;
    case StmtKind::kAugAssign:
      return target(*as<syntax::AugAssign>(stmt).target);
    case StmtKind::kAnnAssign: {
      const auto& annotated = as<syntax::AnnAssign>(stmt);
      const auto* name = syntax::try_as<syntax::Name>(annotated.target);
      if (name == nullptr) return;
      add_local(name->id);
      const auto local = context_->locals.find(name->id);
      const Type* type = annotation(*annotated.annotation).type;
      const bool is_new = local != context_->locals.end() && type != nullptr &&
                          local->second->kind == VariableKind::kLocal &&
                          !declared_.contains(local->second);
      if (is_new) local->second->type = type;
      return;
    }
    case StmtKind::kNonlocal:
      for (const syntax::Identifier& name : as<syntax::Nonlocal>(stmt).names)
        if (context_->assigned_nonlocals.contains(name.text)) refuse_nonlocal(name);
      return;
    case StmtKind::kDelete:
      for (const syntax::Expr* t : as<syntax::Delete>(stmt).targets) target(*t);
      return;
    case StmtKind::kImport:
      for (const syntax::Alias& alias : as<syntax::Import>(stmt).names) {
        const std::string_view name = alias.asname.empty()
                                          ? alias.name.text.substr(0, alias.name.text.find('.'))
                                          : alias.asname.text;
        add_local(name);
      }
      return;
    case StmtKind::kImportFrom:
      for (const syntax::Alias& alias : as<syntax::ImportFrom>(stmt).names)
        if (alias.name.text != "*")
          add_local(alias.asname.empty() ? alias.name.text : alias.asname.text);
      return;
    case StmtKind::kIf:
      for (const syntax::IfClause& clause : as<syntax::If>(stmt).clauses)
        collect_locals(clause.body);
      return collect_locals(as<syntax::If>(stmt).orelse);
    case StmtKind::kWhile:
      collect_locals(as<syntax::While>(stmt).body);
      return collect_locals(as<syntax::While>(stmt).orelse);
    case StmtKind::kFor:
      target(*as<syntax::For>(stmt).target);
      collect_locals(as<syntax::For>(stmt).body);
      return collect_locals(as<syntax::For>(stmt).orelse);
    case StmtKind::kForFrom:
      target(*as<syntax::ForFrom>(stmt).target);
      collect_locals(as<syntax::ForFrom>(stmt).body);
      return collect_locals(as<syntax::ForFrom>(stmt).orelse);
    case StmtKind::kTry:
      collect_locals(as<syntax::Try>(stmt).body);
      for (const syntax::ExceptHandler& handler : as<syntax::Try>(stmt).handlers) {
        if (handler.target != nullptr) target(*handler.target);
        collect_locals(handler.body);
      }
      collect_locals(as<syntax::Try>(stmt).orelse);
      return collect_locals(as<syntax::Try>(stmt).finalbody);
    case StmtKind::kWith:
      for (const syntax::WithItem& item : as<syntax::With>(stmt).items)
        if (item.target != nullptr) target(*item.target);
      return collect_locals(as<syntax::With>(stmt).body);
    case StmtKind::kGilBlock:
      return collect_locals(as<syntax::GilBlock>(stmt).body);
    case StmtKind::kMatch:
      for (const syntax::MatchCase& one : as<syntax::Match>(stmt).cases) {
        for_each_pattern_name(one.pattern, [this](std::string_view name) {
          if (!name.empty()) add_local(name);
        });
        collect_locals(one.body);
      }
      return;
    case StmtKind::kFunctionDef:
      return add_local(as<syntax::FunctionDef>(stmt).name.text);
    case StmtKind::kClassDef:
      return add_local(as<syntax::ClassDef>(stmt).name.text);
    case StmtKind::kCDefBlock:
      return collect_locals(as<syntax::CDefBlock>(stmt).body);
    case StmtKind::kCVarDef:
      for (const syntax::CDeclarator& declarator : as<syntax::CVarDef>(stmt).declarators) {
        const Type* type = declared_type(declarator, here(), "a variable");
        // Its value is assigned after its declaration, to which C++ would object.
        const bool is_const = type->unqualified != nullptr;
        if (is_const) type = type->unqualified;
        const std::string name(declarator.name.text);
        const auto known = context_->locals.find(name);
        if (known != context_->locals.end() && known->second->kind == VariableKind::kLocal &&
            declared_.insert(known->second).second) {
          known->second->type = type;  // declared below its use: the control flow says so
          continue;
        }
        if (known != context_->locals.end()) {
          diagnostics_.error("redeclared", declarator.range, "'" + name + "' is declared already");
          continue;
        }
        Variable* made = new_variable(name, type, VariableKind::kLocal);
        context_->locals.emplace(name, made);
        declared_.insert(made);
        if (is_const) const_variables_.insert(made);
      }
      return;
    default:
      return;
  }
}

}  // namespace engineroom::sema
