// engineroom/cluster.h — a controller and engines on this machine, started and stopped from C++.
//
//   auto cluster = Cluster::start({.engines = 4}).take();
//   auto client = cluster.connect().take();
//   …
//   cluster.stop();   // or just let it go out of scope
//
// No process outlives its owner: each is the leader of its own group, which is ended as a whole,
// and the system ends it even if this program is killed. Link engineroom::launch.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engineroom/client.h"
#include "engineroom/status.h"

namespace engineroom {

struct ClusterOptions {
  int engines = 0;  // 0: one per core
  // Where connection files and logs go. Empty: a temporary folder, removed at the end.
  std::string profile_dir = {};
  std::string cluster_id = {};
  // Program and first arguments. Empty: engineroom-controller from $PATH.
  std::vector<std::string> controller_command = {};
  // Empty: `python -m engineroom.engine`, with $ENGINEROOM_PYTHON, or python3 from $PATH.
  std::vector<std::string> engine_command = {};
  double timeout_s = 60;  // for the controller to be there, and for the engines after that
};

// Threads: one at a time.
class Cluster {
 public:
  // Returns when the controller and all engines are there. On failure the message ends with the
  // last lines of the log of the process that failed, and nothing keeps running.
  static Result<Cluster> start(const ClusterOptions& options = {});
  Cluster(Cluster&&) noexcept;
  Cluster& operator=(Cluster&&) noexcept;
  ~Cluster();  // stop()

  Result<Client> connect(double timeout_s = 10) const;
  const std::string& profile_dir() const;
  // The clients' connection file.
  const std::string& connection_file() const;

  // What has ended by itself so far, in words: "engine 2 was killed by signal 11 (Segmentation
  // fault)". Empty if all is well.
  std::vector<std::string> problems() const;

  // Asks all processes to end, waits up to `timeout_s`, then kills them. Idempotent.
  Status stop(double timeout_s = 5);

 private:
  struct Impl;
  explicit Cluster(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace engineroom
