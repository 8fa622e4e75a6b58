// controller/message_maker.h — the messages that the controller itself writes: replies,
// notifications, errors.
//
// Threads: the loop thread only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/id.h"
#include "wire/message.h"
#include "wire/signer.h"

namespace engineroom::controller {

// An error as clients unwrap it. `ename` is the name of the exception class that the user sees.
struct RemoteError {
  std::string ename;
  std::string evalue;
};
// {"status":"error","ename":…,"evalue":…,"traceback":[…],"engine_info":{}}
std::string to_content(const RemoteError& error);

inline constexpr std::string_view kEmptyObject = "{}";

struct Draft {
  Frames identities;
  std::string_view type;
  // The header of the request it answers, "{}" if none.
  Bytes parent_header = Bytes::of_static(kEmptyObject);
  std::string metadata = std::string(kEmptyObject);
  std::string content = std::string(kEmptyObject);
  Frames buffers = {};
};

class MessageMaker {
 public:
  explicit MessageMaker(std::string_view key);

  const std::string& session() const { return ids_.session(); }
  wire::Signer& signer() { return signer_; }
  // A message not signed yet, and the same signed and laid out.
  wire::Message compose(Draft draft);
  // The same request under a new id and date, with the session that asked first; not signed yet. If
  // a part is no JSON object it is an empty one.
  wire::Message repeat(std::string_view header, std::string_view metadata,
                       std::string_view content);
  Frames seal(const wire::Message& message) { return wire::encode(message, signer_); }
  Frames make(Draft draft) { return seal(compose(std::move(draft))); }

 private:
  wire::Signer signer_;
  MessageIdSource ids_;
};

// "apply_request" → "apply_reply".
std::string reply_type(std::string_view request_type);

// The metadata of a reply in an engine's stead: {"status":…,"engine":…,"date":…}. An empty uuid
// becomes null.
std::string reply_metadata(std::string_view status, std::string_view engine_uuid);

// "Engine b'<uuid>' died while running task '<id>'", the text that users of ipyparallel know.
RemoteError engine_died(std::string_view engine_uuid, std::string_view msg_id);

}  // namespace engineroom::controller
