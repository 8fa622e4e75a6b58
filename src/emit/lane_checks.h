// emit/lane_checks.h — may the turns of a loop run side by side?
#pragma once

#include <map>
#include <set>

#include "tree/module.h"

namespace engineroom::emit {

using VariableSet = std::set<const tree::Variable*>;

// What the statements assign to, loop variables included.
void add_assigned(const tree::Block& block, VariableSet& out);

// How often each variable is read.
using ReadCounts = std::map<const tree::Variable*, int>;
void add_reads(const tree::Block& block, ReadCounts& out);
void add_reads(const tree::Expr& expr, ReadCounts& out);

// Does each turn set the variables that it assigns to before it reads them? And on every way
// through, if the function reads them elsewhere? Then no turn depends on another by way of
// variables, and after the loop they are what the last turn made them.
bool are_turns_apart(const tree::Variable& loop_variable, const tree::Block& turn,
                     const tree::Function& function);

// A loop, or a call of a function that may have one. Without there is nothing to gain, and nothing
// else needs to be looked at.
bool may_have_inner_loop(const tree::Block& block);

}  // namespace engineroom::emit
