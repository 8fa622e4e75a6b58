// engine/options.h — what an engine is told when it starts.
#pragma once

#include <string>

#include "base/clock.h"
#include "engine/membership.h"
#include "wire/connection_file.h"

namespace engineroom::engine {

struct EngineOptions {
  wire::ConnectionInfo connection;
  // Identity on every socket and session of every message. Must be unique in the cluster.
  std::string uuid;
  // The id to ask for, such as an MPI rank; -1 = any.
  int requested_id = -1;
  MembershipOptions membership;
  // How long a running task may keep the process alive after it was told to end.
  Duration exit_grace = std::chrono::milliseconds(1500);
  // Replies and output that wait to be sent when the process ends are given this long.
  Duration linger = std::chrono::milliseconds(1000);
};

}  // namespace engineroom::engine
