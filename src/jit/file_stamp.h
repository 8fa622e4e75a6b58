// jit/file_stamp.h — whether a file is still the one that something was made from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace engineroom::jit {

struct FileStamp {
  std::string path = {};
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;

  // Of a file as it is now; size 0 and time 0 if there is none.
  static FileStamp of(std::string path) {
    struct stat info = {};
    FileStamp stamp{.path = std::move(path)};
    if (::stat(stamp.path.c_str(), &info) != 0) return stamp;
    stamp.size_bytes = static_cast<std::uint64_t>(info.st_size);
    stamp.modified_ns =
        static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
    return stamp;
  }

  bool is_current() const { return of(path) == *this; }
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

inline bool all_current(const std::vector<FileStamp>& stamps) {
  for (const FileStamp& stamp : stamps) {
    if (!stamp.is_current()) return false;
  }
  return true;
}

}  // namespace engineroom::jit
