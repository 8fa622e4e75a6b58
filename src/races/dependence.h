// races/dependence.h — may two iterations of a parallel loop meet at the same item?
//
// Two subscripts, one of them of another iteration, are set equal, dimension by dimension:
//
//   a[i] = a[i - 1]          i = i' - 1        yes: neighbours
//   a[2*i] = a[2*i + 1]      2i = 2i' + 1      no: one side is even (GCD)
//   a[i*n + j], j < n        (i-i')*n = j'-j   no unless i = i', as |j'-j| < n (bounds)
//
// A dimension that can be equal only if i = i' tells the iterations apart: one is enough. What is
// not proved apart is a dependence if an example of it is found among the first iterations, and
// undecided otherwise. That a factor which is not known, like `n` above, is not 0 is taken for
// granted.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "races/space.h"

namespace engineroom::races {

enum class Verdict : std::uint8_t { kApart, kUndecided, kMeet };

struct Question {
  std::vector<Polynomial> one;
  std::vector<Polynomial> other;
  // Iterations differ in at least one of these (those of collapsed loops are several).
  std::set<Symbol> loops;
  // Threads differ in this; or -1. Either is enough.
  Symbol thread = -1;
  // Rows of a sparse matrix, start[i] to start[i + 1], are taken to be apart.
  bool trusts_segments = true;
};

// The space is afterwards as it was.
Verdict decide(Space& space, const Question& question);

}  // namespace engineroom::races
