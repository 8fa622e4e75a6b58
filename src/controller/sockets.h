// controller/sockets.h — the controller's sockets: which exist, how they are tuned, where they are
// bound.
//
// Twelve of fourteen channels are bound ROUTER, PUB or SUB sockets as stock ipyparallel has them
// (docs/dev/controller.md); engines connect one ROUTER of theirs to three of ours, which therefore
// must have different identities.
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

// What clients and what engines are told.
struct Addresses {
  wire::ConnectionInfo client;
  wire::ConnectionInfo engine;
};

class Sockets {
 public:
  // `curve`: the server's keys; nullopt = not encrypted.
  Sockets(const Options& options, const std::optional<transport::CurveKeys>& curve);

  // Binds everything. Ports that are set are used (and must be free), the others are chosen and
  // set. REQUIRES: both interfaces are set and equal.
  Status bind(Addresses& addresses, const Options& options);

  transport::Socket& operator[](Channel channel) { return *sockets_[index_of(channel)]; }

 private:
  Status bind_one(Channel channel, const std::string& interface, int& port, std::vector<int>& pool);

  transport::Context context_;
  // Destroyed first; each gives its last messages a moment to go out.
  std::array<std::unique_ptr<transport::Socket>, kChannelCount> sockets_;
};

}  // namespace engineroom::controller
