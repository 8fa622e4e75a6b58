#include "client/common_buffers.h"

#include <cstdint>

#include "base/json.h"
#include "transport/shared_bytes.h"
#include "wire/message.h"

namespace engineroom::client {
namespace {

std::string batch_json(std::string_view id, const std::vector<std::size_t>& at,
                       std::size_t others) {
  JsonWriter w;
  w.begin_object().key("id").value(id).key("at").begin_array();
  for (const std::size_t position : at) w.value(std::uint64_t{position});
  w.end_array();
  if (others > 0) w.key("others").value(std::uint64_t{others});
  return w.end_object().take();
}

}  // namespace

Frames CommonBuffers::without(Frames request, std::size_t common, std::size_t rest) const {
  const std::size_t begin = request.size() - rest - common;
  for (const std::size_t position : at) request[begin + position] = Bytes();
  return request;
}

std::optional<CommonBuffers> find_common_buffers(const Frames& buffers, std::size_t count,
                                                 std::string_view metadata, std::string_view id) {
  if (count < 2) return std::nullopt;
  CommonBuffers common;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    if (transport::is_large(buffers[i])) common.at.push_back(i);
  }
  if (common.at.empty()) return std::nullopt;
  auto first = wire::with_key(metadata, "batch", batch_json(id, common.at, count - 1));
  auto others = wire::with_key(metadata, "batch", batch_json(id, common.at, 0));
  if (!first.ok() || !others.ok()) return std::nullopt;
  common.first_metadata = first.take();
  common.others_metadata = others.take();
  return common;
}

}  // namespace engineroom::client
