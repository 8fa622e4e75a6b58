#include "store/payload_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/write_all.h"
#include "store/sql.h"

namespace engineroom::store {
namespace {

constexpr std::size_t kNameBytes = 16;  // as hexadecimal digits

// Names come from a database that others may have written to.
bool is_name(std::string_view name) {
  return name.size() == 2 * kNameBytes &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Status failure(const std::string& what) {
  const int error = errno;
  const bool may_pass = error == ENOSPC || error == EDQUOT || error == EIO || error == EMFILE ||
                        error == ENFILE || error == ENOMEM;
  return {may_pass ? ErrorCode::kUnavailable : ErrorCode::kIo,
          what + ": " + std::string(std::strerror(error))};
}

// Which is private: nobody else can plant names in it.
UniqueFd open_own_folder(const std::string& path) {
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info{};
  if (folder && (::fstat(folder.get(), &info) != 0 || info.st_uid != ::geteuid())) {
    errno = EPERM;
    return {};
  }
  return folder;
}

// nullopt: it cannot be read, as errno says, or ends early (EIO).
std::optional<std::string> read_all(int file, std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t at = 0; at < size;) {
    const ssize_t n = ::read(file, content.data() + at, size - at);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = EIO;
    if (n <= 0) return std::nullopt;
    at += static_cast<std::size_t>(n);
  }
  return content;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

}  // namespace

int PayloadFiles::folder() const {
  if (!folder_) folder_ = open_own_folder(path_);
  return folder_.get();
}

Status PayloadFiles::open_folder() {
  if (folder() >= 0) return {};
  if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) return failure("cannot make " + path_);
  return folder() >= 0 ? Status() : failure("cannot use the folder " + path_);
}

Result<std::string> PayloadFiles::write(const Frames& frames) {
  if (Status status = open_folder(); !status.ok()) return status;
  std::string name = random_hex(kNameBytes);
  if (link_last(name, frames)) return name;
  if (Status status = write_file(name, frames); !status.ok()) return status;
  last_name_ = name;
  last_frames_ = frames;
  return name;
}

void PayloadFiles::forget_last() {
  last_name_.clear();
  last_frames_.clear();
}

// Not every file system can.
bool PayloadFiles::link_last(const std::string& name, const Frames& frames) const {
  return !last_name_.empty() && last_frames_ == frames &&
         ::linkat(folder(), last_name_.c_str(), folder(), name.c_str(), 0) == 0;
}

Status PayloadFiles::write_file(const std::string& name, const Frames& frames) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  const UniqueFd file(::openat(folder(), name.c_str(), flags, 0600));
  if (!file) {
    Status status = failure("cannot make a file in " + path_);
    folder_.reset();  // it may have been removed, and can be made again
    return status;
  }
  const bool is_written = write_all(file.get(), pack_sizes(frames)) &&
                          std::all_of(frames.begin(), frames.end(), [&file](const Bytes& frame) {
                            return write_all(file.get(), frame.view());
                          });
  if (is_written) return {};
  Status status = failure("cannot write to " + path_);
  erase(name);
  return status;
}

Result<Frames> PayloadFiles::read(std::string_view name) const {
  const std::string file_name(name);
  if (!is_name(name)) return Status{ErrorCode::kMalformed, "no name of a file: " + file_name};
  const UniqueFd file(::openat(folder(), file_name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0) {
    return Status{ErrorCode::kNotFound, "no file " + path_ + "/" + file_name};
  }
  auto content = read_all(file.get(), static_cast<std::size_t>(info.st_size));
  if (!content) return failure("cannot read " + path_ + "/" + file_name);
  return unpack_frames(Bytes(*std::move(content)));
}

void PayloadFiles::erase(std::string_view name) const {
  if (is_name(name)) ::unlinkat(folder(), std::string(name).c_str(), 0);
}

void PayloadFiles::erase_strays(const std::function<bool(std::string_view name)>& is_known,
                                WallTime now) const {
  const int copy = ::fcntl(folder(), F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, CloseFolder> entries(copy >= 0 ? ::fdopendir(copy) : nullptr);
  if (!entries) return;
  ::rewinddir(entries.get());
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the folder is this function's own
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    struct stat info{};
    if (!is_name(name) || ::fstatat(folder(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    const WallTime changed = std::chrono::system_clock::from_time_t(info.st_mtime);
    if (now - changed > kUncommitted && !is_known(name)) erase(name);
  }
}

}  // namespace engineroom::store
