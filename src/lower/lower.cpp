#include "lower/lower.h"

namespace engineroom::lower {

void lower(tree::Module& module) { lower_with_statements(module); }

}  // namespace engineroom::lower
