// controller/client_limits.h — how much one client may have unanswered.
//
// Requests wait in the controller's memory until engines have answered them, so that a client in a
// loop could take it all, from everybody. One more than the limit is refused at once, with an error
// that says so; what came before is not touched.
//
// Clients are told apart by the identity of their sockets; those of one user (user_scope.h) count
// as one. Threads: the loop thread only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "controller/registry.h"
#include "wire/message.h"

namespace engineroom::controller {

class ClientLimits {
 public:
  struct Limits {
    std::size_t max_requests = 1'000'000;
    // Of these together. A single request may be larger: what the wire takes is its limit.
    std::size_t max_bytes = std::size_t{8} << 30;
  };

  explicit ClientLimits(Limits limits) : limits_(limits) {}

  // Counts the request, or says why it is one too many.
  std::optional<std::string> admit(std::string_view client, std::size_t bytes);
  // Counts one that was admitted by an earlier controller.
  void count(std::string_view client, std::size_t bytes);
  // REQUIRES: it was admitted, or counted.
  void release(std::string_view client, std::size_t bytes);

  std::size_t client_count() const { return usages_.size(); }

 private:
  struct Usage {
    std::size_t requests = 0;
    std::size_t bytes = 0;
  };

  Limits limits_;
  StringMap<Usage> usages_;  // of clients that wait for something
};

// What the message takes in memory.
std::size_t bytes_of(const wire::Message& message);

}  // namespace engineroom::controller
