// sema/gil_check.h — what code without the GIL must not do: everything that looks at objects.
#pragma once

#include "syntax/diagnostic.h"
#include "tree/module.h"

namespace engineroom::sema {

// Of a function whose tree is complete. One message per mistake, in Cython's words. `is_all`: also
// of what is never reached.
void check_gil(const tree::Function& function, bool is_all, const tree::TypeTable& types,
               syntax::Diagnostics& diagnostics);

}  // namespace engineroom::sema
