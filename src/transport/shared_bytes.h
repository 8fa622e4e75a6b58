// transport/shared_bytes.h — buffers in memory that processes of one machine share.
//
// A buffer that stays on its machine need not go through sockets. It is copied once, into a
// segment (memfd_create), whose descriptor travels to whoever needs it (transport/lane.h); they map
// it, and a Bytes looks into that mapping like into any other memory.
//
// Fresh pages are what costs most, more than the copy, so a SharedPool uses its segments again. It
// may write into one again when nobody looks at it any more, in no process of this machine, dead
// ones included; and the kernel knows: each time, the segment is handed out as an open file
// description of its own, read-only, with a shared flock() on it. Descriptors in flight and
// mappings hold that description open, wherever they are. When the last of them is gone, so is the
// lock, and the pool gets an exclusive one.
//
// Segments are sealed against changes of their size: a mapping of one never raises SIGBUS.
//
// Threads: a SharedPool may be used from several; a Bytes as always.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/unique_fd.h"

namespace engineroom::transport {

// Buffers below this go through the sockets: a mapping costs more than the copies.
inline constexpr std::size_t kSharedBytes = std::size_t{512} << 10;

// The descriptor that Bytes made here came with and still has, -1 for all others.
int shared_descriptor(const Bytes& bytes);
inline bool is_large(const Bytes& bytes) { return bytes.size() >= kSharedBytes; }
inline bool is_shared(const Bytes& bytes) {
  return is_large(bytes) && shared_descriptor(bytes) >= 0;
}

// Both look at the same memory, as two descriptors of one segment. As long as one of them is held,
// it holds the same bytes.
bool is_same_segment(const Bytes& a, const Bytes& b);

// What somebody else's pool has handed out: the first `size` bytes of it. With `keep`, they can be
// handed on. Nullopt if it is no sealed segment of at least that size.
std::optional<Bytes> map_shared(UniqueFd descriptor, std::size_t size, bool keep);

class SharedPool {
 public:
  // Segments are kept to be used again, up to this many bytes in all.
  static constexpr std::size_t kKeptBytes = std::size_t{256} << 20;
  static constexpr std::chrono::seconds kIdle{5};

  explicit SharedPool(std::size_t kept_bytes = kKeptBytes) : kept_bytes_(kept_bytes) {}
  SharedPool(const SharedPool&) = delete;
  SharedPool& operator=(const SharedPool&) = delete;

  // A copy that can be handed out; nullopt if the system gives no memory or no descriptor for it.
  std::optional<Bytes> copy(std::string_view bytes, Time now);
  // Puts such copies in the place of all frames of kSharedBytes and more.
  void copy_large(Frames& frames, Time now);

  // Keeps nothing any more.
  void clear();
  // The same if nothing was copied for kIdle. The next time to call this, if any.
  std::optional<Time> on_time(Time now);

 private:
  struct Segment {
    UniqueFd file;
    std::size_t capacity = 0;
  };

  std::optional<Segment> take(std::size_t size);
  void put_back(Segment segment, Time now);

  const std::size_t kept_bytes_;
  std::mutex mutex_;
  std::vector<Segment> segments_;  // guarded by mutex_; least recently used first
  Time last_used_{};               // guarded by mutex_
};

}  // namespace engineroom::transport
