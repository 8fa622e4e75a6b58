// controller/resumption.h — what clients say after the controller was started anew, and before, so
// that they can say it then (docs/dev/journal.md).
//
//   received_notice {"msg_ids":[…]}   these replies are here; the journal need not keep them
//   resume_request {"msg_ids":[…]}    what has become of these? Replies that were sent before, and
//                                     perhaps not received, are sent again; then
//   resume_reply {"unknown":[…],      never came here: the client sends them again
//                 "ended":[…]}        ended, and their replies are not kept: only records have them
//
// All else is with an engine, or waits for one. Threads: the loop thread only.
#pragma once

#include "controller/core.h"

namespace engineroom::controller {

// REQUIRES, both: there is a journal.
void on_received(Core& core, const wire::Message& notice);
void on_resume_requested(Core& core, const wire::Message& request);

}  // namespace engineroom::controller
