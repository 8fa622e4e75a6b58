#include "emit/effects.h"

#include <algorithm>

#include "tree/children.h"
#include "tree/function_type.h"

namespace engineroom::emit {

using tree::as;
using tree::ExprKind;
using tree::StmtKind;

bool overlap(const std::set<const tree::Variable*>& a, const std::set<const tree::Variable*>& b) {
  return std::any_of(a.begin(), a.end(), [&](const auto* v) { return b.contains(v); });
}

void Effects::add(const Effects& other) {
  has_statements = has_statements || other.has_statements;
  is_active = is_active || other.is_active;
  reads_memory = reads_memory || other.reads_memory;
  reads.insert(other.reads.begin(), other.reads.end());
  writes.insert(other.writes.begin(), other.writes.end());
  unbinds.insert(other.unbinds.begin(), other.unbinds.end());
}

bool must_precede(const Effects& first, const Effects& second) {
  if (first.is_active && (second.is_active || second.reads_memory || second.has_statements))
    return true;
  if (first.reads_memory && second.is_active) return true;
  return overlap(first.reads, second.writes);
}

const Effects& EffectsOf::operator()(const tree::Expr& expr) {
  const auto found = known_.find(&expr);
  if (found != known_.end()) return found->second;
  return known_.emplace(&expr, compute(expr)).first->second;
}

void EffectsOf::add_expr(const tree::Expr* expr, Effects& out) {
  if (expr != nullptr) out.add((*this)(*expr));
}

Effects EffectsOf::of_block(const tree::Block& block) {
  Effects effects;
  for (const tree::StmtPtr& stmt : block) add_statement(*stmt, effects);
  return effects;
}

Effects EffectsOf::compute(const tree::Expr& expr) {
  Effects effects;
  const auto write = [&](const tree::Variable* variable) {
    if (variable->is_global()) {
      effects.is_active = true;
    } else {
      effects.writes.insert(variable);
    }
  };
  switch (expr.kind) {
    case ExprKind::kLiteral:
    case ExprKind::kPyConstant:
    case ExprKind::kFunctionName:
      break;
    case ExprKind::kVariable: {
      const auto& ref = as<tree::VariableRef>(expr);
      if (ref.variable->is_global()) {
        effects.reads_memory = true;
        // Others may drop the object that it holds: a reference is taken.
        effects.has_statements = expr.type->is_counted();
      } else {
        effects.reads.insert(ref.variable);
      }
      if (ref.check_bound) effects.has_statements = true;
      break;
    }
    case ExprKind::kHelper: {
      const auto& helper = as<tree::Helper>(expr);
      for (const tree::ExprPtr& arg : helper.args) add_expr(arg.get(), effects);
      effects.reads_memory = true;
      if (helper.fail != tree::Fail::kNever || expr.type->is_void()) {
        effects.has_statements = effects.is_active = true;
      } else if (expr.type->is_counted() && !helper.is_borrowed) {
        effects.has_statements = true;
      }
      break;
    }
    case ExprKind::kUnary:
      add_expr(as<tree::Unary>(expr).operand.get(), effects);
      break;
    case ExprKind::kBinary:
      add_expr(as<tree::Binary>(expr).left.get(), effects);
      add_expr(as<tree::Binary>(expr).right.get(), effects);
      break;
    case ExprKind::kLogical: {
      const auto& logical = as<tree::Logical>(expr);
      add_expr(logical.left.get(), effects);
      add_expr(logical.right.get(), effects);
      add_expr(logical.test.get(), effects);
      if (logical.value != nullptr) {
        effects.has_statements = true;
        effects.reads.insert(logical.value);
        write(logical.value);
      }
      break;
    }
    case ExprKind::kConditional: {
      const auto& conditional = as<tree::Conditional>(expr);
      add_expr(conditional.test.get(), effects);
      add_expr(conditional.body.get(), effects);
      add_expr(conditional.orelse.get(), effects);
      if (expr.type->is_counted()) effects.has_statements = true;
      break;
    }
    case ExprKind::kCall: {
      const auto& call = as<tree::Call>(expr);
      add_expr(call.callee.get(), effects);
      for (const tree::ExprPtr& arg : call.args) add_expr(arg.get(), effects);
      effects.is_active = effects.reads_memory = true;
      if (tree::function_type(*call.callee).except != tree::Except::kNever ||
          expr.type->is_counted())
        effects.has_statements = true;
      break;
    }
    case ExprKind::kField:
      add_expr(as<tree::FieldAccess>(expr).value.get(), effects);
      effects.reads_memory = true;
      if (expr.type->is_object()) effects.has_statements = true;
      break;
    case ExprKind::kIndex:
      add_expr(as<tree::IndexAccess>(expr).value.get(), effects);
      add_expr(as<tree::IndexAccess>(expr).index.get(), effects);
      effects.reads_memory = true;
      if (expr.type->is_object()) effects.has_statements = true;
      break;
    case ExprKind::kBufferItem: {
      const auto& item = as<tree::BufferItem>(expr);
      add_expr(item.value.get(), effects);
      for (const tree::ExprPtr& index : item.indices) add_expr(index.get(), effects);
      effects.reads_memory = true;
      // That it may fail changes nothing that others could see.
      effects.has_statements = effects.has_statements || item.checks_bounds || item.wraps ||
                               item.checks_none || expr.type->is_object() ||
                               item.value->kind != ExprKind::kVariable;
      break;
    }
    case ExprKind::kBufferPart:
      add_expr(as<tree::BufferPart>(expr).value.get(), effects);
      effects.has_statements = effects.has_statements || as<tree::BufferPart>(expr).checks_none;
      break;
    case ExprKind::kViewSlice: {
      tree::for_each_child(expr, [&](const tree::Expr& child) { add_expr(&child, effects); });
      effects.has_statements = true;
      break;
    }
    case ExprKind::kAddressOf:
      add_expr(as<tree::AddressOf>(expr).value.get(), effects);
      break;
    case ExprKind::kCast:
      add_expr(as<tree::Cast>(expr).value.get(), effects);
      break;
    case ExprKind::kAssignment: {
      const auto& assignment = as<tree::AssignmentExpr>(expr);
      add_expr(assignment.value.get(), effects);
      write(assignment.target);
      effects.reads.insert(assignment.target);
      effects.has_statements = true;
      break;
    }
    case ExprKind::kBlock: {
      const auto& block = as<tree::BlockExpr>(expr);
      for (const auto& stmt : block.body) add_statement(*stmt, effects);
      add_expr(block.result.get(), effects);
      effects.has_statements = effects.is_active = effects.reads_memory = true;
      break;
    }
    case ExprKind::kMakeFunction: {
      const auto& made = as<tree::MakeFunction>(expr);
      for (const tree::ExprPtr& value : made.defaults) add_expr(value.get(), effects);
      for (const auto& [name, value] : made.annotations) add_expr(value.get(), effects);
      effects.has_statements = effects.is_active = true;
      break;
    }
  }
  return effects;
}

void EffectsOf::add_statement(const tree::Stmt& stmt, Effects& out) {
  const auto add_block = [&](const tree::Block& block) {
    for (const tree::StmtPtr& inner : block) add_statement(*inner, out);
  };
  const auto write = [&](const tree::Variable* variable) {
    if (variable != nullptr) out.writes.insert(variable);
  };
  out.has_statements = out.is_active = true;
  switch (stmt.kind) {
    case StmtKind::kExpr:
      return add_expr(as<tree::ExprStmt>(stmt).value.get(), out);
    case StmtKind::kAssign: {
      const auto& assign = as<tree::Assign>(stmt);
      add_expr(assign.value.get(), out);
      add_expr(assign.target.get(), out);
      if (const auto* ref = tree::try_as<tree::VariableRef>(assign.target.get()))
        write(ref->variable);
      return;
    }
    case StmtKind::kUnbind:
      out.unbinds.insert(as<tree::Unbind>(stmt).variable);
      return write(as<tree::Unbind>(stmt).variable);
    case StmtKind::kMakeScope:
      return;
    case StmtKind::kIf:
      add_expr(as<tree::If>(stmt).test.get(), out);
      add_block(as<tree::If>(stmt).body);
      return add_block(as<tree::If>(stmt).orelse);
    case StmtKind::kWhile:
      add_expr(as<tree::While>(stmt).test.get(), out);
      add_block(as<tree::While>(stmt).body);
      return add_block(as<tree::While>(stmt).orelse);
    case StmtKind::kCountLoop: {
      const auto& loop = as<tree::CountLoop>(stmt);
      write(loop.variable);
      add_expr(loop.start.get(), out);
      add_expr(loop.stop.get(), out);
      add_expr(loop.step.get(), out);
      add_block(loop.body);
      return add_block(loop.orelse);
    }
    case StmtKind::kIterate: {
      const auto& loop = as<tree::Iterate>(stmt);
      write(loop.item);
      add_expr(loop.iterable.get(), out);
      add_block(loop.body);
      return add_block(loop.orelse);
    }
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      return;
    case StmtKind::kReturn:
      return add_expr(as<tree::Return>(stmt).value.get(), out);
    case StmtKind::kTry: {
      const auto& attempt = as<tree::Try>(stmt);
      add_block(attempt.body);
      for (const tree::Handler& handler : attempt.handlers) {
        add_expr(handler.matches.get(), out);
        add_block(handler.body);
      }
      return add_block(attempt.orelse);
    }
    case StmtKind::kFinally:
      add_block(as<tree::Finally>(stmt).body);
      return add_block(as<tree::Finally>(stmt).cleanup);
    case StmtKind::kWith:
      return;  // lowered
    case StmtKind::kGilBlock:
      return add_block(as<tree::GilBlock>(stmt).body);
    case StmtKind::kParallelLoop:
      write(as<tree::ParallelLoop>(stmt).variable);
      [[fallthrough]];
    case StmtKind::kParallelBlock:
      tree::for_each_expr(stmt, [&](const tree::Expr& expr) { add_expr(&expr, out); });
      return tree::for_each_block(stmt, add_block);
  }
}

}  // namespace engineroom::emit
