#include "engine/request.h"

#include <utility>

namespace engineroom::engine {
namespace {

void read_flag(const simdjson::dom::object& metadata, const char* key, bool& flag) {
  bool value = false;
  if (metadata[key].get(value) == simdjson::SUCCESS) flag = value;
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

Result<RequestPtr> read_request(wire::Message message, wire::Header header, RequestKind kind,
                                Channel channel, JsonReader& reader) {
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
  request->message = std::move(message);
  return RequestPtr(std::move(request));
}

}  // namespace engineroom::engine
