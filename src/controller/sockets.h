// controller/sockets.h — the controller's sockets: which exist, how they are tuned, where they are
// bound.
//
// Thirteen of fifteen channels are bound ROUTER, PUB or SUB sockets as stock ipyparallel has them
// (docs/dev/controller.md); engines connect one ROUTER of theirs to three of ours, which therefore
// must have different identities.
//
// Each user of a cluster (user_gate.h) has another set of the seven that clients use.
//
// Queues are bounded where a peer could fill them (figures in sockets.cpp): a peer that does not
// read loses messages, never the controller's memory. Threads: the loop thread only.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "controller/channels.h"
#include "controller/options.h"
#include "transport/socket.h"
#include "wire/connection_file.h"

namespace engineroom::controller {

// What clients and what engines are told, and each user.
struct Addresses {
  wire::ConnectionInfo client;
  wire::ConnectionInfo engine;
  std::vector<wire::ConnectionInfo> users = {};  // as in Options::users
};

// What knows the one public key can reach the sockets of that side alone.
struct SideKeys {
  transport::CurveKeys clients;
  transport::CurveKeys engines;
  std::vector<transport::CurveKeys> users = {};
};

class Sockets {
 public:
  // `curve`: the servers' keys; nullopt = not encrypted.
  Sockets(const Options& options, const std::optional<SideKeys>& curve);

  // Binds everything. Ports that are set are used (and must be free), the others are chosen and
  // set. REQUIRES: interfaces are set; those of clients and engines are equal.
  Status bind(Addresses& addresses, const Options& options);

  transport::Socket& operator[](Channel channel) { return *sockets_[index_of(channel)]; }
  // REQUIRES: a channel of clients
  transport::Socket& of_user(std::size_t user, Channel channel) {
    return *users_[user][index_of(channel)];
  }

 private:
  using Set = std::array<std::unique_ptr<transport::Socket>, kChannelCount>;

  static Status bind_one(transport::Socket& socket, Channel channel, const std::string& interface,
                         int& port, std::vector<int>& pool);

  transport::Context context_;
  // Destroyed first; each gives its last messages a moment to go out.
  Set sockets_;
  std::vector<Set> users_;  // of clients' channels only
};

}  // namespace engineroom::controller
