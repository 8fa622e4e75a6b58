// emit/inner_variables.h — variables that are declared in a block, as nothing outside of it uses
// them.
//
// In a parallel region each turn has its own: what only its body uses needs no clause of OpenMP,
// and objects are not taken from one thread by another. Where the GIL is taken the temporaries that
// hold objects are let go before it is given back.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "emit/effects.h"

namespace engineroom::emit {

struct InnerVariables {
  std::map<const tree::Stmt*, std::vector<const tree::Variable*>> of_stmt;
  std::set<const tree::Variable*> all;

  bool is_inner(const tree::Variable& variable) const { return all.contains(&variable); }
};

// Locals whose address is taken somewhere.
std::set<const tree::Variable*> addressed_variables(const tree::Function& function);

InnerVariables inner_variables(const tree::Function& function, EffectsOf& effects);

}  // namespace engineroom::emit
