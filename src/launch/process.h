// launch/process.h — one child process that cannot outlive us.
//
// Each child leads a session and process group of its own, so that Ctrl-C at a terminal does not
// hit it and that all it starts can be ended with it. The system signals it when this process dies,
// even by SIGKILL (PR_SET_PDEATHSIG). That signal is tied to the thread that made the child, so
// children are made by a thread of ours that lives as long as the process (spawner in process.cpp).
//
// Threads: a Process belongs to one thread at a time. Covered by process_test.cpp.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/status.h"

namespace engineroom::launch {

struct ProcessSpec {
  std::vector<std::string> command;  // program, looked up in $PATH, and arguments
  std::vector<std::pair<std::string, std::string>> environment = {};  // added to ours
  std::string output_file = {};      // for both streams, appended to; empty: /dev/null
  int signal_if_orphaned = SIGKILL;  // what it gets when we die
};

struct Exit {
  bool by_signal = false;
  int code = 0;  // exit status, or number of the signal

  bool ok() const { return !by_signal && code == 0; }
  // "exited with status 3", "was killed by signal 11 (Segmentation fault)"
  std::string to_string() const;
};

class Process {
 public:
  // kNotFound if there is no such program, kIo if the system refuses.
  static Result<Process> start(const ProcessSpec& spec);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  // Kills the whole group if it has not ended.
  ~Process();

  pid_t pid() const { return pid_; }
  // How it ended; nullopt while it runs. What is left of its group is killed as soon as that is
  // seen.
  std::optional<Exit> poll();
  // The same after waiting until then at the longest.
  std::optional<Exit> wait_until(Time deadline);
  // To the group. Nothing happens if it has ended.
  void signal(int number);
  // SIGTERM, and SIGKILL to what is left after `patience`. Returns when it has ended.
  Exit stop(Duration patience);

 private:
  explicit Process(pid_t pid) : pid_(pid) {}
  std::optional<Exit> reap(bool block);

  pid_t pid_ = -1;
  std::optional<Exit> exit_;
};

// The last `n_lines` of a file, "" if there are none. For error messages.
std::string last_lines(const std::string& path, std::size_t n_lines);

}  // namespace engineroom::launch
