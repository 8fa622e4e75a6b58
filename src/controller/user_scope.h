// controller/user_scope.h — whose a client and whose a message id is, in a cluster of several
// users.
//
// A user's clients have sockets of their own (user_gate.h). Within the controller their identities
// and their message ids say whose they are:
//
//   identity   "\0user:alice/" + what the socket was called
//   msg_id     "alice/" + what the client called it
//
// So what alice did is found under no name that bob could give: a name of his is always "bob/…".
// Routes, scheduler, records and journal need not know that there are users.
//
// The owner of the cluster, whose identities have no such mark, uses ids as they are, and so sees
// everything. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engineroom::controller {

class Scope {
 public:
  // The owner's.
  Scope() = default;
  explicit Scope(std::string_view user) : prefix_(std::string(user) + "/") {}

  bool is_everything() const { return prefix_.empty(); }
  const std::string& prefix() const { return prefix_; }
  // The controller's name for what a client calls `msg_id`.
  std::string inside(std::string_view msg_id) const { return prefix_ + std::string(msg_id); }
  std::vector<std::string> inside(std::vector<std::string> msg_ids) const {
    for (std::string& msg_id : msg_ids) msg_id.insert(0, prefix_);
    return msg_ids;
  }
  // What the client calls it; nullopt: it is somebody else's.
  std::optional<std::string_view> outside(std::string_view inside) const {
    if (!inside.starts_with(prefix_)) return std::nullopt;
    return inside.substr(prefix_.size());
  }

 private:
  std::string prefix_;
};

// Letters, digits, "_", "." and "-", not one of the last two in front: also the name of a folder.
bool is_user_name(std::string_view name);

// A client's identity, marked and not.
std::string marked_identity(std::string_view user, std::string_view identity);
struct MarkedIdentity {
  std::string_view user;
  std::string_view identity;
};
std::optional<MarkedIdentity> read_marked(std::string_view identity);

// Of the client with this identity.
Scope scope_of(std::string_view identity);
// Who is meant by limits and fair shares: all clients of a user together, else the client.
std::string_view account_of(std::string_view identity);
// "alice/" of "alice/…"; empty if there is none.
std::string_view prefix_of(std::string_view msg_id);

}  // namespace engineroom::controller
