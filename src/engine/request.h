// engine/request.h — a message that asks this engine's Python to do something, with what replies
// need of it.
//
// Everything a reply repeats is taken out of the request's metadata here, on the I/O thread, so
// that finishing a task parses nothing.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"
#include "engine/result_shelf.h"
#include "wire/host_buffers.h"
#include "wire/message.h"

namespace engineroom::engine {

enum class RequestKind { kApply, kExecute, kComm, kClear };

// The socket a request came in on, and its reply goes out on.
enum class Channel { kShell, kControl };

// Where a result is that a request is given.
struct InputPlace {
  std::string msg_id;
  // Of the engine that has it, as its registration said (JSON); empty: nobody knows.
  std::string address = {};
  bool is_here = false;  // that engine is this one
};

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
  // The results that it is given, where they are, and (once they are here) what they are.
  std::vector<InputPlace> inputs;
  std::vector<KeptPtr> input_results;

  // Of its buffers, those that other engines of this host are given, too. What has a holder is not
  // here yet.
  std::vector<wire::HostBuffer> host_buffers;

  // What it demands of the engine, as JSON; empty: nothing.
  std::string resources;

  // How long Python may take for it; zero: as long as it likes.
  Duration time_limit{};

  // A signed answer is expected (comm messages have none).
  bool wants_reply() const { return kind != RequestKind::kComm; }
};

using RequestPtr = std::shared_ptr<const Request>;

// The kind of a request of this message type; kNotFound if it is none that Python handles.
Result<RequestKind> request_kind(std::string_view msg_type);

// kMalformed if the metadata is no object. `uuid`: of this engine.
Result<std::shared_ptr<Request>> read_request(wire::Message message, wire::Header header,
                                              RequestKind kind, Channel channel,
                                              std::string_view uuid, JsonReader& reader);

}  // namespace engineroom::engine
