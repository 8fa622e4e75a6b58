// session/stub.h — what a module has for Python, as the text of a .pyi file: for editors and type
// checkers, to which an extension module says nothing.
//
//   cpdef double norm(double x, double y=2.0) except -1   →   def norm(x: float, y: float = ...) ->
//   float: ...
//
// Types are those that Python's side sees: C's integers are int, a struct is a dict, memoryviews
// and typed buffers take what lends memory. What is not known is Any; nothing is guessed.
#pragma once

#include <string>

#include "syntax/tree.h"
#include "tree/module.h"

namespace engineroom::session {

// REQUIRES: `typed` is what sema made of `module`.
std::string stub_of(const syntax::Module& module, const tree::Module& typed);

}  // namespace engineroom::session
