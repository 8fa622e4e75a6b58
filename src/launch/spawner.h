// launch/spawner.h — the thread that makes child processes.
//
// PR_SET_PDEATHSIG is sent when the *thread* that made the child ends, not the process. So children
// are made by a thread that lives as long as the process.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/status.h"

namespace engineroom::launch {

// All that a child needs, made before the fork: after it, in a process with threads, only system
// calls are safe.
struct SpawnPlan {
  std::string program;                   // a path
  std::vector<std::string> arguments;    // the first is the program's name
  std::vector<std::string> environment;  // NAME=value
  int in = -1;                           // file descriptors for the standard streams
  int out = -1;
  int signal_if_orphaned = 0;  // 0: none
  int guardian = -1;           // guardian_socket(), if its group is to end with us
};

// Starts the program as leader of its own session and group, with no signal blocked or ignored that
// was not before. kIo if the system refuses.
Result<pid_t> spawn(const SpawnPlan& plan);

}  // namespace engineroom::launch
