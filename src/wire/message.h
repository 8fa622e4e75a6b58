// wire/message.h — the Jupyter message: identities, delimiter, signature, four JSON frames, raw
// buffers.
//
//   [identity…] "<IDS|MSG>" signature header parent_header metadata content [buffer…]
//
// decode() and encode() are pure functions over bytes; no sockets, no clock. The JSON frames stay
// text: whoever only routes a message never pays for parsing more than the header. Golden frames
// recorded from a stock peer are in wire/testdata; the fuzz targets are fuzz/wire_decode_fuzz.cpp
// and fuzz/wire_encode_fuzz.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/status.h"
#include "wire/signer.h"

namespace engineroom::wire {

inline constexpr std::string_view kDelimiter = "<IDS|MSG>";
inline constexpr std::string_view kProtocolVersion = "5.3";

// What decode() accepts; beyond it is a kResourceExhausted error.
struct Limits {
  std::size_t max_json_bytes = 64u << 20;  // each of the four JSON frames
  std::size_t max_json_depth = 200;
  std::size_t max_frames = 100'000;
  std::size_t max_identities = 16;
};

struct Message {
  Frames identities;  // routing prefix, outermost first
  Bytes signature;    // as received; filled in by encode()
  Bytes header;       // JSON objects, as sent
  Bytes parent_header;
  Bytes metadata;
  Bytes content;
  Frames buffers;  // not signed, never looked at by the controller
};

// The fields of a header that routing needs. Views into strings owned by this struct.
struct Header {
  std::string msg_id;
  std::string msg_type;
  std::string session;
  std::string username;
  std::string date;
  std::string version;
};

// Splits frames at the delimiter and checks counts and sizes. Does not verify the signature.
Result<Message> split(Frames frames, const Limits& limits = {});

// split() plus signature check, replay check (if `replays` is given) and JSON depth limits.
Result<Message> decode(Frames frames, Signer& signer, ReplayGuard* replays,
                       const Limits& limits = {});

// Parses a header frame. An error if it is no object, has no msg_id or msg_type, or its version is
// not 5.x. An empty object ({}), legal for parent headers, gives a Header with empty fields when
// `allow_empty`.
Result<Header> parse_header(std::string_view json, bool allow_empty = false);

// Signs and lays out; the message's `signature` is ignored and replaced.
Frames encode(const Message& message, Signer& signer);

// The inverse of split(): lays out with the signature the message came with. For relays that pass a
// message on unchanged but for its identities.
Frames join(const Message& message);

// A header for a new message:
// {"msg_id":…,"msg_type":…,"username":…,"session":…,"date":…,"version":"5.3"}.
Bytes make_header(std::string_view msg_id, std::string_view msg_type, std::string_view session,
                  std::string_view username, std::string_view date);

// The user's login name, for headers ("username" if unknown).
const std::string& username();

// A copy of the JSON object `json` with top-level `key` set to `value_json` (added at the end if
// absent). An error if `json` is no object.
Result<std::string> with_key(std::string_view json, std::string_view key,
                             std::string_view value_json);

}  // namespace engineroom::wire
