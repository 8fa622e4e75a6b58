// engine/engine.h — an engine as Python sees it: requests come out, replies and output go in.
//
// start() makes one thread, which does all that involves the network: registration, heartbeats,
// signatures, queueing, aborts, and ending the process. It never waits for Python, so a task that
// holds the interpreter's lock for a minute costs no heartbeat, can be aborted around, and can be
// ended with its process.
//
// Threads: next() and finish() belong to the thread that runs tasks; the rest may be called from
// any.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "engine/io_loop.h"
#include "engine/options.h"
#include "engine/workbench.h"

namespace engineroom::engine {

class Engine {
 public:
  // REQUIRES: constructed on the thread that will run tasks; signals from clients are sent to it.
  explicit Engine(EngineOptions options);
  // Ends the connection without waiting for anything, if it is still there.
  ~Engine();

  Status start();
  // Tells the I/O thread that Python runs no more tasks: sends what is laid out, leaves the cluster
  // and closes the connection. From then on the process has `exit_grace` to end by itself.
  void close();
  // As if a client had asked for it.
  void request_end() { loop_.request_end(Exit::kDone); }

  Workbench& bench() { return bench_; }
  const EngineOptions& options() const { return options_; }
  // -1 until registered.
  int id() const { return loop_.engine_id(); }
  // Why the engine ends; nullopt while it does not.
  std::optional<Exit> exit() const { return loop_.exit(); }
  // Content of the answer to kernel_info requests, JSON.
  void set_kernel_info(std::string json) { loop_.set_kernel_info(std::move(json)); }

 private:
  const EngineOptions options_;
  Workbench bench_;
  IoLoop loop_;
  std::thread thread_;
};

}  // namespace engineroom::engine
