// wire/pieces.h — the frames of a result as one range of bytes, of which pieces are sent.
//
// A result that passes through the controller (controller/result_relay.h) must not fill its memory,
// nor be in the way of others: it goes in pieces, each asked for by who needs it.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/json.h"

namespace engineroom::wire {

// At most `bytes` bytes of all frames, one after the other, from `from` on. No copy if they are of
// one frame.
Bytes cut_piece(const Frames& frames, std::uint64_t from, std::uint64_t bytes);

// "sizes": those of the frames.
void write_sizes(JsonWriter& writer, const Frames& frames);

}  // namespace engineroom::wire
