// tree/verify.h — the rules of the typed tree that types in C++ cannot say.
#pragma once

#include <string>
#include <vector>

#include "tree/module.h"

namespace engineroom::tree {

// One line per broken rule: "square: the value of an assignment is int, its target long: x = y".
// A tree that comes from a source without errors breaks none; one that does is a bug of the stage
// that made it.
std::vector<std::string> verify(const Module& module);

}  // namespace engineroom::tree
