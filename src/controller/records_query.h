// controller/records_query.h — db_request: records that match a query, as JSON and buffers.
//
// The reply holds what was asked for of each record, msg_id always; buffers follow behind the
// message, per record those of the request and then those of the result, if their keys were asked
// for.
//
// Threads: the loop thread only.
#pragma once

#include <memory>
#include <optional>

#include "base/status.h"
#include "controller/json_object.h"
#include "controller/long_query.h"
#include "controller/user_scope.h"

namespace engineroom::controller {

// Only records of `scope` are found, and ids in the query and in the reply are those that its user
// knows.
class RecordsQuery : public LongQuery {
 public:
  // kInvalidArgument names what is wrong with the query or the keys.
  static Result<LongQueryPointer> parse(const JsonObject& content, Scope scope);
  ~RecordsQuery() override;

  std::optional<Answer> step(const Turn& turn) override;

 private:
  struct State;
  explicit RecordsQuery(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace engineroom::controller
