// emit/effects.h — what evaluating an expression does, as far as order of evaluation is concerned.
//
// C++ leaves the order of operands open, Python does not. An operand can stay nested in the text
// only if nothing that is evaluated after it can change it: Effects tell.
#pragma once

#include <set>
#include <unordered_map>

#include "tree/module.h"

namespace engineroom::emit {

struct Effects {
  bool has_statements = false;  // it needs statements of its own: it can fail, or makes an object
  bool is_active = false;       // it runs code that may change memory
  bool reads_memory = false;    // its value depends on memory other than locals
  std::set<const tree::Variable*> reads;    // locals
  std::set<const tree::Variable*> writes;   // locals
  std::set<const tree::Variable*> unbinds;  // locals; among `writes` too

  void add(const Effects& other);
};

// REQUIRES: the tree does not change meanwhile.
class EffectsOf {
 public:
  const Effects& operator()(const tree::Expr& expr);
  Effects of_block(const tree::Block& block);

 private:
  Effects compute(const tree::Expr& expr);
  void add_statement(const tree::Stmt& stmt, Effects& out);
  void add_expr(const tree::Expr* expr, Effects& out);

  std::unordered_map<const tree::Expr*, Effects> known_;
};

bool overlap(const std::set<const tree::Variable*>& a, const std::set<const tree::Variable*>& b);

// Must the value of the first be put into a temporary before the second is evaluated?
bool must_precede(const Effects& first, const Effects& second);

}  // namespace engineroom::emit
