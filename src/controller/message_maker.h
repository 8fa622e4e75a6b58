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
#include "controller/channels.h"
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
  // HMAC keys; empty = unsigned
  MessageMaker(std::string_view client_key, std::string_view engine_key);

  const std::string& session() const { return ids_.session(); }
  wire::Signer& signer(Side side) {
    return side == Side::kClients ? client_signer_ : engine_signer_;
  }
  // Messages of one side are signed as those of the other are.
  bool is_one_key() const { return is_one_key_; }
  // A message not signed yet, and the same signed and laid out.
  wire::Message compose(Draft draft);
  // The same request under a new id and date, with the session that asked first; not signed yet. If
  // a part is no JSON object it is an empty one. `prefix`: of the id, whose it is.
  wire::Message repeat(std::string_view header, std::string_view metadata, std::string_view content,
                       std::string_view prefix);
  Frames seal(const wire::Message& message, Side to) { return wire::encode(message, signer(to)); }
  Frames make(Draft draft, Side to) { return seal(compose(std::move(draft)), to); }
  // A message of the other side, which was verified when it came, passed on.
  Frames relay(const wire::Message& message, Side to) {
    return is_one_key_ ? wire::join(message) : seal(message, to);
  }

 private:
  bool is_one_key_;
  wire::Signer client_signer_;
  wire::Signer engine_signer_;
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
