// wire/signer.h — HMAC-SHA256 over the four JSON frames of a Jupyter message, and the memory of
// those seen.
//
// The signature is lowercase hex HMAC-SHA256 over header, parent_header, metadata, content, in that
// order and as sent; identities and buffers are not signed (reference: Jupyter messaging, "The Wire
// Protocol"). An empty key means unsigned messages with an empty signature frame. The keyed state
// is computed once and copied per message, which is what makes a signature cost about a
// microsecond.
//
// Threads: a Signer belongs to one thread; make one per thread from the same key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace engineroom::wire {

class Signer {
 public:
  explicit Signer(std::string_view key);
  ~Signer();
  Signer(Signer&&) noexcept;
  Signer& operator=(Signer&&) noexcept;

  bool enabled() const { return enabled_; }
  // 64 hex digits, or "" without a key.
  std::string sign(std::string_view header, std::string_view parent_header,
                   std::string_view metadata, std::string_view content);
  // The same as a frame, in one allocation.
  Bytes sign_frame(std::string_view header, std::string_view parent_header,
                   std::string_view metadata, std::string_view content);
  // Constant-time comparison.
  bool verify(std::string_view signature, std::string_view header, std::string_view parent_header,
              std::string_view metadata, std::string_view content);

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool enabled_ = false;
};

// The signatures already accepted, so that a recorded message cannot be played again. Holds the
// last `capacity` digests (default 65,536, as stock peers do), forgetting the oldest first.
//
// Only the first 64 bits of a digest are kept: a fresh message is taken for a replay once in 2^48
// messages with a full memory. 24 bytes per digest, allocated as they come, so that an idle process
// stays small.
class ReplayGuard {
 public:
  explicit ReplayGuard(std::size_t capacity = 65536);
  // False if this signature was seen before, else remembers it. Empty signatures are always fresh.
  bool is_fresh(std::string_view signature);

 private:
  std::size_t slot_of(
      std::uint64_t digest) const;  // where it is, or the empty slot where it belongs
  void erase(std::uint64_t digest);
  void grow();

  std::size_t capacity_;
  // Open addressing with linear probing, at most half full; 0 = empty. Digests are their own hash
  // values.
  std::vector<std::uint64_t> slots_;
  // In order of arrival, so that the oldest is known; once full, next_ is the oldest.
  std::vector<std::uint64_t> ring_;
  std::size_t next_ = 0;
};

}  // namespace engineroom::wire
