// emit/hoisted_checks.h — checks of subscripts, made once before a loop instead of in each turn.
//
//   for j in range(1, m - 1):
//       new[i, j] = old[i, j - 1] + old[i, j + 1]
//
// Each subscript here is a*j + b, with an a and b that the loop leaves alone: if it is inside of
// the memory at the loop's first j and at its last one, then it is inside for all of them. Such a
// loop is written twice: without these checks, for when that holds, and as it stands, so that
// IndexError comes at the item, and after the effects, that it would come at anyhow. Without
// checks, and without what negative subscripts mean, compilers make vectors of it.
//
// It is done for loops without loops in them: text grows by as much as they are long, and no more.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "emit/effects.h"
#include "tree/module.h"

namespace engineroom::emit {

// A loop that counts by one.
struct CountedLoop {
  const tree::Block* body = nullptr;
  const tree::Variable* variable = nullptr;
  const tree::Type* counter = nullptr;
  // In C++: the least and the largest value that the variable gets. They are of type er::Wide.
  std::string least;
  std::string largest;
  bool may_nest = false;  // written twice even if there are loops in it
};

struct HoistedChecks {
  // What must hold before the loop, in C++; empty if there are no such checks.
  std::vector<std::string> conditions;
  // Of what needs no check then: the subscripts.
  std::set<const tree::Expr*> inside;
};

// `addressed`: variables of the function whose address is taken.
HoistedChecks hoist_checks(const CountedLoop& loop, EffectsOf& effects,
                           const std::set<const tree::Variable*>& addressed);

}  // namespace engineroom::emit
