// client/client.cpp — the public Client: a Session, and requests made for it without Python.

#include "engineroom/client.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "client/future.h"
#include "client/pickle.h"
#include "client/profile.h"
#include "client/session.h"
#include "client/waiter.h"

namespace engineroom {
namespace {

using client::Request;
using client::RequestBatch;
using client::Route;
using client::Session;
using client::TaskPtr;
using detail::FutureState;

constexpr char kBalancedMetadata[] =
    R"({"engineroom":1,"after":[],"follow":[],"timeout":0.0,"targets":[],"retries":0,"label":null})";
constexpr char kDirectMetadata[] = R"({"engineroom":1,"label":null})";
constexpr char kHelperModule[] = "engineroom.remote";
// Chunks per engine that map() makes by itself: more balance better, fewer cost less.
constexpr std::size_t kChunksPerEngine = 4;
constexpr double kShutdownPatience = 5;  // seconds

Frames call_buffers(std::string_view helper, const std::vector<std::string>& texts) {
  Frames buffers = {client::pickle_global(kHelperModule, helper),
                    client::pickle_call_shape(texts.size())};
  for (const std::string& text : texts) buffers.push_back(client::pickle_text(text));
  return buffers;
}

// JSON has no other numbers; what cannot arrive must not be sent.
bool is_finite(const Value& value) {
  if (value.is_double()) return std::isfinite(value.as_double());
  if (value.is_list()) return std::ranges::all_of(value.as_list(), is_finite);
  if (value.is_dict())
    return std::ranges::all_of(value.as_dict(),
                               [](const auto& item) { return is_finite(item.second); });
  return true;
}

template <typename T>
Future<T> failed(ErrorCode code, std::string message) {
  return Future<T>(std::make_shared<FutureState>(
      FutureState{.tasks = {}, .failure = Status(code, std::move(message))}));
}

Status not_finite() {
  return Status(ErrorCode::kInvalidArgument, "NaN and infinities cannot be sent as arguments");
}

std::string no_such_engine(int id) {
  return "there is no engine " + std::to_string(id) + "; Client::ids() lists those there are";
}

}  // namespace

struct Client::Impl {
  std::unique_ptr<Session> session;

  // The engines that `targets` names, or kNotFound.
  Result<std::vector<client::EngineEntry>> resolve(const Targets& targets) const {
    std::vector<client::EngineEntry> engines;
    const auto live = session->engines();
    if (targets.is_all()) {
      for (const auto& [id, uuid] : live) engines.push_back({id, uuid});
      return engines;
    }
    for (int id : targets.ids()) {
      const auto it = live.find(id);
      if (it == live.end()) return Status(ErrorCode::kNotFound, no_such_engine(id));
      engines.push_back({id, it->second});
    }
    return engines;
  }

  Future<Value> call(Route route, const std::string& uuid, const std::string& module,
                     const std::string& attribute, Value::List args, Value::Dict keywords) {
    const Value list(std::move(args));
    const Value dict(std::move(keywords));
    if (!is_finite(list) || !is_finite(dict))
      return failed<Value>(not_finite().code(), not_finite().message());
    const TaskPtr task = session->submit(
        {.route = route,
         .target = uuid,
         .msg_type = "apply_request",
         .metadata = route == Route::kBalanced ? kBalancedMetadata : kDirectMetadata,
         .buffers =
             call_buffers("call_json", {module, attribute, list.to_json(), dict.to_json()})});
    return Future<Value>(std::make_shared<FutureState>(FutureState{.tasks = {task}}));
  }
};

// ---- life ----

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const ClientOptions& options) {
  const std::string path = client::find_connection_file(options);
  const Result<wire::ConnectionInfo> info = wire::read_connection_file(path, wire::Role::kClient);
  if (!info.ok()) return info.status();
  Result<std::unique_ptr<Session>> session =
      Session::connect(info.value(), {.timeout_s = options.timeout_s});
  if (!session.ok()) return session.status();
  auto impl = std::make_unique<Impl>();
  impl->session = session.take();
  return Client(std::move(impl));
}

void Client::close() { impl_->session->close(); }

// ---- engines ----

std::vector<int> Client::ids() const {
  std::vector<int> ids;
  for (const auto& [id, uuid] : impl_->session->engines()) ids.push_back(static_cast<int>(id));
  return ids;
}

