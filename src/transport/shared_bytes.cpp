#include "transport/shared_bytes.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace engineroom::transport {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kKeptSegments = 64;

// Descriptors held by Bytes of this process. They are bounded, so that sockets and files still get
// theirs; beyond that, buffers go through the sockets.
std::atomic<int> held_descriptors{0};

int max_held_descriptors() {
  static const int limit = [] {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 256;
    return static_cast<int>(std::min<rlim_t>(files.rlim_cur / 2, 4096));
  }();
  return limit;
}

// The deleter of such Bytes: it carries the descriptor, where std::get_deleter() finds it.
struct Unmap {
  std::size_t size;
  int descriptor;  // -1: closed already

  void operator()(const void* memory) const {
    ::munmap(const_cast<void*>(memory), size);
    if (descriptor < 0) return;
    ::close(descriptor);
    held_descriptors.fetch_sub(1, std::memory_order_relaxed);
  }
};

std::size_t rounded_capacity(std::size_t size) {
  // An eighth more at most, so that buffers of about the same size share segments.
  const std::size_t step = std::max(kPage, std::bit_floor(size) / 8);
  return (size + step - 1) / step * step;
}

UniqueFd new_segment(std::size_t capacity) {
  UniqueFd file(::memfd_create("engineroom", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(capacity)) != 0 ||
      ::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0)
    return {};
  return file;
}

bool write_all(int file, std::string_view bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n =
        ::pwrite(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

// Nobody has it any more. The lock goes with the next one taken on the same description.
bool is_free(int file) { return ::flock(file, LOCK_EX | LOCK_NB) == 0; }

UniqueFd open_for_others(int file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  UniqueFd shared(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ::flock(file, LOCK_UN);
  if (shared && ::flock(shared.get(), LOCK_SH | LOCK_NB) != 0) return {};
  return shared;
}

}  // namespace

int shared_descriptor(const Bytes& bytes) {
  const Unmap* unmap = std::get_deleter<Unmap>(bytes.owner());
  return unmap == nullptr ? -1 : unmap->descriptor;
}

bool is_same_segment(const Bytes& a, const Bytes& b) {
  struct stat one{};
  struct stat other{};
  return is_shared(a) && is_shared(b) && a.size() == b.size() &&
         ::fstat(shared_descriptor(a), &one) == 0 && ::fstat(shared_descriptor(b), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

std::optional<Bytes> map_shared(UniqueFd descriptor, std::size_t size, bool keep) {
  struct stat info{};
  const int seals = ::fcntl(descriptor.get(), F_GET_SEALS);
  if (size == 0 || seals < 0 || (seals & kSeals) != kSeals ||
      ::fstat(descriptor.get(), &info) != 0 || static_cast<std::size_t>(info.st_size) < size)
    return std::nullopt;
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor.get(), 0);
  if (memory == MAP_FAILED) return std::nullopt;
  if (keep && held_descriptors.fetch_add(1, std::memory_order_relaxed) >= max_held_descriptors()) {
    held_descriptors.fetch_sub(1, std::memory_order_relaxed);
    keep = false;
  }
  const Unmap unmap{size, keep ? descriptor.release() : -1};
  return Bytes(std::shared_ptr<const void>(memory, unmap), memory, size);
}

std::optional<Bytes> SharedPool::copy(std::string_view bytes, Time now) {
  if (bytes.empty() || held_descriptors.load(std::memory_order_relaxed) >= max_held_descriptors())
    return std::nullopt;
  std::optional<Segment> segment = take(bytes.size());
  if (!segment || !write_all(segment->file.get(), bytes)) return std::nullopt;
  UniqueFd shared = open_for_others(segment->file.get());
  if (!shared) return std::nullopt;
  put_back(std::move(*segment), now);
  return map_shared(std::move(shared), bytes.size(), true);
}

// Out of the list, so that no other thread writes to it meanwhile.
std::optional<SharedPool::Segment> SharedPool::take(std::size_t size) {
  const std::size_t capacity = rounded_capacity(size);
  {
    const std::lock_guard lock(mutex_);
    const auto fitting = std::find_if(segments_.begin(), segments_.end(), [&](const Segment& s) {
      return s.capacity == capacity && is_free(s.file.get());
    });
    if (fitting != segments_.end()) {
      Segment segment = std::move(*fitting);
      segments_.erase(fitting);
      return segment;
    }
  }
  UniqueFd file = new_segment(capacity);
  if (!file) return std::nullopt;
  return Segment{std::move(file), capacity};
}

void SharedPool::put_back(Segment segment, Time now) {
  const std::lock_guard lock(mutex_);
  last_used_ = now;
  segments_.push_back(std::move(segment));
  // What others still look at takes memory anyway, but only as long as they do if it is not here.
  std::size_t kept = 0;
  for (const Segment& s : segments_) kept += s.capacity;
  while (kept > kept_bytes_ || segments_.size() > kKeptSegments) {
    kept -= segments_.front().capacity;
    segments_.erase(segments_.begin());
  }
}

void SharedPool::copy_large(Frames& frames, Time now) {
  for (Bytes& frame : frames) {
    if (!is_large(frame) || is_shared(frame)) continue;
    if (std::optional<Bytes> shared = copy(frame.view(), now)) frame = std::move(*shared);
  }
}

// What others still look at is theirs, and goes when they are done with it.
void SharedPool::clear() {
  const std::lock_guard lock(mutex_);
  segments_.clear();
}

std::optional<Time> SharedPool::on_time(Time now) {
  const std::lock_guard lock(mutex_);
  if (segments_.empty()) return std::nullopt;
  if (now < last_used_ + kIdle) return last_used_ + kIdle;
  segments_.clear();
  return std::nullopt;
}

}  // namespace engineroom::transport
