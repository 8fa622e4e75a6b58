// tree/children.h — what a node of the typed tree consists of, directly.
//
//   for_each_child(expr, [&](const Expr& child) { ... });   // in order of evaluation
//   for_each_expr(stmt, [&](const Expr& expr) { ... });
//   for_each_block(stmt, [&](const Block& block) { ... });
//
// The statements of a BlockExpr are not visited by for_each_child(); its result is.
#pragma once

#include <utility>

#include "tree/stmt.h"

namespace engineroom::tree {

template <typename F>
void for_each_child(const Expr& expr, const F& visit) {
  const auto one = [&](const ExprPtr& child) {
    if (child) visit(*child);
  };
  const auto all = [&](const std::vector<ExprPtr>& children) {
    for (const ExprPtr& child : children) one(child);
  };
  switch (expr.kind) {
    case ExprKind::kLiteral:
    case ExprKind::kPyConstant:
    case ExprKind::kVariable:
    case ExprKind::kFunctionName:
      return;
    case ExprKind::kHelper:
      return all(as<Helper>(expr).args);
    case ExprKind::kUnary:
      return one(as<Unary>(expr).operand);
    case ExprKind::kBinary:
      one(as<Binary>(expr).left);
      return one(as<Binary>(expr).right);
    case ExprKind::kLogical:
      one(as<Logical>(expr).left);
      one(as<Logical>(expr).test);
      return one(as<Logical>(expr).right);
    case ExprKind::kConditional:
      one(as<Conditional>(expr).test);
      one(as<Conditional>(expr).body);
      return one(as<Conditional>(expr).orelse);
    case ExprKind::kCall:
      one(as<Call>(expr).callee);
      return all(as<Call>(expr).args);
    case ExprKind::kField:
      return one(as<FieldAccess>(expr).value);
    case ExprKind::kIndex:
      one(as<IndexAccess>(expr).value);
      return one(as<IndexAccess>(expr).index);
    case ExprKind::kBufferItem:
      one(as<BufferItem>(expr).value);
      return all(as<BufferItem>(expr).indices);
    case ExprKind::kBufferPart:
      return one(as<BufferPart>(expr).value);
    case ExprKind::kViewSlice:
      one(as<ViewSlice>(expr).value);
      for (const ViewSlice::Part& part : as<ViewSlice>(expr).parts) {
        one(part.start);
        one(part.stop);
        one(part.step);
      }
      return;
    case ExprKind::kAddressOf:
      return one(as<AddressOf>(expr).value);
    case ExprKind::kCast:
      return one(as<Cast>(expr).value);
    case ExprKind::kAssignment:
      return one(as<AssignmentExpr>(expr).value);
    case ExprKind::kBlock:
      return one(as<BlockExpr>(expr).result);
    case ExprKind::kMakeFunction:
      all(as<MakeFunction>(expr).defaults);
      for (const auto& [name, annotation] : as<MakeFunction>(expr).annotations) one(annotation);
      return;
  }
}

template <typename F>
void for_each_expr(const Stmt& stmt, const F& visit) {
  const auto one = [&](const ExprPtr& expr) {
    if (expr) visit(*expr);
  };
  switch (stmt.kind) {
    case StmtKind::kExpr:
      return one(as<ExprStmt>(stmt).value);
    case StmtKind::kAssign:
      one(as<Assign>(stmt).target);
      return one(as<Assign>(stmt).value);
    case StmtKind::kIf:
      return one(as<If>(stmt).test);
    case StmtKind::kWhile:
      return one(as<While>(stmt).test);
    case StmtKind::kCountLoop:
      one(as<CountLoop>(stmt).start);
      one(as<CountLoop>(stmt).stop);
      return one(as<CountLoop>(stmt).step);
    case StmtKind::kIterate:
      return one(as<Iterate>(stmt).iterable);
    case StmtKind::kReturn:
      return one(as<Return>(stmt).value);
    case StmtKind::kTry:
      for (const Handler& handler : as<Try>(stmt).handlers) one(handler.matches);
      return;
    case StmtKind::kWith:
      return one(as<With>(stmt).manager);
    case StmtKind::kParallelLoop: {
      const auto& loop = as<ParallelLoop>(stmt);
      for (const ExprPtr* part :
           {&loop.start, &loop.stop, &loop.step, &loop.chunk, &loop.n_threads, &loop.use_threads})
        one(*part);
      return;
    }
    case StmtKind::kParallelBlock:
      one(as<ParallelBlock>(stmt).n_threads);
      return one(as<ParallelBlock>(stmt).use_threads);
    default:
      return;
  }
}

template <typename F>
void for_each_block(const Stmt& stmt, const F& visit) {
  switch (stmt.kind) {
    case StmtKind::kIf:
      visit(as<If>(stmt).body);
      return visit(as<If>(stmt).orelse);
    case StmtKind::kWhile:
      visit(as<While>(stmt).body);
      return visit(as<While>(stmt).orelse);
    case StmtKind::kCountLoop:
      visit(as<CountLoop>(stmt).body);
      return visit(as<CountLoop>(stmt).orelse);
    case StmtKind::kIterate:
      visit(as<Iterate>(stmt).body);
      return visit(as<Iterate>(stmt).orelse);
    case StmtKind::kTry:
      visit(as<Try>(stmt).body);
      for (const Handler& handler : as<Try>(stmt).handlers) visit(handler.body);
      return visit(as<Try>(stmt).orelse);
    case StmtKind::kFinally:
      visit(as<Finally>(stmt).body);
      return visit(as<Finally>(stmt).cleanup);
    case StmtKind::kWith:
      return visit(as<With>(stmt).body);
    case StmtKind::kGilBlock:
      return visit(as<GilBlock>(stmt).body);
    case StmtKind::kParallelLoop:
      visit(as<ParallelLoop>(stmt).body);
      return visit(as<ParallelLoop>(stmt).orelse);
    case StmtKind::kParallelBlock:
      return visit(as<ParallelBlock>(stmt).body);
    default:
      return;
  }
}

template <typename F>
void for_each_block(Stmt& stmt, const F& visit) {
  for_each_block(std::as_const(stmt),
                 [&](const Block& block) { visit(const_cast<Block&>(block)); });
}

}  // namespace engineroom::tree
