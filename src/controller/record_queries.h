// controller/record_queries.h — db_request: records that match a query, as JSON and buffers.
//
// The reply holds what was asked for of each record, msg_id always; buffers follow behind the
// message, per record those of the request and then those of the result, if their keys were asked
// for.
//
// Threads: the loop thread only.
#pragma once

#include <cstddef>
#include <memory>
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

// A db_request that is being answered, some of the records at a time. Only those of `scope` are
// found, and ids in the query and in the reply are those that its user knows.
class RecordsQuery {
 public:
  // A reply is no larger: it is held in memory, here and by whoever asked.
  static constexpr std::size_t kMaxReplyBytes = std::size_t{512} << 20;

  // kInvalidArgument names what is wrong with the query or the keys.
  static Result<RecordsQuery> parse(const JsonObject& content, Scope scope);
  RecordsQuery(RecordsQuery&&) noexcept;
  RecordsQuery& operator=(RecordsQuery&&) noexcept;
  ~RecordsQuery();

  // Looks at some more. `checker` is used for texts out of the store. kResourceExhausted: too much.
  Status step(const store::Store& store, JsonReader& checker);
  bool is_done() const;
  RecordsReply finish();

 private:
  struct State;
  explicit RecordsQuery(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// `text`, or null if it is no JSON: records hold what came over the wire, and that must not spoil a
// whole reply.
void write_json(JsonWriter& w, JsonReader& checker, std::string_view text);

}  // namespace engineroom::controller
