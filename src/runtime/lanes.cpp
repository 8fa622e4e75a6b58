// The rare and slow part of lanes.h, kept out of every cell.
#include "runtime/lanes.h"

namespace er {

void store_lanes(char* to, std::ptrdiff_t stride, const void* items, std::size_t size,
                 unsigned bits) {
  const char* from = static_cast<const char*>(items);
  for (; bits != 0; bits >>= 1, from += size, to += stride)
    if ((bits & 1) != 0) std::memcpy(to, from, size);
}

void load_lanes(void* items, const char* from, std::ptrdiff_t stride, std::size_t size,
                unsigned bits) {
  char* to = static_cast<char*>(items);
  for (; bits != 0; bits >>= 1, from += stride, to += size)
    if ((bits & 1) != 0) std::memcpy(to, from, size);
}

}  // namespace er
