// store/selection.h — records that match a query, or have certain ids, read in steps.
//
// A step is a few milliseconds' work, so that whoever takes one per turn of a loop keeps up with
// all else (Store says what a question sees of records that change meanwhile). A query that names
// ids reads these alone: if they are more than one step is for, it first asks for their times, as
// records come in order of submission.
//
// Threads: the store's.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "store/query.h"
#include "store/store.h"

namespace engineroom::store {

class Selection {
 public:
  // The query must outlive it.
  explicit Selection(const Query& query);

  // `visit` gets what matches, in order of submission; if it returns false, that was all.
  Status step(const Store& store, const Store::Visit& visit);
  bool is_done() const { return position_.at_end; }

 private:
  Status list_next(const Store& store);
  Status read_next(const Store& store, const Store::Visit& visit);

  const Query& query_;
  Position position_;
  bool names_ids_ = false;
  // If it does: ids whose times are not known yet; then what there is, in order; and of that what
  // the next step reads.
  std::vector<std::string> unlisted_;
  std::vector<Listed> listed_;
  std::size_t next_ = 0;
  std::vector<std::string> reading_;
};

// Visits some of the records with these ids, in order of submission: as many as one step is for. It
// takes them out of `ids`. True: the rest of `ids` is not there, or `visit` has returned false.
// REQUIRES: kRecordsPerStep ids at most
Result<bool> read_some(const Store& store, std::vector<std::string>& ids,
                       const Store::Visit& visit);

}  // namespace engineroom::store
