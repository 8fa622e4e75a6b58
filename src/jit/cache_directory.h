// jit/cache_directory.h — files that can be made again, kept for the next process.
//
// An entry is a payload and a few notes under a name that says all that it depends on. Processes
// share a directory without locks: an entry is written under another name and renamed, and is never
// changed. What was damaged, or belongs to another user, is as if it were not there; so is the
// whole directory if others may write to it, for its entries are code that we run.
//
// Format: payload, notes, then Footer (cache_directory.cpp), whose checksum covers the name too.
//
// Threads: one at a time per object; any number of objects and processes on one directory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace engineroom::jit {

// Stays readable whatever becomes of the file.
struct CacheEntry {
  std::string_view payload = {};
  std::string_view notes = {};
  std::shared_ptr<const void> mapping = {};
};

class CacheDirectory {
 public:
  // "" for no directory: nothing is found, nothing kept. Else it is made when needed, for this user
  // alone. Beyond `limit_bytes` the entries unused for longest are removed.
  CacheDirectory(std::string path, std::uint64_t limit_bytes);

  // $XDG_CACHE_HOME/engineroom or ~/.cache/engineroom; "" if there is no home.
  static std::string default_root();

  std::optional<CacheEntry> find(const std::string& name);
  // Failure is silent: a full disk makes the next process slower, nothing else.
  void add(const std::string& name, std::string_view payload, std::string_view notes);

 private:
  bool usable();
  void trim();

  const std::string path_;
  const std::uint64_t limit_bytes_;
  std::optional<bool> usable_;              // unknown until first asked
  std::uint64_t added_since_trim_ = ~0ull;  // bytes; the first add() trims
};

// 64 hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace engineroom::jit
