// controller/resubmit_query.h — resubmit_request: tasks run again, from their records.
//
// All of them, or none: the records are read first, whole, and then each becomes a task, some of
// them per step.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "controller/json_object.h"
#include "controller/long_query.h"
#include "controller/user_scope.h"
#include "store/record.h"

namespace engineroom::controller {

class ResubmitQuery : public LongQuery {
 public:
  // Runs the task of a record again, and says under which id.
  using Resubmit = std::function<Result<std::string>(const store::Record& record, Time now)>;

  ResubmitQuery(const JsonObject& content, Scope scope, const Resubmit& resubmit);
  std::optional<Answer> step(const Turn& turn) override;

 private:
  // None: it goes on.
  std::optional<Answer> read_next(const store::Store& store);
  // What is wrong with one of them; none: they can all run again.
  std::optional<Answer> check() const;
  std::optional<Answer> submit_next(Time now);

  Scope scope_;
  const Resubmit& resubmit_;
  std::vector<std::string> msg_ids_;  // as the controller calls them
  std::size_t n_read_ = 0;
  std::vector<std::string> reading_;
  std::map<std::string, store::Record> records_;
  std::size_t bytes_ = 0;
  bool is_read_ = false;
  std::size_t n_submitted_ = 0;
  JsonWriter w_;
};

}  // namespace engineroom::controller
