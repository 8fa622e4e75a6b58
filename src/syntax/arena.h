// syntax/arena.h — memory for the nodes of one tree, freed all at once.
//
// Nodes are small, many, and live and die together. An arena makes allocation a pointer increment
// and, more important, freeing a tree needs no recursion: a chain of a million nodes cannot
// overflow the stack when it is dropped. Hence nodes are trivially destructible, which make()
// checks; lists in nodes are spans of arrays that lie in the same arena.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace engineroom::syntax {

// A list in a node. Elements that are pointers are to nodes of the same tree, and never null unless
// the field says so.
template <typename T>
using List = std::span<const T>;

class Arena {
 public:
  Arena() = default;
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  template <typename T, typename... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>, "an arena runs no destructors");
    return new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }

  template <typename T>
  List<T> list(const std::vector<T>& items) {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    if (items.empty()) return {};
    const std::size_t size = std::span(items).size_bytes();
    T* memory = static_cast<T*>(allocate(size, alignof(T)));
    std::uninitialized_copy(items.begin(), items.end(), memory);
    return {memory, items.size()};
  }

  std::string_view text(std::string_view text) {
    if (text.empty()) return {};
    char* memory = static_cast<char*>(allocate(text.size(), 1));
    std::memcpy(memory, text.data(), text.size());
    return {memory, text.size()};
  }

  std::size_t bytes_used() const { return bytes_used_; }

 private:
  static constexpr std::size_t kChunkBytes = 32u << 10;

  void* allocate(std::size_t size, std::size_t alignment) {
    std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
    if (at + size > capacity_) {
      capacity_ = size > kChunkBytes ? size : kChunkBytes;
      chunks_.push_back(std::make_unique<std::byte[]>(capacity_));
      at = 0;
    }
    used_ = at + size;
    bytes_used_ += size;
    return chunks_.back().get() + at;
  }

  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::size_t used_ = 0;      // in the last chunk
  std::size_t capacity_ = 0;  // of the last chunk
  std::size_t bytes_used_ = 0;
};

}  // namespace engineroom::syntax
