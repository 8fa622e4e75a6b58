// controller/restored_records.h — what the journal of an earlier controller knows and the records
// may not: requests that have no reply yet, and those that ended in its last seconds, which may not
// have been written.
#pragma once

#include "controller/journal.h"
#include "store/store.h"

namespace engineroom::controller {

// REQUIRES: nothing has been told to this store yet.
void restore_records(store::Store& store, const Journal& journal);

}  // namespace engineroom::controller
