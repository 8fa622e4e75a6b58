#include "bindings/engine.h"

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "bindings/buffers.h"
#include "bindings/gil.h"
#include "engine/control.h"
#include "engine/engine.h"
#include "transport/log_forwarder.h"
#include "wire/connection_file.h"

namespace nb = nanobind;

namespace engineroom::bindings {
namespace {

using engine::Exit;
using engine::Outcome;
using engine::RequestPtr;

nb::str to_str(const Bytes& text) { return nb::str(text.data(), text.size()); }

// A request that Python is to answer.
struct Task {
  RequestPtr request;
};

// ---- the process ----

// The engine that SIGTERM ends: one per process, as there is one SIGTERM.
std::atomic<engine::Engine*> sigterm_engine{nullptr};
std::atomic<pid_t> sigterm_process{0};

void on_sigterm(int number) {
  if (getpid() != sigterm_process.load()) {
    // A child that a task forked, say of a multiprocessing.Pool, which ends its workers so. There
    // is no engine in it, and it dies as soon as this returns.
    std::signal(number, SIG_DFL);
    raise(number);
    return;
  }
  if (engine::Engine* engine = sigterm_engine.load()) engine->request_end();
}

// Not Python's handler: that one would wait for the running task to return to the interpreter.
void end_on_sigterm(engine::Engine& engine) {
  sigterm_engine.store(&engine);
  sigterm_process.store(getpid());
  struct sigaction action{};
  action.sa_handler = on_sigterm;
  sigaction(SIGTERM, &action, nullptr);
}

// The text of a connection file. FileNotFoundError if there is none; ValueError if it is not
// usable.
std::string read_engine_connection(const std::string& path) {
  Result<wire::ConnectionInfo> info = wire::read_connection_file(path, wire::Role::kEngine);
  if (info.ok()) return wire::to_json(info.value(), wire::Role::kEngine);
  if (info.status().code() == ErrorCode::kNotFound) {
    PyErr_SetString(PyExc_FileNotFoundError, info.status().message().c_str());
    throw nb::python_error();
  }
  throw nb::value_error(info.status().message().c_str());
}

// Ends the process after a while, whatever it is doing: threads that users left running, say.
void exit_after(double seconds, int code) {
  std::thread([seconds, code] {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    ::_exit(code);
  }).detach();
}

// Blocks signals, so that one that comes after the last look at them is not slept through: the wait
// lets it in.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  const sigset_t* before() const { return &before_; }

 private:
  sigset_t before_{};
};

// ---- the engine ----

class PyEngine {
 public:
  PyEngine(const std::string& connection_json, int requested_id, double registration_timeout,
           double controller_gone_after, unsigned max_missed_pings, const std::string& log_level,
           const std::string& uuid, bool asks_engines, std::uint64_t keep_bytes,
           std::int64_t spill_bytes, const std::string& spill_dir, const std::string& resources) {
    Result<wire::ConnectionInfo> connection =
        wire::parse_connection_info(connection_json, wire::Role::kEngine);
    if (!connection.ok()) throw nb::value_error(connection.status().message().c_str());
    set_up_logging("engine", log_level);
    if (!connection.value().ssh.empty()) {
      ER_LOG_WARN("the connection file names the SSH server {}, but engines make no tunnels: {}",
                  connection.value().ssh, "connecting directly");
    }
    engine::EngineOptions options;
    options.connection = connection.take();
    // By the beginning clients know what the engine understands (docs/formats/extensions.md).
    options.uuid = uuid.empty() ? "er-" + new_session_id() : uuid;
    options.requested_id = requested_id;
    options.resources = resources;
    options.membership.registration_timeout = from_seconds(registration_timeout);
    options.membership.gone_after = from_seconds(controller_gone_after);
    options.membership.max_missed_pings = max_missed_pings;
    options.asks_engines = asks_engines;
    options.keep = {keep_bytes, spill_bytes, spill_dir};
    engine_ = std::make_unique<engine::Engine>(std::move(options));
  }

  void start() {
    end_on_sigterm(*engine_);
    ReleaseQueue::instance().notify(engine_->bench().work_wake().fd());
    const Status status = engine_->start();
    if (!status.ok()) throw nb::value_error(status.message().c_str());
  }

  // The next task, or None when the engine ends. Returns to the interpreter for signals.
  std::optional<Task> next() {
    while (true) {
      ReleaseQueue::instance().release_all();
      if (engine_->exit()) return std::nullopt;
      if (RequestPtr request = engine_->bench().take(Clock::now())) return Task{std::move(request)};
      const SignalsHeld held;
      if (PyErr_CheckSignals() != 0) nb::raise_python_error();
      const GilReleased released;
      engine_->bench().wait_for_request(held.before());
    }
  }

  void finish_ok(nb::handle buffers) {
    engine::Reply reply;
    reply.buffers = frames_from_python(buffers);
    engine_->bench().finish(std::move(reply));
  }

  void finish(const std::string& status, nb::handle content, std::string more_metadata,
              bool dependencies_met, bool abort_executes) {
    engine::Reply reply;
    reply.outcome = status == "ok"        ? Outcome::kOk
                    : status == "aborted" ? Outcome::kAborted
                                          : Outcome::kError;
    reply.content = text_from_python(content);
    reply.more_metadata = std::move(more_metadata);
    reply.dependencies_met = dependencies_met;
    engine_->bench().finish(std::move(reply), abort_executes);
  }

