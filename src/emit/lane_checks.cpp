#include "emit/lane_checks.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "tree/children.h"

namespace engineroom::emit {

using tree::as;
using tree::Expr;
using tree::ExprKind;
using tree::StmtKind;
using tree::Variable;

namespace {

// Every expression of the statements, with those inside of others.
template <typename F>
void for_each_inside(const tree::Block& block, const F& visit);

template <typename F>
void for_each_inside(const Expr& expr, const F& visit) {
  visit(expr);
  if (const auto* block = tree::try_as<tree::BlockExpr>(&expr)) for_each_inside(block->body, visit);
  tree::for_each_child(expr, [&](const Expr& child) { for_each_inside(child, visit); });
}

template <typename F>
void for_each_inside(const tree::Block& block, const F& visit) {
  for (const tree::StmtPtr& stmt : block) {
    tree::for_each_expr(*stmt, [&](const Expr& expr) { for_each_inside(expr, visit); });
    tree::for_each_block(*stmt, [&](const tree::Block& inner) { for_each_inside(inner, visit); });
  }
}

const Variable* assigned_variable(const tree::Stmt& stmt) {
  if (stmt.kind == StmtKind::kCountLoop) return as<tree::CountLoop>(stmt).variable;
  if (stmt.kind != StmtKind::kAssign) return nullptr;
  const auto* ref = tree::try_as<tree::VariableRef>(as<tree::Assign>(stmt).target.get());
  return ref != nullptr ? ref->variable : nullptr;
}

}  // namespace

void add_assigned(const tree::Block& block, VariableSet& out) {
  for (const tree::StmtPtr& stmt : block) {
    if (const Variable* variable = assigned_variable(*stmt)) out.insert(variable);
    tree::for_each_block(*stmt, [&](const tree::Block& inner) { add_assigned(inner, out); });
  }
}

void add_reads(const Expr& expr, ReadCounts& out) {
  for_each_inside(expr, [&](const Expr& e) {
    if (const auto* ref = tree::try_as<tree::VariableRef>(&e)) ++out[ref->variable];
  });
}

void add_reads(const tree::Block& block, ReadCounts& out) {
  for (const tree::StmtPtr& stmt : block) {
    const bool sets_variable =
        stmt->kind == StmtKind::kAssign && assigned_variable(*stmt) != nullptr;
    if (sets_variable) {
      add_reads(*as<tree::Assign>(*stmt).value, out);
    } else {
      tree::for_each_expr(*stmt, [&](const Expr& expr) { add_reads(expr, out); });
    }
    tree::for_each_block(*stmt, [&](const tree::Block& inner) { add_reads(inner, out); });
  }
}

bool may_have_inner_loop(const tree::Block& block) {
  const bool has_loop = std::any_of(block.begin(), block.end(), [](const tree::StmtPtr& stmt) {
    bool found = stmt->kind == StmtKind::kWhile || stmt->kind == StmtKind::kCountLoop;
    tree::for_each_block(
        *stmt, [&](const tree::Block& inner) { found = found || may_have_inner_loop(inner); });
    return found;
  });
  if (has_loop) return true;
  bool has_call = false;
  for_each_inside(block,
                  [&](const Expr& expr) { has_call = has_call || expr.kind == ExprKind::kCall; });
  return has_call;
}

namespace {

// Walks over one turn in the order in which it runs.
class TurnWalk {
 public:
  TurnWalk(const Variable& loop_variable, const tree::Block& turn, const tree::Function& function)
      : loop_variable_(&loop_variable) {
    add_assigned(turn, privates_);
    add_reads(function.body, reads_);
    add_reads(turn, own_reads_);
  }

  bool passes(const tree::Block& body) {
    if (privates_.contains(loop_variable_)) return false;
    VariableSet set;
    if (!block(body, set)) end(set);
    if (!is_fine_ || !at_end_) return false;
    return std::all_of(privates_.begin(), privates_.end(), [&](const Variable* variable) {
      return at_end_->contains(variable) || reads_[variable] == own_reads_[variable];
    });
  }

 private:
  // A way to the end of the turn.
  void end(const VariableSet& set) { at_end_ = at_end_ ? meet(*at_end_, set) : set; }

  static VariableSet meet(const VariableSet& a, const VariableSet& b) {
    VariableSet both;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
    return both;
  }

  void read(const Expr& expr, const VariableSet& set) {
    for_each_inside(expr, [&](const Expr& e) {
      const auto* ref = tree::try_as<tree::VariableRef>(&e);
      if (ref != nullptr && privates_.contains(ref->variable) && !set.contains(ref->variable))
        is_fine_ = false;
    });
  }

  // True if it never comes to its end.
  bool block(const tree::Block& block, VariableSet& set) {
    return std::any_of(block.begin(), block.end(),
                       [&](const tree::StmtPtr& stmt) { return statement(*stmt, set); });
  }

  bool statement(const tree::Stmt& stmt, VariableSet& set) {
    switch (stmt.kind) {
      case StmtKind::kAssign: {
        const Variable* variable = assigned_variable(stmt);
        read(*as<tree::Assign>(stmt).value, set);
        if (variable != nullptr) {
          set.insert(variable);
        } else {
          read(*as<tree::Assign>(stmt).target, set);
        }
        return false;
      }
      case StmtKind::kIf: {
        const auto& branch = as<tree::If>(stmt);
        read(*branch.test, set);
        VariableSet otherwise = set;
        const bool body_ends = block(branch.body, set);
        const bool orelse_ends = block(branch.orelse, otherwise);
        if (!body_ends && !orelse_ends) {
          set = meet(set, otherwise);
        } else if (body_ends) {
          set = otherwise;
        }
        return body_ends && orelse_ends;
      }
      case StmtKind::kContinue:
        if (depth_ == 0) end(set);
        return true;
      case StmtKind::kBreak:
        if (depth_ == 0) is_fine_ = false;
        return true;
      case StmtKind::kReturn:
        is_fine_ = false;
        return true;
      default:
        inner_loop(stmt, set);
        return false;
    }
  }

  // It may run no turn at all: what it sets counts inside only.
  void inner_loop(const tree::Stmt& stmt, const VariableSet& set) {
    tree::for_each_expr(stmt, [&](const Expr& expr) { read(expr, set); });
    ++depth_;
    tree::for_each_block(stmt, [&](const tree::Block& inner) {
      VariableSet inside = set;
      if (const Variable* variable = assigned_variable(stmt)) inside.insert(variable);
      block(inner, inside);
    });
    --depth_;
  }

  const Variable* loop_variable_;
  ReadCounts reads_;      // in the function
  ReadCounts own_reads_;  // in the loop
  VariableSet privates_;
  std::optional<VariableSet> at_end_;
  bool is_fine_ = true;
  int depth_ = 0;
};

}  // namespace

bool are_turns_apart(const Variable& loop_variable, const tree::Block& turn,
                     const tree::Function& function) {
  return TurnWalk(loop_variable, turn, function).passes(turn);
}

}  // namespace engineroom::emit
