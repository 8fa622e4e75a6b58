// emit/last_uses.h — when the compiler's own variables can drop what they hold.
//
// In Python an object that was only a step of an expression dies at once; a variable would keep it
// until the function returns. So each temporary that holds an object is emptied after the last
// statement of the smallest block that all its uses are in.
#pragma once

#include <unordered_map>
#include <vector>

#include "emit/effects.h"
#include "tree/module.h"

namespace engineroom::emit {

using LastUses = std::unordered_map<const tree::Stmt*, std::vector<const tree::Variable*>>;

LastUses last_uses(const tree::Function& function, EffectsOf& effects);

}  // namespace engineroom::emit
