// wire/dependency_error.h — the error of a task that could not run because one of its inputs
// failed.
//
// Both the controller (which hears of the failure first) and engines (which may hear of it from
// each other) answer such tasks, and clients chain the errors: what the input raised travels along.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace engineroom::wire {

// {"status":"error","ename":"DependencyError","evalue":…,"traceback":[…],"engine_info":{},"cause":…}
//
// `failure` is the content of the input's own reply. If that failed because of an input, too, the
// cause is the cause of it: however long a chain of tasks is, the first error is what users see.
std::string dependency_error(std::string_view input, std::string_view failure, JsonReader& reader);

}  // namespace engineroom::wire
