// syntax/stmt_children.h — what stands directly within a statement.
//
//   for_each_block(stmt, [&](const Block& block) { ... });   // suites, those of functions as well
//   for_each_expr(stmt, [&](const Expr& expr) { ... });      // in the order of the text
//
// Not visited: C types, and the expressions in them (array sizes), annotations, and patterns.
#pragma once

#include "syntax/stmt.h"

namespace engineroom::syntax {

template <typename F>
void for_each_block(const Stmt& stmt, const F& visit) {
  switch (stmt.kind) {
    case StmtKind::kIf:
      for (const IfClause& clause : as<If>(stmt).clauses) visit(clause.body);
      return visit(as<If>(stmt).orelse);
    case StmtKind::kWhile:
      visit(as<While>(stmt).body);
      return visit(as<While>(stmt).orelse);
    case StmtKind::kFor:
      visit(as<For>(stmt).body);
      return visit(as<For>(stmt).orelse);
    case StmtKind::kForFrom:
      visit(as<ForFrom>(stmt).body);
      return visit(as<ForFrom>(stmt).orelse);
    case StmtKind::kTry:
      visit(as<Try>(stmt).body);
      for (const ExceptHandler& handler : as<Try>(stmt).handlers) visit(handler.body);
      visit(as<Try>(stmt).orelse);
      return visit(as<Try>(stmt).finalbody);
    case StmtKind::kWith:
      return visit(as<With>(stmt).body);
    case StmtKind::kGilBlock:
      return visit(as<GilBlock>(stmt).body);
    case StmtKind::kMatch:
      for (const MatchCase& one : as<Match>(stmt).cases) visit(one.body);
      return;
    case StmtKind::kFunctionDef:
      return visit(as<FunctionDef>(stmt).body);
    case StmtKind::kClassDef:
      return visit(as<ClassDef>(stmt).body);
    case StmtKind::kCFuncDef:
      return visit(as<CFuncDef>(stmt).body);
    case StmtKind::kCClassDef:
      return visit(as<CClassDef>(stmt).body);
    case StmtKind::kCppClassDef:
      return visit(as<CppClassDef>(stmt).body);
    case StmtKind::kCDefBlock:
      return visit(as<CDefBlock>(stmt).body);
    case StmtKind::kCExternBlock:
      return visit(as<CExternBlock>(stmt).body);
    case StmtKind::kPropertyDef:
      return visit(as<PropertyDef>(stmt).body);
    case StmtKind::kCompileTimeIf:
      for (const IfClause& clause : as<CompileTimeIf>(stmt).clauses) visit(clause.body);
      return visit(as<CompileTimeIf>(stmt).orelse);
    default:
      return;
  }
}

template <typename F>
void for_each_expr(const Stmt& stmt, const F& visit) {
  const auto one = [&](const Expr* expr) {
    if (expr != nullptr) visit(*expr);
  };
  const auto all = [&](List<const Expr*> list) {
    for (const Expr* expr : list) visit(*expr);
  };
  const auto defaults = [&](const Params& params) {
    for (const Param& param : params.params) one(param.default_value);
  };
  switch (stmt.kind) {
    case StmtKind::kExprStmt:
      return one(as<ExprStmt>(stmt).value);
    case StmtKind::kAssign:
      all(as<Assign>(stmt).targets);
      return one(as<Assign>(stmt).value);
    case StmtKind::kAugAssign:
      one(as<AugAssign>(stmt).target);
      return one(as<AugAssign>(stmt).value);
    case StmtKind::kAnnAssign:
      one(as<AnnAssign>(stmt).target);
      return one(as<AnnAssign>(stmt).value);
    case StmtKind::kReturn:
      return one(as<Return>(stmt).value);
    case StmtKind::kDelete:
      return all(as<Delete>(stmt).targets);
    case StmtKind::kRaise:
      one(as<Raise>(stmt).exc);
      one(as<Raise>(stmt).cause);
      one(as<Raise>(stmt).value);
      return one(as<Raise>(stmt).traceback);
    case StmtKind::kAssert:
      one(as<Assert>(stmt).test);
      return one(as<Assert>(stmt).message);
    case StmtKind::kIf:
      for (const IfClause& clause : as<If>(stmt).clauses) one(clause.test);
      return;
    case StmtKind::kWhile:
      return one(as<While>(stmt).test);
    case StmtKind::kFor:
      one(as<For>(stmt).target);
      return one(as<For>(stmt).iter);
    case StmtKind::kForFrom:
      one(as<ForFrom>(stmt).target);
      one(as<ForFrom>(stmt).bounds.lower);
      one(as<ForFrom>(stmt).bounds.upper);
      return one(as<ForFrom>(stmt).bounds.step);
    case StmtKind::kTry:
      for (const ExceptHandler& handler : as<Try>(stmt).handlers) {
        one(handler.type);
        one(handler.target);
      }
      return;
    case StmtKind::kWith:
      for (const WithItem& item : as<With>(stmt).items) {
        one(item.context);
        one(item.target);
      }
      return;
    case StmtKind::kGilBlock:
      return one(as<GilBlock>(stmt).condition);
    case StmtKind::kMatch:
      one(as<Match>(stmt).subject);
      for (const MatchCase& match_case : as<Match>(stmt).cases) one(match_case.guard);
      return;
    case StmtKind::kFunctionDef:
      all(as<FunctionDef>(stmt).decorators);
      return defaults(*as<FunctionDef>(stmt).params);
    case StmtKind::kClassDef:
      all(as<ClassDef>(stmt).decorators);
      all(as<ClassDef>(stmt).bases);
      for (const Keyword& keyword : as<ClassDef>(stmt).keywords) visit(*keyword.value);
      return;
    case StmtKind::kCFuncDef:
      all(as<CFuncDef>(stmt).decorators);
      return defaults(*as<CFuncDef>(stmt).type->params);
    case StmtKind::kPrint:
      one(as<Print>(stmt).file);
      return all(as<Print>(stmt).values);
    case StmtKind::kExec:
      one(as<Exec>(stmt).code);
      one(as<Exec>(stmt).globals);
      return one(as<Exec>(stmt).locals);
    case StmtKind::kCVarDef:
      for (const CDeclarator& declarator : as<CVarDef>(stmt).declarators) one(declarator.value);
      return;
    default:
      return;
  }
}

}  // namespace engineroom::syntax
