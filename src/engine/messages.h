// engine/messages.h — what an engine says, and how that looks on the wire.
//
// Topics, metadata and types are those of ipyparallel engines, so that stock clients understand
// them (reference: docs/dev/engine.md). A MessageMaker belongs to one thread: it counts and signs.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/id.h"
#include "engine/request.h"
#include "wire/message.h"
#include "wire/signer.h"

namespace engineroom::engine {

enum class Outcome { kOk, kError, kAborted };

// The answer to a request.
struct Reply {
  RequestPtr request;
  Outcome outcome = Outcome::kOk;
  std::string started;  // ISO 8601
  // False if the task must be tried on another engine.
  bool dependencies_met = true;
  // No output of this request will follow or has gone before. Said only to clients of ours, who
  // then need no status messages.
  bool silent = true;
  // Further members of the metadata, `,"key":value…`; JSON text.
  std::string more_metadata;
  Bytes content;
  Frames buffers;
  std::size_t bytes() const;  // of the buffers
};

// Something for all who listen to the iopub channel.
struct Publication {
  std::string topic;     // "stdout"; becomes "engine.3.stdout" unless it is `verbatim`
  std::string msg_type;  // "stream"
  Bytes parent;          // header of the request it belongs to; empty = none
  Bytes content;
  Bytes metadata;  // empty = {"engine": uuid}
  Frames buffers;
  bool verbatim = false;
};

Publication make_status(std::string_view state, const Bytes& parent);
Publication make_stream(std::string_view name, std::string_view text, const Bytes& parent);

class MessageMaker {
 public:
  MessageMaker(std::string uuid, std::string_view key);

  const std::string& uuid() const { return ids_.session(); }
  void set_engine_id(int id) { engine_id_ = id; }
  wire::Signer& signer() { return signer_; }

  // A message of our own, not an answer to anything.
  Frames request(std::string_view msg_type, std::string content, Frames buffers = {});
  // An answer to a control message, without an engine's metadata.
  Frames answer(const wire::Message& to, std::string_view msg_type, std::string content,
                Frames buffers = {});
  Frames reply(const Reply& reply);
  Frames publication(const Publication& publication);

 private:
  Bytes next_header(std::string_view msg_type);
  std::string reply_metadata(const Reply& reply) const;

  MessageIdSource ids_;
  wire::Signer signer_;
  int engine_id_ = -1;
  Bytes publication_metadata_;
};

}  // namespace engineroom::engine
