// emit/memory_layout.h — how the memory of a memoryview or buffer is laid out, and what C++ calls
// the variables that say it.
#pragma once

#include <string>
#include <vector>

#include "tree/module.h"

namespace engineroom::emit {

struct MemoryLayout {
  int contiguous_axis = -1;  // whose items are side by side; -1: none
  std::vector<bool> may_point;
  bool has_negative_indices = true;
};

// REQUIRES: a view, or an object with a buffer.
MemoryLayout layout_of(const tree::Type& type);

// A buffer's variable x is three in C++: v_x, the object; h_x, what it lent; b_x, where that is.
std::string buffer_part_name(char part, const tree::Variable& variable);
// What has data, shape and strides.
std::string memory_name(const tree::Variable& variable);

}  // namespace engineroom::emit
