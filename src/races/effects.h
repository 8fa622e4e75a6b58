// races/effects.h — what statements do to variables on any way through them: what the walk cannot
// know when it comes to a use, since what follows runs in other iterations.
#pragma once

#include <map>
#include <set>

#include "tree/stmt.h"

namespace engineroom::races {

// All variables that statements assign to by name, loops' included.
void collect_assigned(const tree::Block& block, std::set<const tree::Variable*>& assigned);

// Variables whose memory a block may write.
void collect_touched(const tree::Block& block, std::set<const tree::Variable*>& touched);

// Numbers whose address is taken.
void collect_addressed(const tree::Block& block, std::set<const tree::Variable*>& addressed);

// The only values that pointers, views and temporaries get in a function, `region` apart; null for
// those that get several.
void collect_aliases(const tree::Block& block, const tree::Stmt& region,
                     std::map<const tree::Variable*, const tree::Expr*>& aliases);

}  // namespace engineroom::races
