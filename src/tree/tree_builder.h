// tree/tree_builder.h — typed trees by hand, for tests.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tree/module.h"

namespace engineroom::tree::builder {

template <typename Node>
std::unique_ptr<Node> typed(const Type* type) {
  auto node = std::make_unique<Node>();
  node->type = type;
  return node;
}

inline ExprPtr literal(const Type* type, std::string cpp) {
  auto node = typed<tree::Literal>(type);
  node->cpp = std::move(cpp);
  return node;
}

inline ExprPtr variable(Variable* variable, bool check_bound = false) {
  auto node = typed<tree::VariableRef>(variable->type);
  node->variable = variable;
  node->check_bound = check_bound;
  return node;
}

template <typename... Args>
std::vector<ExprPtr> list(Args... args) {
  std::vector<ExprPtr> exprs;
  (exprs.push_back(std::move(args)), ...);
  return exprs;
}

template <typename... Args>
std::unique_ptr<tree::Helper> helper(std::string name, const Type* type, tree::Fail fail,
                                     Args... args) {
  auto node = typed<tree::Helper>(type);
  node->name = std::move(name);
  node->fail = fail;
  node->args = list(std::move(args)...);
  return node;
}

inline ExprPtr binary(const Type* type, const char* op, ExprPtr left, ExprPtr right) {
  auto node = typed<tree::Binary>(type);
  node->op = op;
  node->left = std::move(left);
  node->right = std::move(right);
  return node;
}

inline StmtPtr run(ExprPtr value) {
  auto stmt = std::make_unique<tree::ExprStmt>();
  stmt->value = std::move(value);
  return stmt;
}

inline StmtPtr assign(ExprPtr target, ExprPtr value) {
  auto stmt = std::make_unique<tree::Assign>();
  stmt->target = std::move(target);
  stmt->value = std::move(value);
  return stmt;
}

inline StmtPtr give_back(ExprPtr value) {
  auto stmt = std::make_unique<tree::Return>();
  stmt->value = std::move(value);
  return stmt;
}

template <typename... Stmts>
tree::Block block(Stmts... stmts) {
  tree::Block made;
  (made.push_back(std::move(stmts)), ...);
  return made;
}

// A function `f` with object parameters of these names, and its locals.
class FunctionBuilder {
 public:
  explicit FunctionBuilder(tree::Module& module) : function_(module.functions.emplace_back()) {
    function_.name = function_.qualname = "f";
    function_.cpp = "f" + std::to_string(module.functions.size());
    function_.result = module.types.object();
  }

  Variable* parameter(const std::string& name, const Type* type) {
    Variable* made = add(name, type, tree::VariableKind::kParameter);
    function_.py_parameters.push_back({tree::ParamKind::kNormal, made, false, true});
    return made;
  }
  Variable* local(const std::string& name, const Type* type) {
    return add(name, type, tree::VariableKind::kLocal);
  }
  Variable* temporary(const std::string& name, const Type* type) {
    return add(name, type, tree::VariableKind::kTemporary);
  }
  tree::Function& function() { return function_; }

 private:
  Variable* add(const std::string& name, const Type* type, tree::VariableKind kind) {
    function_.variables.push_back({name, name, kind, type, false});
    return &function_.variables.back();
  }

  tree::Function& function_;
};

}  // namespace engineroom::tree::builder
