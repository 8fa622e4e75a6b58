// client/reply_facts.h — the few facts that bookkeeping needs from a message, read out of its JSON.
//
// Pure functions of bytes. A message that lacks a fact is not an error unless nothing can be done
// with it: stock peers of several versions leave out what they do not need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "client/engine_table.h"
#include "client/task.h"
#include "wire/message.h"

namespace engineroom::client {

struct ReplyFacts {
  std::string msg_type;
  std::string parent_id;    // msg_id of the request, as the engine or controller saw it
  std::string original_id;  // metadata.original_msg_id: the request as it was sent, "" if not said
  std::string engine_uuid;  // metadata.engine
  TaskStatus status = TaskStatus::kOk;
  std::optional<bool> idle;       // metadata.idle: no output will follow; only our engines say so
  std::size_t quiet_engines = 0;  // metadata.quiet_engines, of coalesced replies of our controller
  bool is_kept = false;           // metadata.kept: the engine keeps the result until it is told
  bool from_engine = false;       // an engine has made it, not the controller in an engine's place
};
// An error if header or parent header are none.
Result<ReplyFacts> read_reply(const wire::Message& message, JsonReader& reader);

struct OutputFacts {
  std::string msg_type;
  std::string parent_id;    // "" if there is no parent
  std::string stream_name;  // of stream: "stdout" or "stderr"
  std::string stream_text;
  bool says_idle = false;
};
Result<OutputFacts> read_output(const wire::Message& message, JsonReader& reader);

// {"id": 3, "uuid": "…"} of (un)registration notifications.
Result<EngineEntry> read_engine(std::string_view content, JsonReader& reader);
// {"engines": {"3": "uuid", …}} of connection_reply.
Result<std::vector<EngineEntry>> read_engines(std::string_view content, JsonReader& reader);

// "batches" of connection_reply: what requests have in common may come with the first of them only.
bool read_takes_batches(std::string_view content, JsonReader& reader);

// "instance" of connection_reply: which controller it is. "": ipyparallel's do not say.
std::string read_instance(std::string_view content, JsonReader& reader);
// "journal" of connection_reply: the controller keeps one (docs/dev/journal.md).
struct ControllerJournal {
  std::string id;          // "": it keeps none
  std::int64_t start = 0;  // counts the controllers that have gone on with it
  double patience_s = 0;   // how long to wait for the next one
};
ControllerJournal read_journal(std::string_view content, JsonReader& reader);
// The ids in "unknown" and "ended" of resume_reply.
struct Resumed {
  std::vector<std::string> unknown;
  std::vector<std::string> ended;
};
Resumed read_resumed(std::string_view content, JsonReader& reader);

}  // namespace engineroom::client
