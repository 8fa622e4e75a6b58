#include "bindings/client.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bindings/buffers.h"
#include "bindings/client_task.h"
#include "bindings/gil.h"
#include "client/session.h"

namespace nb = nanobind;

namespace engineroom::bindings {
namespace {

// Submitting a buffer may copy it. Below this, letting go of the interpreter's lock takes longer.
constexpr std::size_t kLongCopyBytes = 65536;

using client::Route;
using client::Task;
using client::WaitMode;
using client::WaitResult;

// ---- borders ----

[[noreturn]] void raise(const Status& status) {
  PyObject* type = PyExc_RuntimeError;
  if (status.code() == ErrorCode::kTimeout) type = PyExc_TimeoutError;
  if (status.code() == ErrorCode::kUnavailable || status.code() == ErrorCode::kClosed)
    type = PyExc_ConnectionError;
  if (status.code() == ErrorCode::kInvalidArgument) type = PyExc_ValueError;
  // An interrupt leaves the signal's own exception behind.
  if (PyErr_Occurred() == nullptr) PyErr_SetString(type, status.message().c_str());
  throw nb::python_error();
}

// Only the main thread runs signal handlers, so only it needs to look for signals.
client::Interrupt interrupt_of_this_thread() {
  if (getpid() != static_cast<pid_t>(syscall(SYS_gettid))) return {};
  return [] {
    const nb::gil_scoped_acquire acquired;
    return PyErr_CheckSignals() != 0;
  };
}

// Runs a wait without Python's lock. True if it is over because its condition holds.
template <typename Wait>
bool wait_without_lock(Wait wait) {
  const client::Interrupt interrupt = interrupt_of_this_thread();
  WaitResult result;
  {
    const GilReleased released;
    result = wait(interrupt);
  }
  if (result == WaitResult::kInterrupted) throw nb::python_error();
  ReleaseQueue::instance().release_all();
  return result == WaitResult::kReady;
}

Route route_from_python(std::string_view text) {
  if (text == "direct") return Route::kDirect;
  if (text == "balanced") return Route::kBalanced;
  if (text == "broadcast") return Route::kBroadcast;
  if (text == "control") return Route::kControl;
  throw nb::value_error("route must be 'direct', 'balanced', 'broadcast' or 'control'");
}

WaitMode mode_from_python(std::string_view text) {
  if (text == "all") return WaitMode::kAll;
  if (text == "any") return WaitMode::kAny;
  if (text == "first_error") return WaitMode::kFirstError;
  throw nb::value_error("mode must be 'all', 'any' or 'first_error'");
}

Task::Until until(bool outputs) {
  return outputs ? Task::Until::kOutputDone : Task::Until::kReplied;
}

// ---- events ----

struct EventToPython {
  nb::object operator()(const client::TasksDone& event) const {
    return nb::make_tuple("done", event.token);
  }
  nb::object operator()(const client::TaskDone& event) const {
    return nb::make_tuple("task", event.token, event.index);
  }
  nb::object operator()(const client::TaskOutput& event) const {
    return nb::make_tuple("output", event.token, event.index, event.msg_type,
                          to_str(event.content.view()));
  }
  nb::object operator()(const client::EngineJoined& event) const {
    return nb::make_tuple("engine", "joined", event.id, event.uuid);
  }
  nb::object operator()(const client::EngineLeft& event) const {
    return nb::make_tuple("engine", "left", event.id, event.uuid);
  }
  nb::object operator()(const client::CommMessage& event) const {
    return nb::make_tuple("comm", event.msg_type, to_str(event.header.view()),
                          to_str(event.content.view()), to_str(event.metadata.view()),
                          memoryviews(event.buffers));
  }
  nb::object operator()(const client::SessionLost& event) const {
    return nb::make_tuple("lost", event.reason);
  }
  nb::object operator()(const client::SessionClosed&) const { return nb::make_tuple("closed"); }
};

// ---- the session ----

class PySession {
 public:
  PySession(const std::string& connection_json, double timeout, std::string username, bool debug) {
    Result<wire::ConnectionInfo> info =
        wire::parse_connection_info(connection_json, wire::Role::kClient);
    if (!info.ok()) raise(info.status());
    const client::SessionOptions options = {
        .timeout_s = timeout, .username = std::move(username), .debug = debug};
    const client::Interrupt interrupt = interrupt_of_this_thread();
    std::optional<Result<std::unique_ptr<client::Session>>> result;
    {
      const GilReleased released;
      result = client::Session::connect(info.value(), options, interrupt);
    }
    if (!result->ok()) raise(result->status());
    session_ = result->take();
  }

  ~PySession() {
    if (session_ == nullptr) return;
    const GilReleased released;
    session_.reset();
  }

  PySession(const PySession&) = delete;
  PySession& operator=(const PySession&) = delete;

