// store/record_text.h — the small parts of a record, laid out in one block of memory.
//
// A record has seven texts and a handful of buffers, most of them short; as strings and vectors
// they would be twenty allocations and several hundred bytes of headers. In one block they cost
// four bytes each, and a record's whole text is freed at once. The layout, each length a 32-bit
// number:
//
//   request:  header, spare, metadata, content, label        (length, bytes)…
//   result:   header, metadata, content                      (length, bytes)…, once finished
//   payload:  request buffers, then result buffers           count, (length | kLarge, bytes)…
//
// `spare` holds the message id and the client's uuid if the header's text does not contain them
// (it nearly always does), so that they can be found without being stored twice. A buffer of
// kSmallFrame or more is not copied: the block has its length and a mark, and the frame itself is
// in a list beside the block. The payload comes last so that it can be cut off.
//
// A block does not change once it is written: copies of a RecordText, and buffers read from it,
// share it, and may go to other threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "store/record.h"

namespace engineroom::store {

inline constexpr std::size_t kSmallFrame = 4096;

class RecordText {
 public:
  // Blocks have a size below this (a record of more is refused with kResourceExhausted).
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 31;

  RecordText() = default;
  // Replaces what it holds by a request. Large buffers are appended to `large`.
  Status set_request(const Request& request, Frames& large);
  // Adds the result of a request.
  Status set_result(const Reply& reply, Frames& large);
  // Forgets the buffers.
  void drop_payload();

  std::string_view msg_id() const { return {block_.get() + id_at_, id_size_}; }
  std::string_view client_uuid() const { return {block_.get() + client_at_, client_size_}; }
  std::size_t size() const { return size_; }
  bool has_payload() const { return size_ > payload_at_ + 2 * sizeof(std::uint32_t); }

  // Fills in the texts and buffers of `record`, which share its memory. REQUIRES: set_request
  void read(const Frames& large, Record& record) const;

 private:
  std::string_view request_part() const { return {block_.get(), request_size_}; }
  std::string_view payload_part() const {
    return {block_.get() + payload_at_, size_ - payload_at_};
  }

  std::shared_ptr<const char[]> block_;
  std::uint32_t size_ = 0;
  std::uint32_t request_size_ = 0;  // where the request's texts end
  std::uint32_t payload_at_ = 0;    // where all texts end
  std::uint32_t id_at_ = 0;
  std::uint32_t id_size_ = 0;
  std::uint32_t client_at_ = 0;
  std::uint32_t client_size_ = 0;
};

}  // namespace engineroom::store
