#include "wire/host_buffers.h"

#include <algorithm>
#include <utility>

#include <simdjson.h>

#include "base/json.h"

namespace engineroom::wire {
namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;

// Of a day: longer ones are as good as none, and fit the clock.
constexpr double kMaxPatience = 86'400;

}  // namespace

void write_holder(JsonWriter& w, const HostBuffer::Holder& holder) {
  w.key("engine").value(holder.uuid).key("peer").raw(holder.peer);
  w.key("bytes").value(holder.bytes).key("patience").value(holder.patience);
  if (holder.is_relayed) w.key("relayed").value(true);
}

std::optional<HostBuffer::Holder> read_holder(const element& item) {
  std::string_view uuid;
  element peer;
  HostBuffer::Holder holder;
  if (item["engine"].get(uuid) != SUCCESS || item["bytes"].get(holder.bytes) != SUCCESS ||
      item["patience"].get(holder.patience) != SUCCESS || item["peer"].get(peer) != SUCCESS) {
    return std::nullopt;
  }
  holder.uuid = uuid;
  holder.peer = simdjson::minify(peer);
  holder.patience = std::clamp(holder.patience, 0.0, kMaxPatience);
  if (item["relayed"].get(holder.is_relayed) != SUCCESS) holder.is_relayed = false;
  return holder;
}

std::string to_json(const std::vector<HostBuffer>& buffers) {
  JsonWriter w;
  w.begin_array();
  for (const HostBuffer& buffer : buffers) {
    w.begin_object().key("at").value(std::uint64_t{buffer.at}).key("id").value(buffer.id);
    if (buffer.holder) write_holder(w, *buffer.holder);
    w.end_object();
  }
  return w.end_array().take();
}

std::vector<HostBuffer> read_host_buffers(const simdjson::dom::object& metadata,
                                          std::size_t count) {
  std::vector<HostBuffer> buffers;
  simdjson::dom::array list;
  if (metadata[kHostBuffersKey].get(list) != SUCCESS) return buffers;
  std::vector<bool> is_taken(count);
  for (const element item : list) {
    std::uint64_t at = 0;
    std::string_view id;
    element holder;
    if (item["at"].get(at) != SUCCESS || item["id"].get(id) != SUCCESS) continue;
    if (at >= count || is_taken[at] || !is_host_buffer(id)) continue;
    HostBuffer buffer{static_cast<std::size_t>(at), std::string(id)};
    if (item["engine"].get(holder) == SUCCESS) {
      buffer.holder = read_holder(item);
      if (!buffer.holder) continue;
    }
    is_taken[at] = true;
    buffers.push_back(std::move(buffer));
  }
  return buffers;
}

}  // namespace engineroom::wire
