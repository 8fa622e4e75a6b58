// engineroom/client.h — run Python functions on the engines of a cluster, from C++.
//
//   auto client = Client::connect().take();              // the default profile's cluster
//   auto root = client.call("math", "sqrt", {2});        // on whichever engine is free
//   auto roots = client.map("math", "sqrt", {1, 4, 9});  // spread over all engines
//   auto hello = client.execute("print('hello')");       // on every engine
//   double x = root.get().value().as_double();
//
// Functions are named by module and attribute, as they are imported on the engines; arguments and
// results are Values. An exception on an engine becomes a Status with the code kRemote, and
// Future::error() has its traceback. This is the library that the Python package is made of, too.
//
// Errors are Status and Result<T> (engineroom/status.h); nothing throws. Link engineroom::client.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engineroom/status.h"
#include "engineroom/value.h"

namespace engineroom {

struct ClientOptions {
  // The connection file; if empty, that of the cluster named below.
  std::string connection_file = {};
  // Name of the profile: <ipython_dir>/profile_<profile>/security/ipcontroller[-<id>]-client.json
  std::string profile = "default";
  std::string profile_dir = {};  // the profile's folder itself; default: $IPP_PROFILE_DIR
  std::string ipython_dir = {};  // default: $IPYTHONDIR, else ~/.ipython
  std::string cluster_id = {};   // default: $IPP_CLUSTER_ID
  double timeout_s = 10;         // for the controller's first answer
};

// An exception that was raised on an engine, or why there is no answer.
struct RemoteError {
  std::string name;       // "ZeroDivisionError"; "EngineError" if the engine died
  std::string message;    // "division by zero"
  std::string traceback;  // lines of text, may hold ANSI colours; may be empty
  int engine = -1;        // id, -1 if unknown
};

// What a piece of code has left behind on one engine.
struct ExecuteResult {
  int engine = -1;
  std::string out;     // standard output
  std::string err;     // standard error
  std::string result;  // the last expression's value as text, as a prompt shows it
};

namespace detail {
struct FutureState;
}  // namespace detail

// A result that may not be there yet. Copies share it. Dropping all copies does not cancel the
// call. Threads: any; several may wait.
template <typename T>
class Future {
 public:
  explicit Future(std::shared_ptr<detail::FutureState> state) : state_(std::move(state)) {}

  bool ready() const;
  // True once it is ready; false if `timeout_s` passed before. Negative: for ever.
  bool wait(double timeout_s = -1) const;
  // Waits. kRemote, with the exception's name and message, if the code raised; the first of
  // several.
  Result<T> get() const;
  // Waits. What went wrong in full; nullopt if nothing did.
  std::optional<RemoteError> error() const;

 private:
  std::shared_ptr<detail::FutureState> state_;
};

// The engines that a call is for.
class Targets {
 public:
  // NOLINTBEGIN(google-explicit-constructor)
  Targets(int id) : ids_{id} {}
  Targets(std::initializer_list<int> ids) : ids_(ids) {}
  Targets(std::vector<int> ids) : ids_(std::move(ids)) {}
  // NOLINTEND(google-explicit-constructor)
  static Targets all() { return Targets(true); }

  bool is_all() const { return all_; }
  const std::vector<int>& ids() const { return ids_; }

 private:
  explicit Targets(bool all) : all_(all) {}

  bool all_ = false;
  std::vector<int> ids_;
};

// Threads: all functions may be called from any thread, except that nothing may run while the
// object is moved or destroyed. Futures may outlive it; those without a result then get an error.
class Client {
 public:
  static Result<Client> connect(const ClientOptions& options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // ---- engines ----
  // Those that are there now, ascending.
  std::vector<int> ids() const;
  // Waits until there are at least `n`. kTimeout, kUnavailable if the controller goes away.
  Status wait_for_engines(int n, double timeout_s = -1) const;

  // ---- work ----
  // Runs Python source on each of `targets`, like a cell at a prompt. kNotFound in the future if
  // there is no such engine. The results are in the order of the targets.
  Future<std::vector<ExecuteResult>> execute(const std::string& code,
                                             const Targets& targets = Targets::all());

  // module.attribute(*args, **keywords) on whichever engine is free. `attribute` may have dots.
  Future<Value> call(const std::string& module, const std::string& attribute, Value::List args = {},
                     Value::Dict keywords = {});
  // The same on one engine.
  Future<Value> call_on(int engine, const std::string& module, const std::string& attribute,
                        Value::List args = {}, Value::Dict keywords = {});

  // [module.attribute(value) for value in values], spread over the engines that are free. `chunk`
  // is how many values travel together: 0 makes about four chunks per engine; 1 balances best if
  // calls take long.
  Future<Value::List> map(const std::string& module, const std::string& attribute,
                          const Value::List& values, std::size_t chunk = 0);

  // ---- the cluster ----
  // How many tasks wait and run where: {"0": {"queue": …, "completed": …, "tasks": …}, …}
  Result<Value> queue_status();
  // Ends all engines, and the controller too unless told otherwise.
  Status shutdown(bool controller = true);

  // Futures without a result get an error. Called by the destructor.
  void close();

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace engineroom
