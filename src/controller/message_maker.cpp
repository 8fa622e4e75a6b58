#include "controller/message_maker.h"

#include <utility>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/json.h"

namespace engineroom::controller {

std::string to_content(const RemoteError& error) {
  JsonWriter w;
  w.begin_object().key("status").value("error");
  w.key("ename").value(error.ename).key("evalue").value(error.evalue);
  w.key("traceback").begin_array().value(error.ename + ": " + error.evalue).end_array();
  w.key("engine_info").begin_object().end_object().end_object();
  return w.take();
}

MessageMaker::MessageMaker(std::string_view client_key, std::string_view engine_key)
    : is_one_key_(client_key == engine_key),
      client_signer_(client_key),
      engine_signer_(engine_key),
      ids_(new_session_id()) {}

wire::Message MessageMaker::compose(Draft draft) {
  wire::Message message;
  message.identities = std::move(draft.identities);
  message.header =
      wire::make_header(ids_.next(), draft.type, ids_.session(), wire::username(), iso8601_now());
  message.parent_header = std::move(draft.parent_header);
  message.metadata = Bytes(std::move(draft.metadata));
  message.content = Bytes(std::move(draft.content));
  message.buffers = std::move(draft.buffers);
  return message;
}

wire::Message MessageMaker::repeat(std::string_view header, std::string_view metadata,
                                   std::string_view content, std::string_view prefix) {
  wire::Message message;
  auto renamed = wire::with_key(header, "msg_id", json_quote(std::string(prefix) + ids_.next()));
  if (renamed.ok()) renamed = wire::with_key(renamed.value(), "date", json_quote(iso8601_now()));
  message.header = Bytes(renamed.ok() ? renamed.take() : std::string(kEmptyObject));
  message.parent_header = Bytes::of_static(kEmptyObject);
  message.metadata = Bytes::copy_of(metadata.empty() ? kEmptyObject : metadata);
  message.content = Bytes::copy_of(content.empty() ? kEmptyObject : content);
  return message;
}

std::string reply_type(std::string_view request_type) {
  constexpr std::string_view kRequest = "_request";
  if (request_type.ends_with(kRequest)) request_type.remove_suffix(kRequest.size());
  return std::string(request_type) + "_reply";
}

std::string reply_metadata(std::string_view status, std::string_view engine_uuid) {
  JsonWriter w;
  w.begin_object().key("status").value(status).key("engine");
  if (engine_uuid.empty()) {
    w.null();
  } else {
    w.value(engine_uuid);
  }
  w.key("date").value(iso8601_now()).end_object();
  return w.take();
}

RemoteError engine_died(std::string_view engine_uuid, std::string_view msg_id) {
  return {"EngineError",
          fmt::format("Engine b'{}' died while running task '{}'", engine_uuid, msg_id)};
}

}  // namespace engineroom::controller
