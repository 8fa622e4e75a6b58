// controller/result_query.h — result_request: what became of certain tasks.
//
// The ids are taken in sorted order, as the client wants the results' buffers. Ids of one step's
// records are read together; large results take more than one step. An id without a record is an
// error for all.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "controller/json_object.h"
#include "controller/long_query.h"
#include "controller/user_scope.h"
#include "store/store.h"

namespace engineroom::controller {

class ResultQuery : public LongQuery {
 public:
  ResultQuery(const JsonObject& content, Scope scope);
  std::optional<Answer> step(const Turn& turn) override;

 private:
  // Of the next ids, those that are pending; the others are to be looked for.
  void take_some(const store::Store& store);
  // True: all of `wanted_` that there are have been found; the rest of it is missing.
  Result<bool> look(const store::Store& store);
  void write(const store::Record& record, JsonReader& checker);
  // A result may be as large as it is.
  bool is_one() const { return completed_.size() + found_.size() <= 1; }
  std::string name(const std::string& inside) const;
  Answer finish();

  Scope scope_;
  bool status_only_;
  std::vector<std::string> msg_ids_;  // as the controller calls them
  std::size_t next_ = 0;
  std::vector<std::string> pending_;
  std::vector<std::string> completed_;
  std::vector<std::string> wanted_;
  std::map<std::string, store::Record> found_;
  std::size_t found_bytes_ = 0;
  std::size_t buffer_bytes_ = 0;
  Frames buffers_;
  JsonWriter w_;
};

}  // namespace engineroom::controller
