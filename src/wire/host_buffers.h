// wire/host_buffers.h — large buffers that a host is sent once, for all of its engines: what a
// request says of those that it has, or would have.
//
// The controller sends such a buffer to one engine, with a name; the requests of the others of that
// host have the name in its place (docs/dev/host_buffers.md). It says so in the metadata, which are
// signed, and not in the frame, where any bytes are data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace simdjson::dom {
class element;
class object;
}  // namespace simdjson::dom

namespace engineroom::wire {

struct HostBuffer {
  // Who has it, if the message does not.
  struct Holder {
    std::string uuid;
    // As its registration says (JSON).
    std::string peer;
    std::uint64_t bytes = 0;
    // In seconds: then it is asked for elsewhere.
    double patience = 0;
    // It gets the bytes from the controller, piece by piece, in the place of one that failed; and
    // begins to when it is asked for them, if it has not.
    bool is_relayed = false;
  };

  // Among the message's buffers; an empty frame if there is a holder.
  std::size_t at = 0;
  std::string id;
  std::optional<Holder> holder = {};
};

inline constexpr std::string_view kHostBuffersKey = "host_buffers";

// What ids begin with, by which they are told from those of tasks.
inline constexpr std::string_view kHostBufferPrefix = "buffer-";
inline bool is_host_buffer(std::string_view id) { return id.starts_with(kHostBufferPrefix); }

// Into an object that is open, and out of one; nullopt if it is none.
void write_holder(JsonWriter& w, const HostBuffer::Holder& holder);
std::optional<HostBuffer::Holder> read_holder(const simdjson::dom::element& item);

// The value of kHostBuffersKey.
std::string to_json(const std::vector<HostBuffer>& buffers);
// What makes no sense in a message of `count` buffers is left out.
std::vector<HostBuffer> read_host_buffers(const simdjson::dom::object& metadata, std::size_t count);

}  // namespace engineroom::wire
