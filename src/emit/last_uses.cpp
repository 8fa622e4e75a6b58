#include "emit/last_uses.h"

#include <map>
#include <set>

#include "tree/children.h"

namespace engineroom::emit {

using tree::as;
using tree::StmtKind;
using tree::Variable;

namespace {

using Variables = std::set<const Variable*>;

bool is_temporary_object(const Variable* variable) {
  return variable != nullptr && variable->kind == tree::VariableKind::kTemporary &&
         variable->type->is_counted();
}

class Finder {
 public:
  explicit Finder(EffectsOf& effects) : effects_(effects) {}

  Variables block(const tree::Block& block);

  std::map<const Variable*, const tree::Stmt*> last;

 private:
  // What the statement uses outside of its blocks; those come to `blocks`.
  Variables own(const tree::Stmt& stmt, std::vector<const tree::Block*>& blocks);
  void add(const tree::Expr* expr, Variables& out) {
    if (expr == nullptr) return;
    const Effects& effects = effects_(*expr);
    for (const auto* set : {&effects.reads, &effects.writes}) {
      for (const Variable* variable : *set)
        if (is_temporary_object(variable)) out.insert(variable);
    }
  }

  EffectsOf& effects_;
};

Variables Finder::own(const tree::Stmt& stmt, std::vector<const tree::Block*>& blocks) {
  Variables used;
  const auto use = [&](const Variable* variable) {
    if (is_temporary_object(variable)) used.insert(variable);
  };
  switch (stmt.kind) {
    case StmtKind::kExpr:
      add(as<tree::ExprStmt>(stmt).value.get(), used);
      break;
    case StmtKind::kAssign:
      add(as<tree::Assign>(stmt).target.get(), used);
      add(as<tree::Assign>(stmt).value.get(), used);
      break;
    case StmtKind::kUnbind:
      use(as<tree::Unbind>(stmt).variable);
      break;
    case StmtKind::kMakeScope:
      break;
    case StmtKind::kIf:
      add(as<tree::If>(stmt).test.get(), used);
      blocks = {&as<tree::If>(stmt).body, &as<tree::If>(stmt).orelse};
      break;
    case StmtKind::kWhile:
      add(as<tree::While>(stmt).test.get(), used);
      blocks = {&as<tree::While>(stmt).body, &as<tree::While>(stmt).orelse};
      break;
    case StmtKind::kCountLoop: {
      const auto& loop = as<tree::CountLoop>(stmt);
      for (const tree::Expr* e : {loop.start.get(), loop.stop.get(), loop.step.get()}) add(e, used);
      blocks = {&loop.body, &loop.orelse};
      break;
    }
    case StmtKind::kIterate: {
      const auto& loop = as<tree::Iterate>(stmt);
      add(loop.iterable.get(), used);
      // Set anew for each turn, whose body begins with its use.
      blocks = {&loop.body, &loop.orelse};
      break;
    }
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      break;
    case StmtKind::kReturn:
      add(as<tree::Return>(stmt).value.get(), used);
      break;
    case StmtKind::kTry:
      blocks = {&as<tree::Try>(stmt).body, &as<tree::Try>(stmt).orelse};
      for (const tree::Handler& handler : as<tree::Try>(stmt).handlers) {
        add(handler.matches.get(), used);
        blocks.push_back(&handler.body);
      }
      break;
    case StmtKind::kFinally:
      blocks = {&as<tree::Finally>(stmt).body, &as<tree::Finally>(stmt).cleanup};
      break;
    case StmtKind::kWith:
      break;  // lowered
    case StmtKind::kGilBlock:
    case StmtKind::kParallelLoop:
    case StmtKind::kParallelBlock:
      tree::for_each_expr(stmt, [&](const tree::Expr& expr) { add(&expr, used); });
      tree::for_each_block(stmt, [&](const tree::Block& block) { blocks.push_back(&block); });
      break;
  }
  return used;
}

// Inner blocks come first: an outer one takes over what it uses in more than one place.
Variables Finder::block(const tree::Block& block) {
  Variables in_block;
  std::map<const Variable*, int> n_places;
  std::map<const Variable*, const tree::Stmt*> here;
  for (const tree::StmtPtr& stmt : block) {
    std::vector<const tree::Block*> blocks;
    for (const Variable* variable : own(*stmt, blocks)) {
      n_places[variable] += 2;
      here[variable] = stmt.get();
    }
    for (const tree::Block* inner : blocks) {
      for (const Variable* variable : this->block(*inner)) {
        ++n_places[variable];
        here[variable] = stmt.get();
      }
    }
  }
  for (const auto& [variable, n] : n_places) {
    in_block.insert(variable);
    if (n > 1) last[variable] = here[variable];
  }
  return in_block;
}

}  // namespace

LastUses last_uses(const tree::Function& function, EffectsOf& effects) {
  Finder finder(effects);
  finder.block(function.body);
  LastUses result;
  // In order of declaration, so that equal sources have equal texts.
  for (const Variable& variable : function.variables) {
    const auto found = finder.last.find(&variable);
    if (found != finder.last.end()) result[found->second].push_back(&variable);
  }
  return result;
}

}  // namespace engineroom::emit
