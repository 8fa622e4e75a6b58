// base/id.h — random identifiers in the forms that Jupyter peers use, and the counter behind
// message ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace engineroom {

// `n` bytes from the operating system's generator as 2n lowercase hex digits.
std::string random_hex(std::size_t n_bytes);

// "cae9ec08-b09e481782d8404c9b68d93c": 8 hex digits, a dash, 24 hex digits. Sessions and engines
// (uuid).
std::string new_session_id();

// "<session>_<pid>_<counter>": unique within a session. Not thread-safe: one source per owner
// thread.
class MessageIdSource {
 public:
  explicit MessageIdSource(std::string session);
  const std::string& session() const { return session_; }
  std::string next();

 private:
  std::string session_;
  std::string prefix_;
  std::uint64_t counter_ = 0;
};

}  // namespace engineroom
