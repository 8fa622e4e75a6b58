#include "emit/memory_layout.h"

namespace engineroom::emit {

using tree::BufferMode;

MemoryLayout layout_of(const tree::Type& type) {
  MemoryLayout layout;
  if (type.buffer != nullptr) {
    const int n = type.buffer->n_dimensions;
    layout.may_point.assign(static_cast<std::size_t>(n), type.buffer->mode == BufferMode::kFull);
    if (type.buffer->mode == BufferMode::kC) layout.contiguous_axis = n - 1;
    if (type.buffer->mode == BufferMode::kFortran) layout.contiguous_axis = 0;
    layout.has_negative_indices = type.buffer->has_negative_indices;
    return layout;
  }
  for (std::size_t i = 0; i < type.axes.size(); ++i) {
    const bool is_direct = type.axes[i].access == tree::AxisAccess::kDirect;
    layout.may_point.push_back(!is_direct);
    if (is_direct && type.axes[i].packing == tree::AxisPacking::kContiguous)
      layout.contiguous_axis = static_cast<int>(i);
  }
  return layout;
}

std::string buffer_part_name(char part, const tree::Variable& variable) {
  return part + variable.cpp.substr(1);  // v_x
}

std::string memory_name(const tree::Variable& variable) {
  return variable.type->is_view() ? variable.cpp : buffer_part_name('b', variable);
}

}  // namespace engineroom::emit
