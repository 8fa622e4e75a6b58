#include "engine/spill_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace engineroom::engine {
namespace {

// Mappings begin at pages, and holes are made of blocks.
constexpr std::uint64_t kPage = 4096;

std::uint64_t round_up(std::uint64_t size) { return (size + kPage - 1) / kPage * kPage; }

UniqueFd open_unnamed(const std::string& folder) {
  UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  // Not every file system knows files without a name.
  std::string name = folder + "/engineroom-XXXXXX";
  file.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (file) ::unlink(name.c_str());
  return file;
}

bool write_all(int file, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return true;
}

}  // namespace

// ---- the file ----

Result<std::shared_ptr<SpillFile>> SpillFile::open(const std::string& folder) {
  UniqueFd file = open_unnamed(folder);
  if (!file) return Status(ErrorCode::kUnavailable, folder + ": " + std::strerror(errno));
  return std::shared_ptr<SpillFile>(new SpillFile(std::move(file)));
}

std::uint64_t SpillFile::take(std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  used_ += size;
  return std::exchange(end_, end_ + size);
}

void SpillFile::give_back(std::uint64_t offset, std::uint64_t size) {
  if (::getpid() != process_) return;
  const std::lock_guard lock(mutex_);
  used_ -= size;
  if (used_ == 0) {
    end_ = 0;
    // Even where holes cannot be punched, the space comes back now.
    if (::ftruncate(file_.get(), 0) == 0) return;
  }
  static_cast<void>(::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                static_cast<off_t>(offset), static_cast<off_t>(size)));
}

Result<std::shared_ptr<const Extent>> SpillFile::write(const Frames& frames) {
  std::uint64_t size = 0;
  for (const Bytes& frame : frames) size += frame.size();
  const std::uint64_t room = std::max(round_up(size), kPage);
  std::uint64_t offset = take(room);
  auto extent = std::make_shared<const Extent>(shared_from_this(), offset, room);
  for (const Bytes& frame : frames) {
    if (!write_all(file_.get(), frame.view(), offset)) {
      return Status(ErrorCode::kUnavailable, std::strerror(errno));
    }
    offset += frame.size();
  }
  return extent;
}

std::optional<Frames> SpillFile::read(const Spilled& spilled) {
  const std::shared_ptr<const Extent>& extent = spilled.extent;
  void* memory = ::mmap(nullptr, extent->size_, PROT_READ, MAP_SHARED, extent->file_->file_.get(),
                        static_cast<off_t>(extent->offset_));
  if (memory == MAP_FAILED) return std::nullopt;
  // The extent goes with the last frame.
  const std::shared_ptr<const void> owner(
      memory, [extent](void* begin) { ::munmap(begin, extent->size_); });
  Frames frames;
  const char* begin = static_cast<const char*>(memory);
  for (const std::size_t size : spilled.sizes) {
    frames.emplace_back(owner, begin, size);
    begin += size;
  }
  return frames;
}

// ---- the thread ----

SpillWriter::SpillWriter(std::shared_ptr<SpillFile> file, std::function<void()> notify)
    : file_(std::move(file)), notify_(std::move(notify)), thread_([this] { run(); }) {}

SpillWriter::~SpillWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void SpillWriter::write(Spill::Write write) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(write));
  }
  changed_.notify_one();
}

std::vector<SpillWriter::Done> SpillWriter::take_done() {
  const std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

void SpillWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    Spill::Write next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Done done{next.number, {}};
    if (auto extent = file_->write(next.kept->buffers); extent.ok()) {
      done.spilled.extent = extent.take();
      for (const Bytes& frame : next.kept->buffers) done.spilled.sizes.push_back(frame.size());
    }
    // Not under the lock: this may be the last to hold it.
    next.kept = nullptr;
    lock.lock();
    done_.push_back(std::move(done));
    lock.unlock();
    notify_();
    lock.lock();
  }
}

}  // namespace engineroom::engine
