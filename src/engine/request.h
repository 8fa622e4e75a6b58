// engine/request.h — a message that asks this engine's Python to do something, with what replies
// need of it.
//
// Everything a reply repeats is taken out of the request's metadata here, on the I/O thread, so
// that finishing a task parses nothing.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "wire/message.h"

namespace engineroom::engine {

enum class RequestKind { kApply, kExecute, kComm, kClear };

// The socket a request came in on, and its reply goes out on.
enum class Channel { kShell, kControl };

struct Request {
  wire::Message message;
  wire::Header header;
  RequestKind kind = RequestKind::kApply;
  Channel channel = Channel::kShell;

  // From the metadata, repeated in the reply's.
  bool is_broadcast = false;
  bool is_coalescing = false;
  std::string original_msg_id;
  std::string label_json = "null";
  // The client said "engineroom": 1: no status messages if the task prints nothing, and results in
  // our format.
  bool ours = false;

  // A signed answer is expected (comm messages have none).
  bool wants_reply() const { return kind != RequestKind::kComm; }
};

using RequestPtr = std::shared_ptr<const Request>;

// The kind of a request of this message type; kNotFound if it is none that Python handles.
Result<RequestKind> request_kind(std::string_view msg_type);

// kMalformed if the metadata is no object.
Result<RequestPtr> read_request(wire::Message message, wire::Header header, RequestKind kind,
                                Channel channel, JsonReader& reader);

}  // namespace engineroom::engine
