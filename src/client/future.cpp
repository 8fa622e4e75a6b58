#include "client/future.h"

#include <algorithm>
#include <utility>

#include <simdjson.h>

#include "base/json.h"
#include "client/pickle.h"
#include "client/waiter.h"

namespace engineroom {
namespace detail {
namespace {

using client::Output;
using client::Reply;
using client::Task;
using client::TaskPtr;
using client::TaskStatus;
using simdjson::dom::object;

std::string text_at(const object& from, std::string_view key) {
  std::string_view text;
  if (from[key].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

std::string joined_lines(const object& from, std::string_view key) {
  simdjson::dom::array lines;
  if (from[key].get(lines) != simdjson::SUCCESS) return {};
  std::string text;
  for (const simdjson::dom::element line : lines) {
    std::string_view part;
    if (line.get(part) != simdjson::SUCCESS) continue;
    text.append(part).append("\n");
  }
  return text;
}

Status to_status(const RemoteError& error) {
  ErrorCode code = ErrorCode::kRemote;
  if (error.name == "EngineError") code = ErrorCode::kUnavailable;
  if (error.name == "TaskTimeout") code = ErrorCode::kTimeout;
  return Status(code, error.name + ": " + error.message);
}

bool wait_for(const FutureState& state, double timeout_s) {
  return client::wait_for_tasks(state.tasks, client::deadline_after(timeout_s),
                                client::WaitMode::kAll, state.until(),
                                {}) == client::WaitResult::kReady;
}

// The first failure of all, in the order of the tasks.
Status status_of(const FutureState& state) {
  if (!state.failure.ok()) return state.failure;
  for (const TaskPtr& task : state.tasks) {
    if (std::optional<RemoteError> error = error_of(*task)) return to_status(*error);
  }
  return {};
}

// ---- results, of tasks that ended well ----

Result<Value> value_of(const Task& task) {
  const std::shared_ptr<const Reply> reply = task.reply();
  if (reply->buffers.size() != 1) return Status(ErrorCode::kMalformed, "a reply without a result");
  const Result<std::string> json = client::unpickle_text(reply->buffers[0].view());
  if (!json.ok()) return json.status();
  return Value::from_json(json.value());
}

Result<Value> decode(const FutureState& state, const Value*) { return value_of(*state.tasks[0]); }

Result<Value::List> decode(const FutureState& state, const Value::List*) {
  Value::List all;
  for (const TaskPtr& task : state.tasks) {
    Result<Value> chunk = value_of(*task);
    if (!chunk.ok()) return chunk.status();
    if (!chunk.value().is_list()) return Status(ErrorCode::kMalformed, "a chunk that is no list");
    const Value::List& values = chunk.value().as_list();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

// The text form of the last expression's value, if there was one.
std::string shown_result(const Task& task) {
  JsonReader reader;
  for (const Output& output : task.outputs()) {
    if (output.msg_type != "execute_result") continue;
    const Result<simdjson::dom::element> root = reader.parse(output.content.view());
    object data;
    if (root.ok() && root.value()["data"].get(data) == simdjson::SUCCESS)
      return text_at(data, "text/plain");
  }
  return {};
}

Result<std::vector<ExecuteResult>> decode(const FutureState& state,
                                          const std::vector<ExecuteResult>*) {
  std::vector<ExecuteResult> results;
  for (std::size_t i = 0; i < state.tasks.size(); ++i) {
    const Task& task = *state.tasks[i];
    results.push_back({.engine = state.engines[i],
                       .out = task.stream_text("stdout"),
                       .err = task.stream_text("stderr"),
                       .result = shown_result(task)});
  }
  return results;
}

}  // namespace

std::optional<RemoteError> error_of(const Task& task) {
  if (task.status() == TaskStatus::kOk) return std::nullopt;
  RemoteError error;
  if (task.status() == TaskStatus::kAborted) {
    error.name = "TaskAborted";
    error.message = "the task was aborted before it ran";
    return error;
  }
  JsonReader reader;
  const std::shared_ptr<const Reply> reply = task.reply();
  const Result<simdjson::dom::element> root = reader.parse(reply->content.view());
  object content;
  if (!root.ok() || root.value().get(content) != simdjson::SUCCESS) return error;
  error.name = text_at(content, "ename");
  error.message = text_at(content, "evalue");
  error.traceback = joined_lines(content, "traceback");
  std::int64_t engine = -1;
  if (content["engine_info"]["engine_id"].get(engine) == simdjson::SUCCESS)
    error.engine = static_cast<int>(engine);
  return error;
}

}  // namespace detail

template <typename T>
bool Future<T>::ready() const {
  return wait(0);
}

template <typename T>
bool Future<T>::wait(double timeout_s) const {
  return detail::wait_for(*state_, timeout_s);
}

template <typename T>
Result<T> Future<T>::get() const {
  wait();
  if (Status status = detail::status_of(*state_); !status.ok()) return status;
  return detail::decode(*state_, static_cast<const T*>(nullptr));
}

template <typename T>
std::optional<RemoteError> Future<T>::error() const {
  wait();
  if (!state_->failure.ok())
    return RemoteError{.name = "", .message = state_->failure.to_string(), .traceback = ""};
  for (const client::TaskPtr& task : state_->tasks) {
    if (std::optional<RemoteError> error = detail::error_of(*task)) return error;
  }
  return std::nullopt;
}

template class Future<Value>;
template class Future<Value::List>;
template class Future<std::vector<ExecuteResult>>;

}  // namespace engineroom