  void publish(const std::string& topic, const std::string& msg_type, nb::handle content,
               nb::handle buffers, bool verbatim, const std::string& metadata) {
    engine::Publication publication;
    publication.topic = topic;
    publication.msg_type = msg_type;
    publication.content = text_from_python(content);
    publication.buffers = frames_from_python(buffers);
    publication.verbatim = verbatim;
    if (!metadata.empty()) publication.metadata = Bytes(metadata);
    engine_->bench().publish(std::move(publication));
  }

  void write(const std::string& stream, nb::handle text) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (data == nullptr) nb::raise_python_error();
    engine_->bench().write(stream, {data, static_cast<std::size_t>(size)}, Clock::now());
  }

  void close() {
    sigterm_engine.store(nullptr);
    {
      const GilReleased released;
      engine_->close();
    }
    ReleaseQueue::instance().notify(-1);
    ReleaseQueue::instance().release_all();
  }

  std::optional<int> exit_code() const {
    const std::optional<Exit> exit = engine_->exit();
    if (!exit) return std::nullopt;
    return static_cast<int>(*exit);
  }

  // None, "abort" or "time limit".
  std::optional<std::string> interruption() const {
    switch (engine_->bench().interruption()) {
      case engine::Interruption::kAborted:
        return "abort";
      case engine::Interruption::kTimeLimit:
        return "time limit";
      case engine::Interruption::kNone:
        break;
    }
    return std::nullopt;
  }

  engine::Engine& engine() { return *engine_; }

 private:
  std::unique_ptr<engine::Engine> engine_;
};

void bind_task(nb::module_& m) {
  nb::enum_<engine::RequestKind>(m, "TaskKind", nb::is_arithmetic())
      .value("APPLY", engine::RequestKind::kApply)
      .value("EXECUTE", engine::RequestKind::kExecute)
      .value("COMM", engine::RequestKind::kComm)
      .value("CLEAR", engine::RequestKind::kClear);

  nb::class_<Task>(m, "EngineTask")
      .def_prop_ro("kind", [](const Task& task) { return static_cast<int>(task.request->kind); })
      .def_prop_ro("ours", [](const Task& task) { return task.request->ours; })
      .def_prop_ro("msg_id", [](const Task& task) { return task.request->header.msg_id; })
      .def_prop_ro("msg_type", [](const Task& task) { return task.request->header.msg_type; })
      .def_prop_ro("header", [](const Task& task) { return to_str(task.request->message.header); })
      .def_prop_ro("metadata",
                   [](const Task& task) { return to_str(task.request->message.metadata); })
      .def_prop_ro("content",
                   [](const Task& task) { return to_str(task.request->message.content); })
      .def_prop_ro("buffers",
                   [](const Task& task) { return frames_to_python(task.request->message.buffers); })
      .def_prop_ro("resources", [](const Task& task) { return task.request->resources; })
      .def_prop_ro("inputs", [](const Task& task) {
        nb::list inputs;
        for (const engine::KeptPtr& kept : task.request->input_results) {
          inputs.append(frames_to_python(kept->buffers));
        }
        return inputs;
      });
}

}  // namespace

void bind_engine(nb::module_& m) {
  using nb::literals::operator""_a;
  bind_task(m);
  m.def("read_engine_connection", &read_engine_connection, "path"_a);
  m.def("task_interrupt_signal", &engine::task_interrupt_signal);
  m.def("exit_after", &exit_after, "seconds"_a, "code"_a);
  m.def(
      "forward_logs",
      [](const std::string& url) {
        const Status status = transport::forward_logs(url, "engine");
        if (!status.ok()) throw nb::value_error(status.message().c_str());
      },
      "url"_a);

  nb::class_<PyEngine>(m, "Engine")
      .def(nb::init<const std::string&, int, double, double, unsigned, const std::string&,
                    const std::string&, bool, std::uint64_t, std::int64_t, const std::string&,
                    const std::string&>(),
           "connection_json"_a, nb::kw_only(), "requested_id"_a = -1,
           "registration_timeout"_a = 0.0, "controller_gone_after"_a = 5.0,
           "max_missed_pings"_a = 50, "log_level"_a = "warning", "uuid"_a = "",
           "asks_engines"_a = true, "keep_bytes"_a = engine::KeepOptions().memory_bytes,
           "spill_bytes"_a = engine::KeepOptions().spill_bytes, "spill_dir"_a = "",
           "resources"_a = "")
      .def("start", &PyEngine::start)
      .def("next", &PyEngine::next)
      .def("finish_ok", &PyEngine::finish_ok, "buffers"_a)
      .def("finish", &PyEngine::finish, "status"_a, "content"_a, "more_metadata"_a = "",
           "dependencies_met"_a = true, "abort_executes"_a = false)
      .def("publish", &PyEngine::publish, "topic"_a, "msg_type"_a, "content"_a,
           "buffers"_a = nb::make_tuple(), "verbatim"_a = false, "metadata"_a = "")
      .def("write", &PyEngine::write, "stream"_a, "text"_a)
      .def("flush", [](PyEngine& self) { self.engine().bench().flush(); })
      .def("close", &PyEngine::close)
      .def("request_end", [](PyEngine& self) { self.engine().request_end(); })
      .def("set_kernel_info",
           [](PyEngine& self, std::string json) { self.engine().set_kernel_info(std::move(json)); })
      .def_prop_ro("uuid", [](PyEngine& self) { return self.engine().options().uuid; })
      .def_prop_ro("id", [](PyEngine& self) { return self.engine().id(); })
      .def_prop_ro("exit_code", &PyEngine::exit_code)
      .def_prop_ro("interruption", &PyEngine::interruption)
      .def_prop_ro("time_limit",
                   [](PyEngine& self) { return to_seconds(self.engine().bench().time_limit()); });
}

}  // namespace engineroom::bindings
