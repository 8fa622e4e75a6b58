// jit/header_cache.h — precompiled headers: in this process, on disk, or made now.
//
// An image is named by all that Clang would complain about if it differed: its own version, the
// processor, the flags, the header's path. In the image's notes are size and time of every file
// that went into it; they are compared once per process. A header that is changed under a running
// process counts from the next process on.
//
// Threads: one at a time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "jit/cache_directory.h"
#include "jit/front_end.h"

namespace engineroom::jit {

struct Header {
  CacheEntry image = {};
  std::string identity = {};  // differs if any of its files does
};

class HeaderCache {
 public:
  using Make = std::function<Result<HeaderImage>()>;

  HeaderCache(std::string directory, std::uint64_t limit_bytes)
      : directory_(std::move(directory), limit_bytes) {}

  // The header for this key, by `make` if there is none yet. It stays valid as long as the cache.
  Result<const Header*> find_or_make(const std::string& key, const Make& make);

 private:
  CacheDirectory directory_;
  std::map<std::string, Header> headers_;
};

}  // namespace engineroom::jit
