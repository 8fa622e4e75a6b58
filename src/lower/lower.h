// lower/lower.h — the typed tree made simpler, between sema and emit.
//
// What the language has for convenience is expressed by what C++ can be written from. A file per
// pass, named for what is gone afterwards; each changes the tree in place and needs nothing to be
// known that the tree does not say.
#pragma once

#include "tree/module.h"

namespace engineroom::lower {

// All passes, in order. Afterwards the module has no statements but those that emit knows.
void lower(tree::Module& module);

// ---- the passes ----

// With becomes Try and Finally.
void lower_with_statements(tree::Module& module);

}  // namespace engineroom::lower
