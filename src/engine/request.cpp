#include "engine/request.h"

#include <utility>

#include <simdjson.h>

namespace engineroom::engine {
namespace {

// In seconds. Longer ones are as good as none, and fit the clock.
constexpr double kLongestLimit = 1e9;

void read_flag(const simdjson::dom::object& metadata, const char* key, bool& flag) {
  bool value = false;
  if (metadata[key].get(value) == simdjson::SUCCESS) flag = value;
}

// "inputs": [{"id": …}, …] of the client, and what the controller added: where they are.
void read_inputs(const simdjson::dom::object& metadata, std::string_view uuid, Request& request) {
  simdjson::dom::array inputs;
  if (metadata["inputs"].get(inputs) != simdjson::SUCCESS) return;
  for (const simdjson::dom::element input : inputs) {
    std::string_view msg_id;
    if (input["id"].get(msg_id) != simdjson::SUCCESS) continue;
    request.inputs.push_back({.msg_id = std::string(msg_id)});
  }
  std::vector<InputPlace> engines;
  simdjson::dom::array list;
  if (metadata["holders"]["engines"].get(list) != simdjson::SUCCESS) return;
  for (const simdjson::dom::element engine : list) {
    std::string_view name;
    simdjson::dom::element peer;
    InputPlace& place = engines.emplace_back();
    if (engine["uuid"].get(name) == simdjson::SUCCESS) place.is_here = name == uuid;
    if (engine["peer"].get(peer) == simdjson::SUCCESS) place.address = simdjson::minify(peer);
  }
  if (metadata["holders"]["at"].get(list) != simdjson::SUCCESS) return;
  auto place = request.inputs.begin();
  for (const simdjson::dom::element item : list) {
    if (place == request.inputs.end()) return;
    std::uint64_t at = 0;
    if (item.get(at) == simdjson::SUCCESS && at < engines.size()) {
      place->address = engines[at].address;
      place->is_here = engines[at].is_here;
    }
    ++place;
  }
}

void read_metadata(const simdjson::dom::object& metadata, Request& request) {
  read_flag(metadata, "is_broadcast", request.is_broadcast);
  read_flag(metadata, "is_coalescing", request.is_coalescing);
  std::string_view original;
  if (metadata["original_msg_id"].get(original) == simdjson::SUCCESS) {
    request.original_msg_id = original;
  }
  simdjson::dom::element label;
  if (metadata["label"].get(label) == simdjson::SUCCESS) {
    request.label_json = simdjson::minify(label);
  }
  simdjson::dom::object resources;
  if (metadata["resources"].get(resources) == simdjson::SUCCESS) {
    request.resources = simdjson::minify(resources);
  }
  double seconds = 0;
  if (metadata["time_limit"].get(seconds) == simdjson::SUCCESS && seconds > 0 &&
      seconds < kLongestLimit) {
    request.time_limit = from_seconds(seconds);
  }
  std::int64_t format = 0;
  request.ours = metadata["engineroom"].get(format) == simdjson::SUCCESS && format == 1;
}

}  // namespace

Result<RequestKind> request_kind(std::string_view msg_type) {
  if (msg_type == "apply_request") return RequestKind::kApply;
  if (msg_type == "execute_request") return RequestKind::kExecute;
  if (msg_type == "clear_request") return RequestKind::kClear;
  if (msg_type == "comm_open" || msg_type == "comm_msg" || msg_type == "comm_close") {
    return RequestKind::kComm;
  }
  return Status(ErrorCode::kNotFound, "no handler for messages of type " + std::string(msg_type));
}

Result<std::shared_ptr<Request>> read_request(wire::Message message, wire::Header header,
                                              RequestKind kind, Channel channel,
                                              std::string_view uuid, JsonReader& reader) {
  auto request = std::make_shared<Request>();
  request->header = std::move(header);
  request->kind = kind;
  request->channel = channel;

  Result<simdjson::dom::element> root = reader.parse(message.metadata.view());
  if (!root.ok()) return root.status();
  simdjson::dom::object metadata;
  if (root.value().get(metadata) != simdjson::SUCCESS) {
    return Status(ErrorCode::kMalformed,
                  "the metadata of " + request->header.msg_type + " is no object");
  }
  read_metadata(metadata, *request);
  read_inputs(metadata, uuid, *request);
  request->host_buffers = wire::read_host_buffers(metadata, message.buffers.size());
  request->message = std::move(message);
  return request;
}

}  // namespace engineroom::engine
