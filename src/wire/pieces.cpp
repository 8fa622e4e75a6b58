#include "wire/pieces.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace engineroom::wire {
namespace {

// Not by the frame's own owner, by which memory that processes share is told from other memory: a
// part of it is not what its descriptor stands for.
Bytes part_of(const Bytes& frame, std::size_t from, std::size_t bytes) {
  return Bytes(std::make_shared<const Bytes>(frame), frame.data() + from, bytes);
}

}  // namespace

Bytes cut_piece(const Frames& frames, std::uint64_t from, std::uint64_t bytes) {
  std::vector<Bytes> parts;
  std::uint64_t begin = 0;
  const std::uint64_t end = from + bytes;
  for (const Bytes& frame : frames) {
    const std::uint64_t first = std::max(from, begin);
    const std::uint64_t last = std::min(end, begin + frame.size());
    if (first < last) parts.push_back(part_of(frame, first - begin, last - first));
    begin += frame.size();
    if (begin >= end) break;
  }
  if (parts.size() == 1) return parts.front();
  std::string joined;
  for (const Bytes& part : parts) joined += part.view();
  return Bytes(std::move(joined));
}

void write_sizes(JsonWriter& writer, const Frames& frames) {
  writer.key("sizes").begin_array();
  for (const Bytes& frame : frames) writer.value(std::uint64_t{frame.size()});
  writer.end_array();
}

}  // namespace engineroom::wire
