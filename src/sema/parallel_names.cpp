#include "sema/parallel_names.h"

#include <algorithm>

#include "sema/names.h"
#include "sema/walk.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::Operator;
using syntax::StmtKind;

namespace {

bool is_sum(Operator op) { return op == Operator::kAdd || op == Operator::kSub; }

}  // namespace

NameAssigned& AssignedNames::of(std::string_view name, syntax::SourceRange range, bool* is_new) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const NameAssigned& one) { return one.name == name; });
  *is_new = found == all.end();
  return *is_new ? all.emplace_back(NameAssigned{name, range, {}, {}, {}}) : *found;
}

void AssignedNames::plain(std::string_view name, syntax::SourceRange range) {
  bool is_new = false;
  NameAssigned& one = of(name, range, &is_new);
  one.op.reset();
  one.other_op.reset();
}

void AssignedNames::augmented(std::string_view name, syntax::SourceRange range, Operator op) {
  bool is_new = false;
  NameAssigned& one = of(name, range, &is_new);
  if (is_new) one.op = op;
  if (!one.op || *one.op == op || (is_sum(*one.op) && is_sum(op)) || one.other_op) return;
  one.other_op = op;
  one.other_range = range;
}

void AssignedNames::target(const syntax::Expr& target) {
  for_each_target_name(target, [&](std::string_view name) { plain(name, target.range); });
}

void AssignedNames::see(const syntax::Block& block) {
  for (const syntax::Stmt* stmt : block) {
    see_own(*stmt);
    if (stmt->kind == StmtKind::kFunctionDef) continue;
    syntax::for_each_block(*stmt, [this](const syntax::Block& inner) { see(inner); });
  }
}

void AssignedNames::see_own(const syntax::Stmt& stmt) {
  syntax::for_each_expr(stmt, [this](const syntax::Expr& e) {
    walk(&e, [&](const syntax::Expr& inner) {
      for_each_bound_name(inner, [&](std::string_view name) { plain(name, inner.range); });
    });
  });
  switch (stmt.kind) {
    case StmtKind::kAssign:
      for (const syntax::Expr* one : as<syntax::Assign>(stmt).targets) target(*one);
      break;
    case StmtKind::kAnnAssign:
      if (as<syntax::AnnAssign>(stmt).value != nullptr) target(*as<syntax::AnnAssign>(stmt).target);
      break;
    case StmtKind::kAugAssign: {
      const auto& augmentation = as<syntax::AugAssign>(stmt);
      if (const auto* name = syntax::try_as<syntax::Name>(augmentation.target))
        augmented(name->id, name->range, augmentation.op);
      break;
    }
    case StmtKind::kDelete:
      for (const syntax::Expr* one : as<syntax::Delete>(stmt).targets) target(*one);
      break;
    case StmtKind::kFor:
      target(*as<syntax::For>(stmt).target);
      break;
    case StmtKind::kForFrom:
      target(*as<syntax::ForFrom>(stmt).target);
      break;
    case StmtKind::kWith:
      for (const syntax::WithItem& item : as<syntax::With>(stmt).items)
        if (item.target != nullptr) target(*item.target);
      break;
    case StmtKind::kTry:
      for (const syntax::ExceptHandler& handler : as<syntax::Try>(stmt).handlers)
        if (handler.target != nullptr) target(*handler.target);
      break;
    default:
      break;
  }
}

}  // namespace engineroom::sema
