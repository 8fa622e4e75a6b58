// races/races.h — loops that would race are errors, and what only adds up is made a reduction.
//
// A prange runs its iterations in any order, several at a time. Cython trusts the user that this
// makes no difference; here it is checked, loop by loop, on the typed tree:
//
//   s = s + x, m = max(m, x), if x > m: m = x, ok = ok and x      reductions
//   t = t / 2; out[i] = last; last = x                            parallel-carried
//   a[0] += i, st.x += i, a[i] = 1 and a[i + 1] = 2               parallel-shared-write
//   a[i] = a[i - 1] + 1                                           parallel-dependence
//   out[idx[i]] = x                                               parallel-undecided, a warning
//
// docs/races.md is for those who get the messages, docs/dev/races.md for those who change this.
#pragma once

#include "syntax/diagnostic.h"
#include "syntax/source.h"
#include "tree/module.h"

namespace engineroom::races {

// Reports what is wrong, and moves variables between the `privates` and `reductions` of loops.
void check(tree::Module& module, const syntax::Sources& sources, syntax::Diagnostics& diagnostics);

}  // namespace engineroom::races
