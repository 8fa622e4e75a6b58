#include "jit/cache_directory.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <llvm/Support/xxhash.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/id.h"
#include "base/unique_fd.h"
#include "base/write_all.h"

namespace engineroom::jit {
namespace {

namespace fs = std::filesystem;

struct Footer {
  std::array<char, 8> magic;
  std::uint64_t payload_bytes;
  std::uint64_t notes_bytes;
  std::uint64_t checksum;
};
constexpr std::array<char, 8> kMagic = {'E', 'R', 'C', 'A', 'C', 'H', 'E', '1'};

// An entry that is used is marked as new, but not more often than this.
constexpr std::int64_t kTouchSeconds = 3600;
// What an interrupted process left behind is removed after this.
constexpr std::int64_t kTemporarySeconds = 3600;
constexpr const char* kTemporary = ".tmp";

std::uint64_t hash(std::string_view bytes) {
  return llvm::xxh3_64bits(llvm::ArrayRef<std::uint8_t>(
      reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

std::uint64_t checksum(std::string_view name, std::string_view payload, std::string_view notes) {
  const std::array<std::uint64_t, 3> parts = {hash(name), hash(payload), hash(notes)};
  return hash({reinterpret_cast<const char*>(parts.data()), sizeof parts});
}

// Nobody else could have written it.
bool ours(const struct stat& info) {
  return info.st_uid == ::geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

CacheDirectory::CacheDirectory(std::string path, std::uint64_t limit_bytes)
    : path_(std::move(path)), limit_bytes_(limit_bytes) {}

std::string CacheDirectory::default_root() {
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody changes the environment behind Python's back
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return std::string(cache) + "/engineroom";
  const char* home = std::getenv("HOME");
  // NOLINTEND(concurrency-mt-unsafe)
  if (home != nullptr && *home == '/') return std::string(home) + "/.cache/engineroom";
  return "";
}

bool CacheDirectory::usable() {
  if (usable_) return *usable_;
  usable_ = false;
  if (path_.empty()) return false;
  std::error_code error;
  fs::create_directories(fs::path(path_).parent_path(), error);
  ::mkdir(path_.c_str(), 0700);
  struct stat info = {};
  usable_ = ::lstat(path_.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && ours(info);
  return *usable_;
}

std::optional<CacheEntry> CacheDirectory::find(const std::string& name) {
  if (!usable()) return std::nullopt;
  const std::string path = path_ + '/' + name;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info = {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || !ours(info)) {
    return std::nullopt;
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size < sizeof(Footer)) return std::nullopt;
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd.get(), 0);
  if (address == MAP_FAILED) return std::nullopt;
  CacheEntry entry;
  entry.mapping = std::shared_ptr<const void>(
      address, [size](const void* mapped) { ::munmap(const_cast<void*>(mapped), size); });

  const auto* bytes = static_cast<const char*>(address);
  const std::size_t body_bytes = size - sizeof(Footer);
  Footer footer;
  std::memcpy(&footer, bytes + body_bytes, sizeof footer);
  if (footer.magic != kMagic || footer.payload_bytes > body_bytes ||
      footer.notes_bytes != body_bytes - footer.payload_bytes) {
    return std::nullopt;
  }
  entry.payload = {bytes, footer.payload_bytes};
  entry.notes = {bytes + footer.payload_bytes, footer.notes_bytes};
  if (footer.checksum != checksum(name, entry.payload, entry.notes)) return std::nullopt;

  if (std::time(nullptr) - info.st_mtim.tv_sec > kTouchSeconds) {
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
  }
  return entry;
}

void CacheDirectory::add(const std::string& name, std::string_view payload,
                         std::string_view notes) {
  const std::uint64_t bytes = payload.size() + notes.size() + sizeof(Footer);
  if (bytes > limit_bytes_ || !usable()) return;
  const Footer footer = {kMagic, payload.size(), notes.size(), checksum(name, payload, notes)};
  const std::string temporary = path_ + '/' + random_hex(8) + kTemporary;
  {
    const UniqueFd fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return;
    // Not synced to the disk: after a crash of the machine the checksum tells.
    if (!write_all(fd.get(), payload) || !write_all(fd.get(), notes) ||
        !write_all(fd.get(), {reinterpret_cast<const char*>(&footer), sizeof footer})) {
      ::unlink(temporary.c_str());
      return;
    }
  }
  if (::rename(temporary.c_str(), (path_ + '/' + name).c_str()) != 0) {
    ::unlink(temporary.c_str());
    return;
  }
  // Looking through the directory takes longer than adding: once per process, and then each time
  // that a sixteenth of the limit was added.
  if (added_since_trim_ > limit_bytes_ / 16) {
    trim();
    added_since_trim_ = 0;
  }
  added_since_trim_ += bytes;
}

void CacheDirectory::trim() {
  struct File {
    std::string path;
    std::int64_t used;  // seconds
    std::uint64_t bytes;
  };
  std::vector<File> files;
  std::uint64_t total = 0;
  const std::int64_t now = std::time(nullptr);
  std::error_code error;
  for (fs::directory_iterator at(path_, error), end; !error && at != end; at.increment(error)) {
    struct stat info = {};
    if (::lstat(at->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (at->path().extension() == kTemporary) {
      if (now - info.st_mtim.tv_sec > kTemporarySeconds) ::unlink(at->path().c_str());
      continue;
    }
    const auto bytes = static_cast<std::uint64_t>(info.st_size);
    files.push_back({at->path(), info.st_mtim.tv_sec, bytes});
    total += bytes;
  }
  // Below the limit by the sixteenth that may be added before the next time.
  const std::uint64_t target = limit_bytes_ - limit_bytes_ / 16;
  if (total <= target) return;
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.used < b.used; });
  for (const File& file : files) {
    if (total <= target) break;
    if (::unlink(file.path.c_str()) == 0) total -= file.bytes;
  }
}

}  // namespace engineroom::jit
