#include "bindings/client_task.h"

#include <functional>
#include <string>

#include <nanobind/stl/string.h>

#include "bindings/buffers.h"

namespace nb = nanobind;

namespace engineroom::bindings {
namespace {

using client::Output;
using client::Reply;
using client::Task;
using client::TaskStatus;

// The text of a frame of the reply, "{}" while there is none.
template <Bytes Reply::* member>
nb::str reply_text(const TaskHandle& self) {
  const std::shared_ptr<const Reply> reply = self.task->reply();
  return reply != nullptr ? to_str(((*reply).*member).view()) : nb::str("{}");
}

nb::list reply_buffers(const TaskHandle& self) {
  const std::shared_ptr<const Reply> reply = self.task->reply();
  return reply != nullptr ? memoryviews(reply->buffers) : nb::list();
}

// Calls `add` with each output that is not a stream's.
template <typename Add>
nb::list rich_outputs(const TaskHandle& self, Add add) {
  nb::list list;
  for (const Output& output : self.task->outputs()) {
    if (output.msg_type != "stream") list.append(add(output));
  }
  return list;
}

nb::list outputs(const TaskHandle& self) {
  return rich_outputs(self, [](const Output& output) {
    return nb::make_tuple(output.msg_type, to_str(output.content.view()));
  });
}

nb::list output_buffers(const TaskHandle& self) {
  return rich_outputs(self, [](const Output& output) { return memoryviews(output.buffers); });
}

nb::list output_log(const TaskHandle& self) {
  nb::list list;
  for (const Output& output : self.task->outputs())
    list.append(nb::make_tuple(output.msg_type, to_str(output.content.view()), output.received));
  return list;
}

std::string repr(const TaskHandle& self) {
  return "<Task " + self.task->msg_id() + " " + to_string(self.task->status()) + ">";
}

}  // namespace

nb::str to_str(std::string_view text) {
  PyObject* object =
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  if (object == nullptr) nb::raise_python_error();
  return nb::steal<nb::str>(object);
}

nb::list memoryviews(const Frames& frames) {
  nb::list list;
  for (const Bytes& frame : frames) {
    nb::object data = frame_to_python(frame);
    if (PyBytes_Check(data.ptr())) data = nb::steal(PyMemoryView_FromObject(data.ptr()));
    list.append(std::move(data));
  }
  return list;
}

nb::list tasks_to_python(const std::vector<client::TaskPtr>& tasks) {
  nb::list list;
  for (const client::TaskPtr& task : tasks) list.append(TaskHandle{task});
  return list;
}

std::vector<client::TaskPtr> tasks_from_python(nb::handle sequence) {
  std::vector<client::TaskPtr> tasks;
  if (const Py_ssize_t size = PyObject_Size(sequence.ptr()); size >= 0) {
    tasks.reserve(static_cast<std::size_t>(size));
  } else {
    PyErr_Clear();
  }
  for (nb::handle item : sequence) {
    if (!nb::isinstance<TaskHandle>(item)) throw nb::type_error("a sequence of tasks is needed");
    tasks.push_back(nb::inst_ptr<TaskHandle>(item)->task);
  }
  return tasks;
}

TaskStatus status_from_python(std::string_view text) {
  for (TaskStatus status :
       {TaskStatus::kPending, TaskStatus::kOk, TaskStatus::kError, TaskStatus::kAborted}) {
    if (text == client::to_string(status)) return status;
  }
  throw nb::value_error("status must be 'pending', 'ok', 'error' or 'aborted'");
}

void bind_client_task(nb::module_& m) {
  using Handle = const TaskHandle&;
  nb::class_<TaskHandle>(m, "Task", nb::is_weak_referenceable())
      .def_prop_ro("msg_id", [](Handle self) { return self.task->msg_id(); })
      .def_prop_ro("msg_type", [](Handle self) { return self.task->origin().msg_type; })
      .def_prop_ro("engine_uuid", [](Handle self) { return self.task->engine_uuid(); })
      .def_prop_ro("status", [](Handle self) { return client::to_string(self.task->status()); })
      .def_prop_ro("done", [](Handle self) { return self.task->done(); })
      .def_prop_ro("output_done", [](Handle self) { return self.task->output_done(); })
      .def_prop_ro("metadata", &reply_text<&Reply::metadata>)
      .def_prop_ro("content", &reply_text<&Reply::content>)
      .def_prop_ro("header", &reply_text<&Reply::header>)
      .def_prop_ro("request_metadata",
                   [](Handle self) { return to_str(*self.task->origin().metadata); })
      .def_prop_ro("buffers", &reply_buffers)
      .def_prop_ro("submitted", [](Handle self) { return self.task->origin().submitted; })
      .def_prop_ro("received", [](Handle self) { return self.task->received(); })
      .def_prop_ro("sent", [](Handle self) { return self.task->sent(); })
      .def_prop_ro("stdout", [](Handle self) { return to_str(self.task->stream_text("stdout")); })
      .def_prop_ro("stderr", [](Handle self) { return to_str(self.task->stream_text("stderr")); })
      .def_prop_ro("outputs", &outputs)
      .def_prop_ro("output_log", &output_log)
      .def_prop_ro("output_buffers", &output_buffers)
      .def("release", [](Handle self) { self.task->release(); })
      .def("__eq__",
           [](Handle self, nb::handle other) {
             return nb::isinstance<TaskHandle>(other) &&
                    nb::inst_ptr<TaskHandle>(other)->task == self.task;
           })
      .def("__hash__", [](Handle self) { return std::hash<client::TaskPtr>()(self.task) >> 4; })
      .def("__repr__", &repr);
}

}  // namespace engineroom::bindings
