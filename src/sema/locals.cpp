#include "sema/analyzer.h"
#include "sema/names.h"
#include "syntax/children.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;
using syntax::StmtKind;

namespace {

// Every expression inside, itself included; not into lambdas, whose names are their own.
template <typename See>
void walk(const syntax::Expr* e, const See& see) {
  if (e == nullptr) return;
  see(*e);
  if (e->kind == ExprKind::kLambda) return;
  syntax::for_each_child(*e, [&see](const syntax::Expr& child) { walk(&child, see); });
}

}  // namespace

void Analyzer::collect_locals(const syntax::Block& body) {
  // `global` counts wherever it stands.
  for (const syntax::Stmt* stmt : body)
    if (stmt->kind == StmtKind::kGlobal)
      for (const syntax::Identifier& name : as<syntax::Global>(*stmt).names)
        context_->globals.emplace(name.text);
  for (const syntax::Stmt* stmt : body) collect_local(*stmt);
}

void Analyzer::add_local(std::string_view name) {
  if (context_->globals.contains(name) || context_->locals.contains(name)) return;
  context_->locals.emplace(std::string(name), new_variable(name, object_, VariableKind::kLocal));
}

void Analyzer::collect_in_expr(const syntax::Expr& e) {
  walk(&e, [this](const syntax::Expr& inner) {
    if (inner.kind == ExprKind::kNamedExpr) add_local(as<syntax::NamedExpr>(inner).target->id);
  });
}

void Analyzer::collect_local(const syntax::Stmt& stmt) {
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
      const Type* type =
          cython_name(*annotated.annotation) ? type_of_expr(*annotated.annotation) : nullptr;
      if (type == nullptr) return add_local(name->id);
      context_->locals.try_emplace(std::string(name->id),
                                   new_variable(name->id, type, VariableKind::kLocal));
      return;
    }
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
    case StmtKind::kFunctionDef:
      return add_local(as<syntax::FunctionDef>(stmt).name.text);
    case StmtKind::kClassDef:
      return add_local(as<syntax::ClassDef>(stmt).name.text);
    case StmtKind::kCDefBlock:
      return collect_locals(as<syntax::CDefBlock>(stmt).body);
    case StmtKind::kCVarDef:
      for (const syntax::CDeclarator& declarator : as<syntax::CVarDef>(stmt).declarators) {
        const Type* type = ctype(*declarator.type, scope_);
        const std::string name(declarator.name.text);
        if (context_->locals.contains(name)) {
          diagnostics_.error("redeclared", declarator.range, "'" + name + "' is declared already");
          continue;
        }
        Variable* made = new_variable(name, type, VariableKind::kLocal);
        context_->locals.emplace(name, made);
        declared_.insert(made);
      }
      return;
    default:
      return;
  }
}

// ---- types of what was not declared ----

