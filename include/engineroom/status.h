// engineroom/status.h — how engineroom reports failure: a closed set of codes and a sentence for a
// person.
//
// C++20 has no std::expected and event loops must not unwind, so functions that can fail for
// reasons outside the program return Status or Result<T>. Bugs are asserted, never returned.
//
//   Result<Client> client = Client::connect();
//   if (!client.ok()) return complain(client.status().to_string());
//   use(client.value());
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace engineroom {

enum class ErrorCode {
  kOk = 0,
  // Bytes from outside that are not a valid message. Retrying cannot help.
  kMalformed,
  // A wrong, missing or repeated signature. Retrying cannot help.
  kUnauthenticated,
  // A limit (size, depth, queue length) would be exceeded. Retrying later may help.
  kResourceExhausted,
  // A bad argument or option; the message names it and the remedy. Retrying cannot help.
  kInvalidArgument,
  // The named thing (engine, task, file) does not exist. Retrying cannot help.
  kNotFound,
  // The peer is not there now. Retrying may help.
  kUnavailable,
  // The deadline passed. Retrying may help.
  kTimeout,
  // The operating system refused; the message holds its reason. Retrying may help.
  kIo,
  // The session or process is closed. Retrying cannot help.
  kClosed,
  // Code that the user ran on an engine raised an exception. Retrying cannot help.
  kRemote,
};

const char* to_string(ErrorCode code);
bool retry_can_help(ErrorCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == ErrorCode::kOk; }
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  // "malformed: header is not JSON"
  std::string to_string() const;

 private:
  ErrorCode code_ = ErrorCode::kOk;
  std::string message_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}        // NOLINT(google-explicit-constructor)
  Result(Status status) : state_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    assert(!std::get<Status>(state_).ok());
  }

  bool ok() const { return std::holds_alternative<T>(state_); }
  // REQUIRES: !ok()
  const Status& status() const { return std::get<Status>(state_); }
  // REQUIRES: ok()
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }
  T take() { return std::move(std::get<T>(state_)); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace engineroom
