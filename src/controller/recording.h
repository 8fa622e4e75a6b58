// controller/recording.h — from wire messages to the records of the store.
//
// The store is told of every request, where it went, its reply and its output; what it makes of
// that (memory, a database, nothing) is its affair. Nothing here can fail a task: a store that
// refuses only loses the record.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controller/core.h"
#include "store/store.h"
#include "wire/message.h"

namespace engineroom::controller {

// What the controller reads from a reply's metadata.
struct ReplyFacts {
  // "ok", "error" or "aborted"; "error" if the metadata do not say.
  std::string status = "error";
  bool dependencies_met = true;
  std::string started;
  // No output of the task will follow on iopub: only engines of ours say so.
  bool is_idle = false;
};
ReplyFacts read_reply_facts(JsonReader& json, std::string_view metadata);

// The label that the user gave a request in its metadata; empty: none.
std::string label_of(JsonReader& json, const Bytes& metadata);

void record_request(Core& core, store::QueueKind queue, std::string_view msg_id,
                    const wire::Message& request, const wire::Header& header,
                    std::string_view label, Time now);
void record_reply(Core& core, std::string_view msg_id, const wire::Message& reply,
                  const ReplyFacts& facts, std::string_view engine_uuid, Time now);

}  // namespace engineroom::controller
