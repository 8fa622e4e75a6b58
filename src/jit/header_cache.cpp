#include "jit/header_cache.h"

#include <utility>

#include "jit/notes.h"

namespace engineroom::jit {

Result<const Header*> HeaderCache::find_or_make(const std::string& key, const Make& make) {
  if (const auto found = headers_.find(key); found != headers_.end()) return &found->second;

  const std::string name = sha256_hex(key) + ".pch";
  Header header;
  if (std::optional<CacheEntry> entry = directory_.find(name)) {
    Unpacker notes(entry->notes);
    const std::vector<FileStamp> stamps = unpack_stamps(notes);
    if (notes.ok() && all_current(stamps)) header.image = *std::move(entry);
  }
  if (header.image.mapping == nullptr) {
    Result<HeaderImage> made = make();
    if (!made.ok()) return made.status();
    Packer notes;
    pack_stamps(notes, made.value().inputs);
    directory_.add(name, made.value().bytes, notes.bytes());
    const auto owner = std::make_shared<const std::pair<std::string, std::string>>(
        std::move(made.value().bytes), notes.bytes());
    header.image = {.payload = owner->first, .notes = owner->second, .mapping = owner};
  }
  header.identity = sha256_hex(header.image.notes);
  return &(headers_[key] = std::move(header));
}

}  // namespace engineroom::jit
