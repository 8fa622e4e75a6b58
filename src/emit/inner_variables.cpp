#include "emit/inner_variables.h"

#include <algorithm>

#include "tree/children.h"

namespace engineroom::emit {

using tree::as;
using tree::Stmt;
using tree::StmtKind;
using tree::Variable;

namespace {

using Path = std::vector<const Stmt*>;  // from the outermost inwards

class Finder {
 public:
  explicit Finder(EffectsOf& effects) : effects_(effects) {}

  void block(const tree::Block& block) {
    for (const tree::StmtPtr& stmt : block) statement(*stmt);
  }

  std::map<const Variable*, Path> places;
  // What a loop leaves to all threads of the block around it.
  std::set<const Variable*> left_behind;

 private:
  void use(const Variable* variable) {
    if (variable == nullptr) return;
    const auto [found, is_new] = places.try_emplace(variable, path_);
    if (is_new) return;
    Path& known = found->second;
    const auto differ = std::mismatch(known.begin(), known.end(), path_.begin(), path_.end());
    known.erase(differ.first, known.end());
  }
  void within(const Stmt& stmt, const tree::Block& inner) {
    path_.push_back(&stmt);
    block(inner);
    path_.pop_back();
  }
  void statement(const Stmt& stmt);
  void parallel_loop(const tree::ParallelLoop& loop);

  EffectsOf& effects_;
  Path path_;
};

void Finder::statement(const Stmt& stmt) {
  tree::for_each_expr(stmt, [this](const tree::Expr& expr) {
    const Effects& effects = effects_(expr);
    for (const auto* set : {&effects.reads, &effects.writes})
      for (const Variable* variable : *set) use(variable);
  });
  switch (stmt.kind) {
    case StmtKind::kUnbind:
      return use(as<tree::Unbind>(stmt).variable);
    case StmtKind::kCountLoop:
      use(as<tree::CountLoop>(stmt).variable);
      break;
    case StmtKind::kIterate:
      use(as<tree::Iterate>(stmt).item);
      break;
    case StmtKind::kGilBlock:
      if (!as<tree::GilBlock>(stmt).releases) return within(stmt, as<tree::GilBlock>(stmt).body);
      break;
    case StmtKind::kParallelBlock:
      return within(stmt, as<tree::ParallelBlock>(stmt).body);
    case StmtKind::kParallelLoop:
      return parallel_loop(as<tree::ParallelLoop>(stmt));
    default:
      break;
  }
  tree::for_each_block(stmt, [this](const tree::Block& inner) { block(inner); });
}

void Finder::parallel_loop(const tree::ParallelLoop& loop) {
  if (loop.is_shared_out) {
    left_behind.insert(loop.variable);
    for (const tree::Private& one : loop.privates) left_behind.insert(one.variable);
  }
  for (const tree::Reduction& reduction : loop.reductions) {
    use(reduction.variable);
    left_behind.insert(reduction.variable);
    for (const Variable* companion : reduction.companions) use(companion);
  }
  within(loop, loop.body);
  path_.push_back(&loop);
  use(loop.variable);
  path_.pop_back();
  block(loop.orelse);
}

bool may_be_inner(const Variable& variable, const Stmt& stmt) {
  if (stmt.kind == StmtKind::kGilBlock)
    return variable.kind == tree::VariableKind::kTemporary && variable.type->is_object();
  const tree::Type& type = *variable.type;
  const bool is_local = variable.kind == tree::VariableKind::kLocal ||
                        variable.kind == tree::VariableKind::kTemporary;
  const bool is_held = type.is_object() && type.buffer == nullptr;
  return is_local && (type.is_numeric() || type.is_pointer() || type.is_view() || is_held);
}

// Where it is declared; null: at the top.
const Stmt* owner_of(const Variable& variable, const Path& path) {
  for (auto stmt = path.rbegin(); stmt != path.rend(); ++stmt) {
    if (may_be_inner(variable, **stmt)) return *stmt;
    // A temporary of a loop within the block is not declared further out than it lives.
    if ((*stmt)->kind != StmtKind::kGilBlock) return nullptr;
  }
  return nullptr;
}

}  // namespace

std::set<const Variable*> addressed_variables(const tree::Function& function) {
  std::set<const Variable*> found;
  const auto in_block = [&](const tree::Block& block, const auto& self) -> void {
    const auto in_expr = [&](const tree::Expr& expr, const auto& again) -> void {
      if (const auto* address = tree::try_as<tree::AddressOf>(&expr)) {
        const tree::Expr* place = address->value.get();
        while (const auto* field = tree::try_as<tree::FieldAccess>(place))
          place = field->value.get();
        if (const auto* ref = tree::try_as<tree::VariableRef>(place)) found.insert(ref->variable);
      }
      if (const auto* block_expr = tree::try_as<tree::BlockExpr>(&expr))
        self(block_expr->body, self);
      tree::for_each_child(expr, [&](const tree::Expr& child) { again(child, again); });
    };
    for (const tree::StmtPtr& stmt : block) {
      tree::for_each_expr(*stmt, [&](const tree::Expr& expr) { in_expr(expr, in_expr); });
      tree::for_each_block(*stmt, [&](const tree::Block& inner) { self(inner, self); });
    }
  };
  in_block(function.body, in_block);
  return found;
}

InnerVariables inner_variables(const tree::Function& function, EffectsOf& effects) {
  Finder finder(effects);
  finder.block(function.body);
  InnerVariables inner;
  for (const Variable& variable : function.variables) {
    const auto found = finder.places.find(&variable);
    if (found == finder.places.end()) continue;
    const Stmt* owner = owner_of(variable, found->second);
    if (owner == nullptr) continue;
    const bool is_of_thread = owner->kind == StmtKind::kParallelBlock;
    if (is_of_thread && finder.left_behind.contains(&variable)) continue;
    inner.of_stmt[owner].push_back(&variable);
    inner.all.insert(&variable);
  }
  return inner;
}

}  // namespace engineroom::emit
