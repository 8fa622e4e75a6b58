// bindings/client_task.h — Task as Python sees it.
//
// Python holds a handle with the shared pointer in it, not the task itself: that is smaller and
// faster than having the bindings track the pointer, and equal handles compare and hash as one.
#pragma once

#include <string_view>
#include <vector>

#include <nanobind/nanobind.h>

#include "base/bytes.h"
#include "client/task.h"

namespace engineroom::bindings {

struct TaskHandle {
  client::TaskPtr task;
};

void bind_client_task(nanobind::module_& m);

// A list of TaskHandle.
nanobind::list tasks_to_python(const std::vector<client::TaskPtr>& tasks);
// Throws a TypeError if it is no sequence of tasks.
std::vector<client::TaskPtr> tasks_from_python(nanobind::handle sequence);

// Text that arrived from the network: what is not UTF-8 is replaced.
nanobind::str to_str(std::string_view text);
// A list of memoryviews.
nanobind::list memoryviews(const Frames& frames);

// Throws a ValueError if it is none.
client::TaskStatus status_from_python(std::string_view text);

}  // namespace engineroom::bindings
