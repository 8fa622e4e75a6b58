// controller/history_query.h — history_request: the ids of all records, in order of submission.
#pragma once

#include <optional>

#include "base/json.h"
#include "controller/long_query.h"
#include "controller/user_scope.h"
#include "store/store.h"

namespace engineroom::controller {

class HistoryQuery : public LongQuery {
 public:
  explicit HistoryQuery(Scope scope);
  std::optional<Answer> step(const Turn& turn) override;

 private:
  Scope scope_;
  store::Position position_;
  JsonWriter w_;
};

}  // namespace engineroom::controller
