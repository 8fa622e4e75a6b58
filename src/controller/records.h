// controller/records.h — the store that the options ask for.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "controller/journal.h"
#include "controller/options.h"
#include "store/store.h"

namespace engineroom::controller {

// Opens the database, if there is to be one; what an earlier controller left pending in it is ended
// with an error there, as nobody works on it any more. If the database cannot be opened (a home on
// a network, a full disk) and nobody asked for one, records are kept in memory, and the log says
// so. `journal`: of an earlier controller, whose work goes on; or null.
Result<std::unique_ptr<store::Store>> make_store(const Options& options,
                                                 const std::string& database_path,
                                                 const Journal* journal);

}  // namespace engineroom::controller
