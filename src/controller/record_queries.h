// controller/record_queries.h — db_request: records that match a query, as JSON and buffers.
//
// The reply holds what was asked for of each record, msg_id always; buffers follow behind the
// message, per record those of the request and then those of the result, if their keys were asked
// for.
//
// Threads: the loop thread only.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "controller/json_object.h"
#include "controller/user_scope.h"
#include "store/query.h"
#include "store/store.h"

namespace engineroom::controller {

struct RecordsReply {
  std::string content;
  Frames buffers;
};

// kInvalidArgument names what is wrong with the query or the keys. `checker` is used for texts out
// of the store; `content` must not live in it. Only records of `scope` are found, and ids in the
// query and in the reply are those that its user knows.
Result<RecordsReply> find_records(const store::Store& store, JsonReader& checker,
                                  const JsonObject& content, const Scope& scope);

// `text`, or null if it is no JSON: records hold what came over the wire, and that must not spoil a
// whole reply.
void write_json(JsonWriter& w, JsonReader& checker, std::string_view text);

}  // namespace engineroom::controller