  client::Session& native() { return *session_; }

  // ---- requests ----

  TaskHandle submit(const std::string& route, std::string target, std::string msg_type,
                    std::string metadata, std::string content, nb::handle buffers,
                    bool expect_reply, nb::handle inputs) {
    ReleaseQueue::instance().release_all();
    client::Request request = {.route = route_from_python(route),
                               .target = std::move(target),
                               .msg_type = std::move(msg_type),
                               .metadata = std::move(metadata),
                               .content = std::move(content),
                               .buffers = frames_from_python(buffers),
                               .expect_reply = expect_reply,
                               .inputs = tasks_from_python(inputs)};
    const bool takes_long = std::any_of(request.buffers.begin(), request.buffers.end(),
                                        [](const Bytes& b) { return b.size() > kLongCopyBytes; });
    if (!takes_long) return {session_->submit(std::move(request))};
    const GilReleased released;
    return {session_->submit(std::move(request))};
  }

  nb::list submit_many(const std::string& route, std::vector<std::string> targets,
                       std::string msg_type, std::string metadata, std::string content,
                       nb::handle shared_buffers, nb::handle own_buffers) {
    ReleaseQueue::instance().release_all();
    client::RequestBatch batch = {.route = route_from_python(route),
                                  .targets = std::move(targets),
                                  .msg_type = std::move(msg_type),
                                  .metadata = std::move(metadata),
                                  .content = std::move(content),
                                  .shared_buffers = frames_from_python(shared_buffers),
                                  .own_buffers = {}};
    for (nb::handle buffers : own_buffers) batch.own_buffers.push_back(frames_from_python(buffers));
    Result<std::vector<client::TaskPtr>> tasks = [&] {
      const GilReleased released;
      return session_->submit_many(std::move(batch));
    }();
    if (!tasks.ok()) raise(tasks.status());
    return tasks_to_python(tasks.value());
  }

  nb::list submit_broadcast(const std::vector<std::pair<std::string, std::int64_t>>& targets,
                            std::string msg_type, std::string metadata, std::string content,
                            nb::handle buffers, bool coalescing) {
    ReleaseQueue::instance().release_all();
    std::vector<client::EngineEntry> engines;
    engines.reserve(targets.size());
    for (const auto& [uuid, id] : targets) engines.push_back({id, uuid});
    client::Request request = {.route = Route::kBroadcast,
                               .target = {},
                               .msg_type = std::move(msg_type),
                               .metadata = std::move(metadata),
                               .content = std::move(content),
                               .buffers = frames_from_python(buffers)};
    Result<std::vector<client::TaskPtr>> tasks = [&] {
      const GilReleased released;
      return session_->submit_broadcast(engines, std::move(request), coalescing);
    }();
    if (!tasks.ok()) raise(tasks.status());
    return tasks_to_python(tasks.value());
  }

  nb::tuple query(const std::string& msg_type, std::string content, double timeout) {
    const client::Interrupt interrupt = interrupt_of_this_thread();
    Result<std::shared_ptr<const client::Reply>> reply = [&] {
      const GilReleased released;
      return session_->query(msg_type, std::move(content), timeout, interrupt);
    }();
    if (!reply.ok()) raise(reply.status());
    return nb::make_tuple(reply.value()->msg_type, to_str(reply.value()->content.view()),
                          memoryviews(reply.value()->buffers));
  }

  // ---- waiting ----

  bool wait(nb::handle tasks, double timeout, const std::string& mode, bool outputs) {
    const std::vector<client::TaskPtr> list = tasks_from_python(tasks);
    const WaitMode wait_mode = mode_from_python(mode);
    return wait_without_lock([&](const client::Interrupt& interrupt) {
      return session_->wait(list, timeout, wait_mode, until(outputs), interrupt);
    });
  }

  bool wait_for_engines(std::size_t n, double timeout) {
    return wait_without_lock([&](const client::Interrupt& interrupt) {
      return session_->wait_for_engines(n, timeout, interrupt);
    });
  }

  nb::object next_event(double timeout) {
    std::optional<client::Event> event;
    wait_without_lock([&](const client::Interrupt& interrupt) {
      bool stopped = false;
      const client::Interrupt noted = [&] { return stopped = interrupt(); };
      event = session_->events().next(client::deadline_after(timeout),
                                      interrupt ? noted : client::Interrupt());
      return stopped ? WaitResult::kInterrupted : WaitResult::kReady;
    });
    return event ? std::visit(EventToPython(), *event) : nb::object(nb::none());
  }

  // ---- tasks by id ----

  std::optional<TaskHandle> find(const std::string& msg_id) {
    client::TaskPtr task = session_->find(msg_id);
    if (task == nullptr) return std::nullopt;
    return TaskHandle{std::move(task)};
  }

