// engine/options.h — what an engine is told when it starts.
#pragma once

#include <string>

#include "base/clock.h"
#include "engine/kept_results.h"
#include "engine/membership.h"
#include "wire/connection_file.h"

namespace engineroom::engine {

struct EngineOptions {
  wire::ConnectionInfo connection;
  // Identity on every socket and session of every message. Must be unique in the cluster.
  std::string uuid;
  // The id to ask for, such as an MPI rank; -1 = any.
  int requested_id = -1;
  // What tasks may demand of it, for the controller (JSON); empty: it says nothing.
  std::string resources;
  MembershipOptions membership;
  // How long a running task may keep the process alive after it was told to end.
  Duration exit_grace = std::chrono::milliseconds(1500);
  // Replies and output that wait to be sent when the process ends are given this long.
  Duration linger = std::chrono::milliseconds(1000);
  // Results of tasks, for tasks that are given them.
  KeepOptions keep;
  // Whether engines of one host give them to each other; else all go by the controller.
  bool asks_engines = true;
};

}  // namespace engineroom::engine
