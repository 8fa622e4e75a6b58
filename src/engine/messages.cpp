#include "engine/messages.h"

#include <utility>

#include "base/clock.h"
#include "base/json.h"

namespace engineroom::engine {
namespace {

const Bytes& empty_object() {
  static const Bytes kEmpty = Bytes::of_static("{}");
  return kEmpty;
}

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kError:
      return "error";
    case Outcome::kAborted:
      return "aborted";
  }
  return "";
}

// "apply_request" is answered by an "apply_reply".
std::string reply_type(std::string_view msg_type) {
  constexpr std::string_view kSuffix = "_request";
  if (msg_type.ends_with(kSuffix)) msg_type.remove_suffix(kSuffix.size());
  return std::string(msg_type) + "_reply";
}

void append_flag(std::string& out, std::string_view key, bool flag) {
  out += ",\"";
  out += key;
  out += flag ? "\":true" : "\":false";
}

}  // namespace

std::size_t Reply::bytes() const {
  std::size_t sum = 0;
  for (const Bytes& buffer : buffers) sum += buffer.size();
  return sum;
}

Publication make_status(std::string_view state, const Bytes& parent) {
  Publication status;
  status.topic = "status";
  status.msg_type = "status";
  status.parent = parent;
  status.content = Bytes("{\"execution_state\":\"" + std::string(state) + "\"}");
  return status;
}

Publication make_stream(std::string_view name, std::string_view text, const Bytes& parent) {
  JsonWriter json;
  json.begin_object().key("name").value(name).key("text").value(text).end_object();
  Publication stream;
  stream.topic = name;
  stream.msg_type = "stream";
  stream.parent = parent;
  stream.content = Bytes(json.take());
  return stream;
}

MessageMaker::MessageMaker(std::string uuid, std::string_view key)
    : ids_(std::move(uuid)), signer_(key) {
  publication_metadata_ = Bytes("{\"engine\":" + json_quote(ids_.session()) + "}");
}

Frames MessageMaker::request(std::string_view msg_type, std::string content, Frames buffers) {
  wire::Message message;
  message.header = next_header(msg_type);
  message.parent_header = empty_object();
  message.metadata = empty_object();
  message.content = Bytes(std::move(content));
  message.buffers = std::move(buffers);
  return wire::encode(message, signer_);
}

Frames MessageMaker::answer(const wire::Message& to, std::string_view msg_type, std::string content,
                            Frames buffers) {
  wire::Message message;
  message.identities = to.identities;
  message.header = next_header(msg_type);
  message.parent_header = to.header;
  message.metadata = empty_object();
  message.content = Bytes(std::move(content));
  message.buffers = std::move(buffers);
  return wire::encode(message, signer_);
}

Frames MessageMaker::reply(const Reply& reply) {
  wire::Message message;
  message.identities = reply.request->message.identities;
  message.header = next_header(reply_type(reply.request->header.msg_type));
  message.parent_header = reply.request->message.header;
  message.metadata = Bytes(reply_metadata(reply));
  message.content = reply.content;
  message.buffers = reply.buffers;
  return wire::encode(message, signer_);
}

Frames MessageMaker::publication(const Publication& publication) {
  std::string topic = publication.topic;
  if (!publication.verbatim) topic = "engine." + std::to_string(engine_id_) + "." + topic;
  wire::Message message;
  message.identities.push_back(Bytes(std::move(topic)));
  message.header = next_header(publication.msg_type);
  message.parent_header = publication.parent.empty() ? empty_object() : publication.parent;
  message.metadata = publication.metadata.empty() ? publication_metadata_ : publication.metadata;
  message.content = publication.content.empty() ? empty_object() : publication.content;
  message.buffers = publication.buffers;
  return wire::encode(message, signer_);
}

Bytes MessageMaker::next_header(std::string_view msg_type) {
  return wire::make_header(ids_.next(), msg_type, ids_.session(), wire::username(), iso8601_now());
}

std::string MessageMaker::reply_metadata(const Reply& reply) const {
  const Request& request = *reply.request;
  std::string out;
  out.reserve(320 + reply.more_metadata.size());
  out += "{\"started\":\"";
  out += reply.started;
  out += '"';
  append_flag(out, "dependencies_met", reply.dependencies_met);
  out += ",\"engine\":\"";
  out += uuid();
  out += '"';
  append_flag(out, "is_broadcast", request.is_broadcast);
  append_flag(out, "is_coalescing", request.is_coalescing);
  out += ",\"original_msg_id\":";
  append_json_quoted(out, request.original_msg_id);
  out += ",\"label\":";
  out += request.label_json;
  out += ",\"status\":\"";
  out += name_of(reply.outcome);
  out += '"';
  if (request.ours) {
    out += ",\"engineroom\":1";
    append_flag(out, "idle", reply.silent);
  }
  out += reply.more_metadata;
  out += '}';
  return out;
}

}  // namespace engineroom::engine
