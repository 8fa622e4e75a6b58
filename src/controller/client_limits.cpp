#include "controller/client_limits.h"

#include <cassert>

#include <fmt/core.h>

#include "controller/user_scope.h"

namespace engineroom::controller {

std::optional<std::string> ClientLimits::admit(std::string_view client, std::size_t bytes) {
  const std::string_view account = account_of(client);
  const auto found = usages_.find(account);
  if (found == usages_.end()) {
    usages_.emplace(std::string(account), Usage{1, bytes});
    return std::nullopt;
  }
  Usage& usage = found->second;
  if (usage.requests >= limits_.max_requests) {
    return fmt::format(
        "this client has {} requests unanswered, which is its limit: wait for some before sending "
        "more, or start the controller with a larger --max-client-requests",
        usage.requests);
  }
  if (bytes > limits_.max_bytes || usage.bytes > limits_.max_bytes - bytes) {
    return fmt::format(
        "this client has {} MiB of requests unanswered, and with {} MiB more it would have more "
        "than "
        "its limit of {} MiB: wait for some before sending more, or start the controller with a "
        "larger --max-client-bytes",
        usage.bytes >> 20, bytes >> 20, limits_.max_bytes >> 20);
  }
  ++usage.requests;
  usage.bytes += bytes;
  return std::nullopt;
}

void ClientLimits::count(std::string_view client, std::size_t bytes) {
  Usage& usage = usages_[std::string(account_of(client))];
  ++usage.requests;
  usage.bytes += bytes;
}

void ClientLimits::release(std::string_view client, std::size_t bytes) {
  const auto found = usages_.find(account_of(client));
  assert(found != usages_.end() && found->second.bytes >= bytes);
  if (found == usages_.end()) return;
  found->second.bytes -= bytes;
  if (--found->second.requests == 0) usages_.erase(found);
}

std::size_t bytes_of(const wire::Message& message) {
  std::size_t bytes = message.header.size() + message.parent_header.size() +
                      message.metadata.size() + message.content.size();
  for (const Bytes& buffer : message.buffers) bytes += buffer.size();
  return bytes;
}

}  // namespace engineroom::controller
