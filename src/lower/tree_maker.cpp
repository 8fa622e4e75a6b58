#include "lower/tree_maker.h"

namespace engineroom::lower {

using tree::ExprPtr;
using tree::Type;
using tree::Variable;

Variable* TreeMaker::temporary(std::string_view name, const Type* type) {
  // Sema's own begin with another letter.
  std::string cpp = "l_" + std::to_string(++n_temporaries_) + "_" + std::string(name);
  function_.variables.push_back(
      {std::string(name), std::move(cpp), tree::VariableKind::kTemporary, type, true});
  return &function_.variables.back();
}

ExprPtr TreeMaker::variable(Variable* variable) const {
  auto made = expr<tree::VariableRef>(variable->type);
  made->variable = variable;
  return made;
}

ExprPtr TreeMaker::truth(bool value) const {
  auto made = expr<tree::Literal>(bint());
  made->cpp = value ? "1" : "0";
  return made;
}

ExprPtr TreeMaker::str(std::string_view text) {
  auto made = expr<tree::PyConstant>(module_.types.object(tree::ObjectClass::kStr));
  const std::size_t n = module_.constants.size();
  for (made->index = 0; made->index < n; ++made->index) {
    const tree::Constant& known = module_.constants[made->index];
    if (known.kind == tree::ConstantKind::kStr && known.text == text) return made;
  }
  module_.constants.push_back({tree::ConstantKind::kStr, std::string(text), 0, {}});
  return made;
}

ExprPtr TreeMaker::negation(ExprPtr condition) const {
  auto made = expr<tree::Unary>(bint());
  made->op = "!";
  made->operand = std::move(condition);
  return made;
}

ExprPtr TreeMaker::make_helper(std::string name, const Type* type, tree::Fail fail,
                               std::vector<ExprPtr> args) const {
  auto made = expr<tree::Helper>(type);
  made->name = std::move(name);
  made->fail = fail;
  made->args = std::move(args);
  return made;
}

tree::StmtPtr TreeMaker::assign(Variable* target, ExprPtr value) const {
  auto made = stmt<tree::Assign>();
  made->target = variable(target);
  made->value = std::move(value);
  return made;
}

tree::StmtPtr TreeMaker::run(ExprPtr value) const {
  auto made = stmt<tree::ExprStmt>();
  made->value = std::move(value);
  return made;
}

Variable* TreeMaker::keep(std::string_view name, ExprPtr value, tree::Block& out) {
  Variable* kept = temporary(name, value->type);
  out.push_back(assign(kept, std::move(value)));
  return kept;
}

}  // namespace engineroom::lower