// Only what is surely right without it: a variable to which nothing but C doubles are assigned is
// one, and loop variables over C ranges, if no arithmetic is done with them that could overflow.
void Analyzer::infer_types(const syntax::Block& body) {
  if (context_->directives.infer_types == Directives::Infer::kNever) return;
  std::map<std::string_view, std::vector<const syntax::Expr*>> values;
  std::map<std::string_view, std::vector<const syntax::For*>> ranges;
  std::set<std::string_view> unknown;       // assigned in ways not looked at
  std::set<std::string_view> may_overflow;  // operands of arithmetic

  const auto see_arithmetic = [&](const syntax::Expr* e) {
    walk(e, [&](const syntax::Expr& inner) {
      const auto* op = syntax::try_as<syntax::BinOp>(&inner);
      const auto* minus = syntax::try_as<syntax::UnaryOp>(&inner);
      if (op == nullptr && (minus == nullptr || minus->op == syntax::UnaryOperator::kNot)) return;
      walk(&inner, [&](const syntax::Expr& operand) {
        if (operand.kind == ExprKind::kName) may_overflow.insert(as<syntax::Name>(operand).id);
      });
    });
    walk(e, [&](const syntax::Expr& inner) {
      if (inner.kind == ExprKind::kNamedExpr)
        unknown.insert(as<syntax::NamedExpr>(inner).target->id);
      if (inner.kind == ExprKind::kLambda || inner.kind == ExprKind::kGeneratorExp) return;
    });
  };
  const auto see_unknown = [&](const syntax::Expr& target) {
    for_each_target_name(target, [&](std::string_view name) { unknown.insert(name); });
  };
  const std::function<void(const syntax::Block&)> see_block = [&](const syntax::Block& block) {
    for (const syntax::Stmt* stmt : block) {
      switch (stmt->kind) {
        case StmtKind::kExprStmt:
          see_arithmetic(as<syntax::ExprStmt>(*stmt).value);
          break;
        case StmtKind::kAssign: {
          const auto& assign = as<syntax::Assign>(*stmt);
          see_arithmetic(assign.value);
          for (const syntax::Expr* target : assign.targets) {
            see_arithmetic(target);
            if (target->kind == ExprKind::kName) {
              values[as<syntax::Name>(*target).id].push_back(assign.value);
            } else {
              see_unknown(*target);
            }
          }
          break;
        }
        case StmtKind::kAugAssign: {
          const auto& aug = as<syntax::AugAssign>(*stmt);
          see_arithmetic(aug.value);
          if (aug.target->kind == ExprKind::kName) {
            const std::string_view id = as<syntax::Name>(*aug.target).id;
            may_overflow.insert(id);
            values[id].push_back(aug.value);
          }
          break;
        }
        case StmtKind::kReturn:
          see_arithmetic(as<syntax::Return>(*stmt).value);
          break;
        case StmtKind::kDelete:
          for (const syntax::Expr* target : as<syntax::Delete>(*stmt).targets) see_unknown(*target);
          break;
        case StmtKind::kIf:
          for (const syntax::IfClause& clause : as<syntax::If>(*stmt).clauses) {
            see_arithmetic(clause.test);
            see_block(clause.body);
          }
          see_block(as<syntax::If>(*stmt).orelse);
          break;
        case StmtKind::kWhile:
          see_arithmetic(as<syntax::While>(*stmt).test);
          see_block(as<syntax::While>(*stmt).body);
          see_block(as<syntax::While>(*stmt).orelse);
          break;
        case StmtKind::kFor: {
          const auto& loop = as<syntax::For>(*stmt);
          see_arithmetic(loop.iter);
          if (loop.target->kind == ExprKind::kName) {
            ranges[as<syntax::Name>(*loop.target).id].push_back(&loop);
          } else {
            see_unknown(*loop.target);
          }
          see_block(loop.body);
          see_block(loop.orelse);
          break;
        }
        case StmtKind::kTry:
          see_block(as<syntax::Try>(*stmt).body);
          for (const syntax::ExceptHandler& handler : as<syntax::Try>(*stmt).handlers) {
            if (handler.target != nullptr) see_unknown(*handler.target);
            see_block(handler.body);
          }
          see_block(as<syntax::Try>(*stmt).orelse);
          see_block(as<syntax::Try>(*stmt).finalbody);
          break;
        case StmtKind::kWith:
          for (const syntax::WithItem& item : as<syntax::With>(*stmt).items)
            if (item.target != nullptr) see_unknown(*item.target);
          see_block(as<syntax::With>(*stmt).body);
          break;
        case StmtKind::kAssert:
        case StmtKind::kRaise:
        case StmtKind::kGlobal:
        case StmtKind::kPass:
        case StmtKind::kBreak:
        case StmtKind::kContinue:
        case StmtKind::kCVarDef:
        case StmtKind::kCDefBlock:
          break;
        case StmtKind::kForFrom:
          see_unknown(*as<syntax::ForFrom>(*stmt).target);
          see_block(as<syntax::ForFrom>(*stmt).body);
          break;
        default:
          // Imports, nested functions and the like: their names are objects.
          if (stmt->kind == StmtKind::kFunctionDef)
            unknown.insert(as<syntax::FunctionDef>(*stmt).name.text);
          if (stmt->kind == StmtKind::kImport)
            for (const syntax::Alias& alias : as<syntax::Import>(*stmt).names)
              unknown.insert(alias.asname.empty()
                                 ? alias.name.text.substr(0, alias.name.text.find('.'))
                                 : alias.asname.text);
          if (stmt->kind == StmtKind::kImportFrom)
            for (const syntax::Alias& alias : as<syntax::ImportFrom>(*stmt).names)
              unknown.insert(alias.asname.empty() ? alias.name.text : alias.asname.text);
          break;
      }
    }
  };
  see_block(body);

  // A type found for one may give one to another; a few rounds are enough for what people write.
  for (int round = 0; round < 4; ++round) {
    for (auto& [name, local] : context_->locals) {
      if (local->kind != VariableKind::kLocal || local->type != object_ || unknown.contains(name) ||
          declared_.contains(local))
        continue;
      const Type* type = nullptr;
      bool is_one = values.contains(name) || ranges.contains(name);
      for (const syntax::Expr* value : values[name]) {
        const Type* one = quick_type(*value);
        const bool is_safe = one != nullptr && (one->is_float() || one->kind == TypeKind::kBint);
        is_one = is_one && is_safe && (type == nullptr || type == one);
        type = one;
      }
      for (const syntax::For* loop : ranges[name]) {
        const Type* one = range_type(*loop->iter);
        is_one = is_one && one != nullptr && !may_overflow.contains(name) &&
                 (type == nullptr || type == one);
        type = one;
      }
      if (is_one && type != nullptr) local->type = type;
    }
  }
}

