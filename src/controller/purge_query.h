// controller/purge_query.h — purge_request: records go.
//
// Those with certain ids, or all; and then those of certain engines. If one of the ids is pending,
// nothing is removed. What is not there is ignored, as in ipyparallel.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "controller/json_object.h"
#include "controller/long_query.h"
#include "controller/user_scope.h"
#include "store/store.h"

namespace engineroom::controller {

class PurgeQuery : public LongQuery {
 public:
  struct Engines {
    std::vector<std::string> uuids;
    std::string error;  // an engine was named that is not there
  };

  PurgeQuery(const JsonObject& content, Engines engines, Scope scope);
  std::optional<Answer> step(const Turn& turn) override;

 private:
  std::optional<Answer> purge_all(store::Store& store);
  std::optional<Answer> check_some(const store::Store& store);
  void purge_some(store::Store& store);
  Answer purge_engines(store::Store& store);

  Scope scope_;
  bool is_all_;
  Engines engines_;
  std::vector<std::string> msg_ids_;  // as the controller calls them
  std::size_t n_checked_ = 0;
  std::size_t n_purged_ = 0;
  store::Position position_;  // of all
};

}  // namespace engineroom::controller
