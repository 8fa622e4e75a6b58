#include "engine/transfer.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace engineroom::engine {

bool Transfer::begin(std::vector<std::uint64_t> sizes) {
  std::vector<Frame> frames;
  frames.reserve(sizes.size());
  std::uint64_t total = 0;
  for (const std::uint64_t size : sizes) {
    // As much as memory can be: the sum below stays within its type.
    if (size > std::numeric_limits<std::uint64_t>::max() / 4 - total) return false;
    std::shared_ptr<char[]> memory(new (std::nothrow) char[size]);
    if (!memory) return false;
    frames.push_back({std::move(memory), total, size});
    total += size;
  }
  frames_ = std::move(frames);
  total_ = total;
  asked_ = std::min(kFirstBytes, total);
  outstanding_ = {{0, asked_}};
  return true;
}

std::optional<Transfer::Range> Transfer::next() {
  if (asked_ >= total_) return std::nullopt;
  const Range range{asked_, std::min(kPieceBytes, total_ - asked_)};
  asked_ += range.bytes;
  outstanding_.emplace(range.from, range.bytes);
  return range;
}

bool Transfer::add(std::uint64_t from, std::string_view bytes) {
  const auto found = outstanding_.find(from);
  if (found == outstanding_.end() || found->second != bytes.size()) return false;
  outstanding_.erase(found);
  write(from, bytes);
  arrived_ += bytes.size();
  return true;
}

void Transfer::write(std::uint64_t from, std::string_view bytes) {
  // The frame that `from` is in, or the last of several that begin there.
  auto frame =
      std::upper_bound(frames_->begin(), frames_->end(), from,
                       [](std::uint64_t at, const Frame& each) { return at < each.begin; });
  if (frame != frames_->begin()) --frame;
  for (; frame != frames_->end() && !bytes.empty(); ++frame) {
    const std::uint64_t offset = from - frame->begin;
    const std::uint64_t count = std::min<std::uint64_t>(bytes.size(), frame->size - offset);
    if (count > 0) std::memcpy(frame->memory.get() + offset, bytes.data(), count);
    bytes.remove_prefix(count);
    from += count;
  }
}

Frames Transfer::take() const {
  Frames frames;
  frames.reserve(frames_->size());
  for (const Frame& frame : *frames_) {
    frames.emplace_back(frame.memory, frame.memory.get(), frame.size);
  }
  return frames;
}

std::vector<Transfer::Range> Transfer::outstanding() const {
  std::vector<Range> ranges;
  for (const auto& [from, bytes] : outstanding_) ranges.push_back({from, bytes});
  return ranges;
}

}  // namespace engineroom::engine