// The type in which `for … in range(…)` counts, if all its bounds are C integers.
const Type* Analyzer::range_type(const syntax::Expr& iter) {
  const auto* call = syntax::try_as<syntax::Call>(&iter);
  const auto* callee = call != nullptr ? syntax::try_as<syntax::Name>(call->func) : nullptr;
  if (callee == nullptr || callee->id != "range" || find_symbol("range") != nullptr ||
      !call->keywords.empty() || call->args.empty())
    return nullptr;
  const Type* type = types_.long_type();
  for (const syntax::Expr* arg : call->args) {
    const Type* one = quick_type(*arg);
    if (one == nullptr || !one->is_integral()) return nullptr;
    if (arg->kind != ExprKind::kInt) type = types_.common(type, one);
  }
  return type;
}

// What type an expression will have, as far as that is easy to say; null: not known, or an object.
const Type* Analyzer::quick_type(const syntax::Expr& e) {
  switch (e.kind) {
    case ExprKind::kInt:
      return as<syntax::Int>(e).fits ? types_.long_type() : nullptr;
    case ExprKind::kFloat:
      return types_.double_type();
    case ExprKind::kTrue:
    case ExprKind::kFalse:
      return types_.bint();
    case ExprKind::kName: {
      const std::string_view id = as<syntax::Name>(e).id;
      const auto local = context_->locals.find(id);
      if (local != context_->locals.end())
        return local->second->type->is_object() ? nullptr : local->second->type;
      const Symbol* symbol = find_symbol(id);
      const bool is_value = symbol != nullptr && (symbol->kind == SymbolKind::kVariable ||
                                                  symbol->kind == SymbolKind::kConstant);
      return is_value && !symbol->type->is_object() ? symbol->type : nullptr;
    }
    case ExprKind::kUnaryOp: {
      const auto& unary = as<syntax::UnaryOp>(e);
      return unary.op == syntax::UnaryOperator::kNot ? types_.bint() : quick_type(*unary.operand);
    }
    case ExprKind::kBinOp: {
      const auto& binary = as<syntax::BinOp>(e);
      const Type* a = quick_type(*binary.left);
      const Type* b = quick_type(*binary.right);
      if (a == nullptr || b == nullptr || !a->is_numeric() || !b->is_numeric()) return nullptr;
      const Type* type = types_.common(a, b);
      if (type->is_integral() && binary.op == syntax::Operator::kDiv &&
          context_->directives.true_division)
        return types_.double_type();
      return type;
    }
    case ExprKind::kCall: {
      const auto& call = as<syntax::Call>(e);
      const Symbol* symbol = find_dotted(*call.func);
      if (symbol != nullptr && symbol->kind == SymbolKind::kFunction)
        return symbol->type->base->is_object() ? nullptr : symbol->type->base;
      const auto* callee = syntax::try_as<syntax::Name>(call.func);
      if (callee != nullptr && symbol == nullptr && callee->id == "len") return types_.py_ssize_t();
      return nullptr;
    }
    case ExprKind::kCast: {
      const Type* type = ctype(*as<syntax::Cast>(e).type, scope_);
      return type->is_object() ? nullptr : type;
    }
    default:
      return nullptr;
  }
}

}  // namespace engineroom::sema
