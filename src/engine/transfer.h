// engine/transfer.h — a result that comes in pieces: what to ask for next, and where it goes.
//
// Pure. The first piece says how large the frames are, and is all of a small result; then there is
// memory for them, and the rest is asked for, a few pieces ahead (relay.h says how many).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace engineroom::engine {

class Transfer {
 public:
  static constexpr std::uint64_t kFirstBytes = std::uint64_t{64} << 10;
  static constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20;

  struct Range {
    std::uint64_t from = 0;
    std::uint64_t bytes = 0;
  };

  Transfer() { outstanding_.emplace(0, kFirstBytes); }

  bool has_begun() const { return frames_.has_value(); }
  // How large the frames are. False if there is no memory for them. REQUIRES: !has_begun()
  bool begin(std::vector<std::uint64_t> sizes);
  // The next piece that nobody has asked for yet; none if there is no other. REQUIRES: has_begun()
  std::optional<Range> next();
  // False if nobody asked for that piece, or it has another size. REQUIRES: has_begun()
  bool add(std::uint64_t from, std::string_view bytes);
  bool is_done() const { return has_begun() && arrived_ == total_ && outstanding_.empty(); }
  // REQUIRES: is_done()
  Frames take() const;

  // What was asked for and has not come.
  std::vector<Range> outstanding() const;

 private:
  struct Frame {
    std::shared_ptr<char[]> memory;
    std::uint64_t begin = 0;
    std::uint64_t size = 0;
  };

  void write(std::uint64_t from, std::string_view bytes);

  std::optional<std::vector<Frame>> frames_;
  std::uint64_t total_ = 0;
  std::uint64_t asked_ = kFirstBytes;  // up to here
  std::uint64_t arrived_ = 0;
  std::map<std::uint64_t, std::uint64_t> outstanding_;  // from → bytes
};

}  // namespace engineroom::engine
