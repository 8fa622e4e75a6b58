// base/bytes.h — an immutable, reference-counted range of bytes: one frame of a message.
//
// A frame is received once, looked at by several parts (signature check, routing, store) and sent
// on. Copying a Bytes copies a pointer and a count, never the payload, so "no copy of a buffer that
// is only passed on" holds by construction. The owner is type-erased: it may be a string, a vector,
// a ZeroMQ message or a Python buffer, whatever keeps the memory alive.
//
// Threads: a Bytes value belongs to one thread at a time; the bytes behind it never change, so
// copies may live on different threads. The owner's deleter runs on whichever thread drops the last
// copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engineroom {

class Bytes {
 public:
  Bytes() = default;

  // Takes the text over without copying it.
  explicit Bytes(std::string text) {
    auto owner = std::make_shared<const std::string>(std::move(text));
    data_ = owner->data();
    size_ = owner->size();
    owner_ = std::move(owner);
  }

  // A view of memory that `owner` keeps alive.
  Bytes(std::shared_ptr<const void> owner, const void* data, std::size_t size)
      : owner_(std::move(owner)), data_(static_cast<const char*>(data)), size_(size) {}

  static Bytes copy_of(std::string_view text) { return Bytes(std::string(text)); }

  // For string literals and other memory that outlives the program's use of it; nothing is owned.
  static Bytes of_static(std::string_view text) { return Bytes(nullptr, text.data(), text.size()); }

  const char* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }
  std::string str() const { return std::string(view()); }
  const std::shared_ptr<const void>& owner() const { return owner_; }

  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view() == b.view(); }
  friend bool operator==(const Bytes& a, std::string_view b) { return a.view() == b; }

 private:
  std::shared_ptr<const void> owner_;
  const char* data_ = "";
  std::size_t size_ = 0;
};

// The frames of one multipart message, in order.
using Frames = std::vector<Bytes>;

}  // namespace engineroom
