// lower/tree_maker.h — makes the nodes that passes put in place of others.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tree/module.h"

namespace engineroom::lower {

// Of one function. Nodes get the place that was set last.
class TreeMaker {
 public:
  TreeMaker(tree::Module& module, tree::Function& function)
      : module_(module), function_(function) {}

  void set_place(syntax::SourceRange place) { place_ = place; }

  // A variable of the compiler; `name` is for the reader of the C++.
  tree::Variable* temporary(std::string_view name, const tree::Type* type);

  tree::ExprPtr variable(tree::Variable* variable) const;
  tree::ExprPtr truth(bool value) const;
  tree::ExprPtr str(std::string_view text);
  tree::ExprPtr negation(tree::ExprPtr condition) const;
  template <typename... Args>
  tree::ExprPtr helper(std::string name, const tree::Type* type, tree::Fail fail,
                       Args... args) const {
    std::vector<tree::ExprPtr> list;
    (list.push_back(std::move(args)), ...);
    return make_helper(std::move(name), type, fail, std::move(list));
  }

  tree::StmtPtr assign(tree::Variable* target, tree::ExprPtr value) const;
  tree::StmtPtr run(tree::ExprPtr value) const;
  // Assigns it to a new temporary, in `out`.
  tree::Variable* keep(std::string_view name, tree::ExprPtr value, tree::Block& out);
  template <typename T>
  std::unique_ptr<T> stmt() const {
    auto made = std::make_unique<T>();
    made->range = place_;
    return made;
  }

  const tree::Type* object() const { return module_.types.object(); }
  const tree::Type* bint() const { return module_.types.bint(); }

 private:
  tree::ExprPtr make_helper(std::string name, const tree::Type* type, tree::Fail fail,
                            std::vector<tree::ExprPtr> args) const;
  template <typename T>
  std::unique_ptr<T> expr(const tree::Type* type) const {
    auto made = std::make_unique<T>();
    made->type = type;
    made->range = place_;
    return made;
  }

  tree::Module& module_;
  tree::Function& function_;
  syntax::SourceRange place_;
  int n_temporaries_ = 0;
};

}  // namespace engineroom::lower
