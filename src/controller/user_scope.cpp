#include "controller/user_scope.h"

#include <algorithm>
#include <cctype>

namespace engineroom::controller {
namespace {

using std::string_view_literals::operator""sv;

// Longer than what ZeroMQ makes up for a socket without a name, which is the only other kind of
// identity that begins with a zero byte: that, and four bytes.
constexpr std::string_view kMark = "\0user:"sv;
constexpr std::size_t kMaxName = 64;

}  // namespace

bool is_user_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName || name.front() == '.' || name.front() == '-') {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-');
  });
}

std::string marked_identity(std::string_view user, std::string_view identity) {
  std::string marked;
  marked.reserve(kMark.size() + user.size() + 1 + identity.size());
  return marked.append(kMark).append(user).append("/").append(identity);
}

std::optional<MarkedIdentity> read_marked(std::string_view identity) {
  if (!identity.starts_with(kMark)) return std::nullopt;
  const std::size_t slash = identity.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  return MarkedIdentity{identity.substr(kMark.size(), slash - kMark.size()),
                        identity.substr(slash + 1)};
}

Scope scope_of(std::string_view identity) {
  const auto marked = read_marked(identity);
  return marked ? Scope(marked->user) : Scope();
}

std::string_view account_of(std::string_view identity) {
  const auto marked = read_marked(identity);
  return marked ? identity.substr(0, identity.size() - marked->identity.size()) : identity;
}

std::string_view prefix_of(std::string_view msg_id) {
  const std::size_t slash = msg_id.find('/');
  return slash == std::string_view::npos ? std::string_view() : msg_id.substr(0, slash + 1);
}

}  // namespace engineroom::controller