Status Client::wait_for_engines(int n, double timeout_s) const {
  const std::optional<Time> deadline = client::deadline_after(timeout_s);
  const auto wanted = static_cast<std::size_t>(std::max(n, 0));
  for (;;) {
    const double left = deadline ? std::max(0.0, to_seconds(*deadline - Clock::now())) : -1;
    if (impl_->session->wait_for_engines(wanted, left) == client::WaitResult::kReady) return {};
    if (impl_->session->closed()) return Status(ErrorCode::kClosed, "the client is closed");
    if (std::string why = impl_->session->lost(); !why.empty())
      return Status(ErrorCode::kUnavailable, std::move(why));
    if (deadline && Clock::now() >= *deadline) break;
  }
  return Status(ErrorCode::kTimeout, "only " + std::to_string(ids().size()) + " of " +
                                         std::to_string(n) + " engines came in time");
}

// ---- work ----

Future<std::vector<ExecuteResult>> Client::execute(const std::string& code,
                                                   const Targets& targets) {
  const Result<std::vector<client::EngineEntry>> engines = impl_->resolve(targets);
  if (!engines.ok())
    return failed<std::vector<ExecuteResult>>(engines.status().code(), engines.status().message());
  JsonWriter w;
  w.begin_object().key("code").value(code).key("silent").value(false);
  w.key("user_expressions").begin_object().end_object().end_object();
  const std::string content = w.take();
  FutureState state;
  for (const client::EngineEntry& engine : engines.value()) {
    state.engines.push_back(static_cast<int>(engine.id));
    state.tasks.push_back(impl_->session->submit({.route = Route::kDirect,
                                                  .target = engine.uuid,
                                                  .msg_type = "execute_request",
                                                  .metadata = kDirectMetadata,
                                                  .content = content}));
  }
  return Future<std::vector<ExecuteResult>>(std::make_shared<FutureState>(std::move(state)));
}

Future<Value> Client::call(const std::string& module, const std::string& attribute,
                           Value::List args, Value::Dict keywords) {
  return impl_->call(Route::kBalanced, "", module, attribute, std::move(args), std::move(keywords));
}

Future<Value> Client::call_on(int engine, const std::string& module, const std::string& attribute,
                              Value::List args, Value::Dict keywords) {
  const std::optional<std::string> uuid = impl_->session->uuid_of(engine);
  if (!uuid) return failed<Value>(ErrorCode::kNotFound, no_such_engine(engine));
  return impl_->call(Route::kDirect, *uuid, module, attribute, std::move(args),
                     std::move(keywords));
}

Future<Value::List> Client::map(const std::string& module, const std::string& attribute,
                                const Value::List& values, std::size_t chunk) {
  if (!std::ranges::all_of(values, is_finite))
    return failed<Value::List>(not_finite().code(), not_finite().message());
  if (chunk == 0) {
    const std::size_t n_chunks =
        std::max<std::size_t>(1, impl_->session->engines().size() * kChunksPerEngine);
    chunk = std::max<std::size_t>(1, (values.size() + n_chunks - 1) / n_chunks);
  }
  RequestBatch batch = {.route = Route::kBalanced,
                        .targets = {""},
                        .msg_type = "apply_request",
                        .metadata = kBalancedMetadata};
  batch.shared_buffers = {client::pickle_global(kHelperModule, "map_json"),
                          client::pickle_call_shape(3), client::pickle_text(module),
                          client::pickle_text(attribute)};
  for (std::size_t start = 0; start < values.size(); start += chunk) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(start);
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(chunk, values.size() - start));
    batch.own_buffers.push_back({client::pickle_text(Value(Value::List(first, last)).to_json())});
  }
  Result<std::vector<TaskPtr>> tasks = impl_->session->submit_many(std::move(batch));
  if (!tasks.ok()) return failed<Value::List>(tasks.status().code(), tasks.status().message());
  return Future<Value::List>(std::make_shared<FutureState>(FutureState{.tasks = tasks.take()}));
}

// ---- the cluster ----

Result<Value> Client::queue_status() {
  const auto reply = impl_->session->query("queue_request", R"({"targets":null,"verbose":false})");
  if (!reply.ok()) return reply.status();
  return Value::from_json(reply.value()->content.view());
}

Status Client::shutdown(bool controller) {
  std::vector<TaskPtr> tasks;
  for (const auto& [id, uuid] : impl_->session->engines()) {
    tasks.push_back(impl_->session->submit({.route = Route::kControl,
                                            .target = uuid,
                                            .msg_type = "shutdown_request",
                                            .content = R"({"restart":false})"}));
  }
  const bool answered =
      client::wait_for_tasks(tasks, client::deadline_after(kShutdownPatience),
                             client::WaitMode::kAll, client::Task::Until::kReplied,
                             {}) == client::WaitResult::kReady;
  if (controller) {
    const auto reply = impl_->session->query("shutdown_request", "{}", kShutdownPatience);
    if (!reply.ok()) return reply.status();
  }
  if (!answered) return Status(ErrorCode::kTimeout, "some engines did not answer in time");
  return {};
}

}  // namespace engineroom
