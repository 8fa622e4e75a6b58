#include "races/effects.h"

#include "races/patterns.h"
#include "tree/children.h"

namespace engineroom::races {

using tree::as;
using tree::Expr;
using tree::StmtKind;
using tree::try_as;
using tree::Variable;

void collect_assigned(const tree::Block& block, std::set<const tree::Variable*>& assigned) {
  for (const tree::StmtPtr& stmt : block) {
    if (const auto* target = stmt->kind == StmtKind::kAssign
                                 ? variable_of(*as<tree::Assign>(*stmt).target)
                                 : nullptr)
      assigned.insert(target);
    if (stmt->kind == StmtKind::kCountLoop) assigned.insert(as<tree::CountLoop>(*stmt).variable);
    if (stmt->kind == StmtKind::kIterate) assigned.insert(as<tree::Iterate>(*stmt).item);
    if (stmt->kind == StmtKind::kParallelLoop)
      assigned.insert(as<tree::ParallelLoop>(*stmt).variable);
    const auto visit = [&](const auto& self, const Expr& expr) -> void {
      if (const auto* assignment = try_as<tree::AssignmentExpr>(&expr))
        assigned.insert(assignment->target);
      if (const auto* inner = try_as<tree::BlockExpr>(&expr))
        collect_assigned(inner->body, assigned);
      tree::for_each_child(expr, [&](const Expr& child) { self(self, child); });
    };
    tree::for_each_expr(*stmt, [&](const Expr& expr) { visit(visit, expr); });
    tree::for_each_block(*stmt,
                         [&](const tree::Block& inner) { collect_assigned(inner, assigned); });
  }
}

void collect_touched(const tree::Block& block, std::set<const Variable*>& touched) {
  const auto add = [&](const Expr& expr) {
    if (const Variable* root = root_of(expr)) touched.insert(root);
  };
  const auto visit = [&](const auto& self, const Expr& expr) -> void {
    if (const auto* address = try_as<tree::AddressOf>(&expr)) add(*address->value);
    const auto* call = try_as<tree::Call>(&expr);
    const auto* helper = try_as<tree::Helper>(&expr);
    if (call != nullptr || helper != nullptr)
      for (const tree::ExprPtr& arg : call != nullptr ? call->args : helper->args)
        if (arg->type->is_pointer_like() || arg->type->is_view()) add(*arg);
    tree::for_each_child(expr, [&](const Expr& child) { self(self, child); });
  };
  for (const tree::StmtPtr& stmt : block) {
    if (stmt->kind == StmtKind::kAssign) {
      const auto& assign = as<tree::Assign>(*stmt);
      const bool is_name = variable_of(*assign.target) != nullptr;
      // Through another name of the memory it may be written as well.
      const bool is_alias = assign.target->type->is_pointer() || assign.target->type->is_view();
      if (!is_name) add(*assign.target);
      if (is_name && is_alias) add(*assign.value);
    }
    tree::for_each_expr(*stmt, [&](const Expr& expr) { visit(visit, expr); });
    tree::for_each_block(*stmt, [&](const tree::Block& inner) { collect_touched(inner, touched); });
  }
}

void collect_addressed(const tree::Block& block, std::set<const Variable*>& addressed) {
  const auto visit = [&](const auto& self, const Expr& expr) -> void {
    const auto* address = try_as<tree::AddressOf>(&expr);
    const Variable* variable = address != nullptr ? variable_of(*address->value) : nullptr;
    if (variable != nullptr && variable->type->is_numeric()) addressed.insert(variable);
    if (const auto* inner = try_as<tree::BlockExpr>(&expr))
      collect_addressed(inner->body, addressed);
    tree::for_each_child(expr, [&](const Expr& child) { self(self, child); });
  };
  for (const tree::StmtPtr& stmt : block) {
    tree::for_each_expr(*stmt, [&](const Expr& expr) { visit(visit, expr); });
    tree::for_each_block(*stmt,
                         [&](const tree::Block& inner) { collect_addressed(inner, addressed); });
  }
}

void collect_aliases(const tree::Block& block, const tree::Stmt& region,
                     std::map<const Variable*, const Expr*>& aliases) {
  for (const tree::StmtPtr& stmt : block) {
    if (stmt.get() == &region) continue;
    if (stmt->kind == StmtKind::kAssign) {
      const auto& assign = as<tree::Assign>(*stmt);
      const Variable* target = variable_of(*assign.target);
      const bool is_kept =
          target != nullptr && (target->type->is_pointer() || target->type->is_view() ||
                                target->kind == tree::VariableKind::kTemporary);
      if (is_kept) {
        const auto [known, is_new] = aliases.try_emplace(target, assign.value.get());
        if (!is_new) known->second = nullptr;
      }
    }
    tree::for_each_block(
        *stmt, [&](const tree::Block& inner) { collect_aliases(inner, region, aliases); });
  }
}

}  // namespace engineroom::races
