#include "tree/module.h"

namespace engineroom::tree {

BlockExpr::BlockExpr() = default;
BlockExpr::~BlockExpr() = default;

}  // namespace engineroom::tree
