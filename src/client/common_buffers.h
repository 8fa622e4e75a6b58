// client/common_buffers.h — what the requests of one call have in common is sent with the first of
// them only, if the controller is on another host and takes it that way
// (docs/formats/extensions.md).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace engineroom::client {

struct CommonBuffers {
  // Positions of what only the first request has.
  std::vector<std::size_t> at;
  // What the requests say of it, JSON.
  std::string first_metadata;
  std::string others_metadata;

  // A request in full, as the others are sent: `rest` buffers come after the common ones.
  Frames without(Frames request, std::size_t common, std::size_t rest) const;
};

// Of `count` requests with these buffers in common; `id`: a name for them. None if it is not worth
// it.
std::optional<CommonBuffers> find_common_buffers(const Frames& buffers, std::size_t count,
                                                 std::string_view metadata, std::string_view id);

}  // namespace engineroom::client