  void finish(const TaskHandle& handle, const std::string& status, std::string header,
              std::string metadata, std::string content, nb::handle buffers) {
    Task::Completion completion;
    completion.status = status_from_python(status);
    completion.reply.header = Bytes(std::move(header));
    completion.reply.metadata = Bytes(std::move(metadata));
    completion.reply.content = Bytes(std::move(content));
    completion.reply.buffers = frames_from_python(buffers);
    session_->finish(handle.task, std::move(completion));
  }

  void close(double linger) {
    {
      const GilReleased released;
      session_->close(linger);
    }
    ReleaseQueue::instance().release_all();
  }

 private:
  std::unique_ptr<client::Session> session_;
};

std::size_t count_done(PySession& /*self*/, nb::handle tasks) {
  std::size_t n = 0;
  for (const client::TaskPtr& task : tasks_from_python(tasks)) n += task->done() ? 1 : 0;
  return n;
}

nb::bytes key_of(PySession& self) {
  const std::string& key = self.native().key();
  return nb::bytes(key.data(), key.size());
}

}  // namespace

void bind_client(nb::module_& m) {
  using nb::literals::operator""_a;
  bind_client_task(m);

  nb::class_<PySession>(m, "Session", nb::is_weak_referenceable())
      .def(nb::init<const std::string&, double, std::string, bool>(), "connection_json"_a,
           nb::kw_only(), "timeout"_a = 10.0, "username"_a = "", "debug"_a = false)
      .def_prop_ro("session", [](PySession& self) { return self.native().id(); })
      .def_prop_ro("key", &key_of)
      .def_prop_ro("closed", [](PySession& self) { return self.native().closed(); })
      .def_prop_ro("lost", [](PySession& self) { return self.native().lost(); })
      .def("engines", [](PySession& self) { return self.native().engines(); })
      .def("engines_version", [](PySession& self) { return self.native().engines_version(); })
      .def(
          "uuid_of", [](PySession& self, std::int64_t id) { return self.native().uuid_of(id); },
          "engine_id"_a)
      .def(
          "id_of",
          [](PySession& self, const std::string& uuid) { return self.native().id_of(uuid); },
          "engine_uuid"_a)
      .def("submit", &PySession::submit, "route"_a, "target"_a, "msg_type"_a, "metadata"_a,
           "content"_a, "buffers"_a, nb::kw_only(), "expect_reply"_a = true,
           "inputs"_a = nb::make_tuple())
      .def("submit_many", &PySession::submit_many, "route"_a, "targets"_a, "msg_type"_a,
           "metadata"_a, "content"_a, "shared_buffers"_a, "own_buffers"_a)
      .def("submit_broadcast", &PySession::submit_broadcast, "targets"_a, "msg_type"_a,
           "metadata"_a, "content"_a, "buffers"_a, "coalescing"_a)
      .def("query", &PySession::query, "msg_type"_a, "content"_a, "timeout"_a = -1.0)
      .def("wait", &PySession::wait, "tasks"_a, "timeout"_a = -1.0, "mode"_a = "all",
           "outputs"_a = false)
      .def("count_done", &count_done, "tasks"_a)
      .def("outstanding", [](PySession& self) { return self.native().outstanding(); })
      .def("find", &PySession::find, "msg_id"_a)
      .def(
          "adopt",
          [](PySession& self, const std::string& msg_id) {
            return TaskHandle{self.native().adopt(msg_id)};
          },
          "msg_id"_a)
      .def("finish", &PySession::finish, "task"_a, "status"_a, "header"_a, "metadata"_a,
           "content"_a, "buffers"_a)
      .def(
          "watch",
          [](PySession& self, nb::handle tasks, std::int64_t token, bool outputs) {
            self.native().watches().watch(tasks_from_python(tasks), token, until(outputs));
          },
          "tasks"_a, "token"_a, "outputs"_a = false)
      .def(
          "watch_each",
          [](PySession& self, nb::handle tasks, std::int64_t token) {
            self.native().watches().watch_each(tasks_from_python(tasks), token);
          },
          "tasks"_a, "token"_a)
      .def(
          "watch_output",
          [](PySession& self, nb::handle tasks, std::int64_t token) {
            self.native().watches().watch_output(tasks_from_python(tasks), token);
          },
          "tasks"_a, "token"_a)
      .def(
          "unwatch",
          [](PySession& self, std::int64_t token) { self.native().watches().unwatch(token); },
          "token"_a)
      .def("next_event", &PySession::next_event, "timeout"_a = -1.0)
      .def("enable_events", [](PySession& self) { self.native().events().enable_notices(); })
      .def("wait_for_engines", &PySession::wait_for_engines, "n"_a, "timeout"_a = -1.0)
      .def("close", &PySession::close, "linger"_a = 1.0);
}

}  // namespace engineroom::bindings
