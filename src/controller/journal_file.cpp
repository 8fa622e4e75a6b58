#include "controller/journal_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

namespace engineroom::controller {
namespace {

Status failure(const std::string& path, const char* what) {
  const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return {code, fmt::format("cannot {} the journal {}: {}", what, path, std::strerror(errno))};
}

// Larger blocks are written at once: they would be copied once more for nothing.
constexpr std::size_t kMaxWaiting = 256u << 10;

}  // namespace

JournalFile::JournalFile(std::string path, std::string final_path, UniqueFd fd, std::uint64_t size)
    : path_(std::move(path)),
      final_path_(std::move(final_path)),
      fd_(std::move(fd)),
      written_(size) {}

Result<std::unique_ptr<JournalFile>> JournalFile::open(const std::string& path,
                                                       const std::string& final_path, int flags) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
  if (fd.get() < 0) return failure(path, "open");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return Status(ErrorCode::kUnavailable, "the journal " + path + " is another controller's");
  }
  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) return failure(path, "look at");
  if (facts.st_uid != ::geteuid() || (facts.st_mode & 077) != 0) {
    return Status(ErrorCode::kInvalidArgument,
                  "the journal " + path + " can be read or written by others; chmod 600 it");
  }
  // Only now: it was not another's.
  if ((flags & O_CREAT) != 0 && ::ftruncate(fd.get(), 0) != 0) return failure(path, "empty");
  const auto size = (flags & O_CREAT) != 0 ? 0 : static_cast<std::uint64_t>(facts.st_size);
  return std::unique_ptr<JournalFile>(new JournalFile(path, final_path, std::move(fd), size));
}

Result<std::unique_ptr<JournalFile>> JournalFile::open(const std::string& path) {
  return open(path, path, 0);
}

Result<std::unique_ptr<JournalFile>> JournalFile::create(const std::string& path) {
  return open(path + ".new", path, O_CREAT);
}

void JournalFile::append(std::string_view bytes) {
  if (has_failed_) return;
  waiting_ += bytes;
  if (waiting_.size() > kMaxWaiting) write_waiting();
}

void JournalFile::write_waiting() {
  std::size_t done = 0;
  while (done < waiting_.size() && !has_failed_) {
    const ssize_t n = ::pwrite(fd_.get(), waiting_.data() + done, waiting_.size() - done,
                               static_cast<off_t>(written_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail("write");
    done += static_cast<std::size_t>(n);
  }
  written_ += done;
  waiting_.clear();
  if (waiting_.capacity() > 2 * kMaxWaiting) waiting_ = std::string();
}

void JournalFile::fail(const char* what) {
  ER_LOG_ERROR("{}; tasks do not survive this controller any more", failure(path_, what).message());
  abandon();
}

void JournalFile::abandon() {
  has_failed_ = true;
  waiting_ = std::string();
  remove();
}

Result<std::string> JournalFile::read(const Extent& extent) const {
  std::string bytes(extent.size, '\0');
  std::size_t done = 0;
  const std::uint64_t in_file =
      extent.offset < written_ ? std::min(extent.size, written_ - extent.offset) : 0;
  while (done < in_file) {
    const ssize_t n = ::pread(fd_.get(), bytes.data() + done, in_file - done,
                              static_cast<off_t>(extent.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failure(path_, "read");
    done += static_cast<std::size_t>(n);
  }
  if (done < extent.size) {
    const std::uint64_t at = extent.offset + done - written_;
    if (at + extent.size - done > waiting_.size()) {
      return Status(ErrorCode::kIo, "the journal " + path_ + " is shorter than it should be");
    }
    std::memcpy(bytes.data() + done, waiting_.data() + at, extent.size - done);
  }
  return bytes;
}

Status JournalFile::take_place() {
  write_out();
  if (has_failed_) return {ErrorCode::kIo, "the journal " + path_ + " cannot be written"};
  if (std::rename(path_.c_str(), final_path_.c_str()) != 0) return failure(path_, "rename");
  path_ = final_path_;
  return {};
}

void JournalFile::remove() { std::remove(path_.c_str()); }

}  // namespace engineroom::controller
