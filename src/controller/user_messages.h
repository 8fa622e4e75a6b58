// controller/user_messages.h — a user's messages on their way in and out: every message id in them
// gets the user's mark, or loses it (user_scope.h).
//
// What names a task in a request: its header, the tasks that it depends on or is given the results
// of (metadata), and the tasks to abort or to release (content). In a reply: its parent's header.
// Pickled buffers name none: they refer to inputs by number.
//
// Text that is not understood is not passed on. Pure.
#pragma once

#include <string_view>

#include "base/json.h"
#include "controller/user_scope.h"
#include "wire/message.h"

namespace engineroom::controller {

// A request to an engine; nothing is checked. `header`: as parsed.
void mark_request(wire::Message& request, const wire::Header& header, std::string_view user,
                  const Scope& scope, JsonReader& reader);
// "msg_ids" of the content, a list or one of them. False if there are none.
bool mark_ids_in_content(wire::Message& request, const Scope& scope, JsonReader& reader);

// A reply, or output, whose parent is the user's. False if it is not.
bool unmark_parent(wire::Message& message, const Scope& scope);
// The id in the header of a user's request, as it is in records.
std::string unmarked_header(std::string_view header, const Scope& scope);

}  // namespace engineroom::controller
