// engine/io_loop.h — the one thread that talks to the controller.
//
// Each turn serves, in this order: control (aborts overtake tasks), registration, heartbeats,
// shell, what Python laid out, deadlines. Of a socket, at most kBatch messages are taken per turn,
// so that a flood of tasks delays no heartbeat.
//
// Hostile or broken messages are counted, logged once per kind, and dropped.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <pthread.h>

#include "base/json.h"
#include "base/log.h"
#include "engine/exchange.h"
#include "engine/links.h"
#include "engine/membership.h"
#include "engine/messages.h"
#include "engine/options.h"
#include "engine/peers.h"
#include "engine/unreceived.h"
#include "engine/workbench.h"

namespace engineroom::engine {

class IoLoop {
 public:
  // `python` is the thread that runs tasks. `bench` must outlive this.
  IoLoop(const EngineOptions& options, Workbench& bench, pthread_t python);
  ~IoLoop();

  // Before the thread starts.
  Status connect();
  // The thread's whole life; returns after request_stop(), once all is sent.
  void run();

  // From any thread.
  void request_end(Exit exit);
  void request_stop();
  int engine_id() const { return engine_id_.load(std::memory_order_acquire); }
  std::optional<Exit> exit() const;
  void set_kernel_info(std::string json);

 private:
  static constexpr int kBatch = 64;
  static constexpr std::size_t kKeptBytes = std::size_t{64} << 10;
  // A controller that subscribes does so within milliseconds; one that does not, never.
  static constexpr Duration kHoldAtMost = std::chrono::seconds(2);
  // Of publications that wait for a controller to be started anew.
  static constexpr std::size_t kMaxHeld = 10'000;

  void turn();
  int poll_timeout_ms();

  // Registration.
  void serve_registration();
  void handle_registration(const wire::Message& message, const wire::Header& header);
  void apply(const Membership::Effects& effects);
  void send_registration();
  void become_registered();
  void return_to_controller();

  // Requests.
  void serve_requests(transport::Socket& socket, Channel channel);
  // False: of a controller that is no more.
  bool accept_epoch(wire::Message& message) const;
  void handle_request(wire::Message message, wire::Header header, Channel channel);
  // False if `type` is none that this thread answers by itself.
  bool handle_natively(const wire::Message& message, const wire::Header& header, Channel channel);
  void handle_abort(const wire::Message& message);
  void handle_received(const wire::Message& message);
  void handle_signal(const wire::Message& message);
  void handle_shutdown(const wire::Message& message);
  void answer(const wire::Message& to, std::string_view msg_type, std::string content,
              Channel channel);

  // Sending.
  void send_laid_out(Time now);
  void send(const Frames& frames, transport::Socket& socket);
  void send_reply(const Frames& frames, transport::Socket& socket);
  void complain_once(const Status& status);
  // Sends on iopub, or holds back until somebody listens there.
  void publish(Frames frames);
  void publish_held(Time now);

  // The end.
  void begin_end(Exit exit, const std::string& reason);
  void leave();
  [[noreturn]] void kill_process();

  // Decodes the next message of a socket; nullopt if there is none. Bad ones are skipped.
  struct Decoded {
    wire::Message message;
    wire::Header header;
  };
  enum class Next { kNone, kBad, kGood };
  Next next_message(transport::Socket& socket, Decoded& out);

  const EngineOptions& options_;
  Workbench& bench_;
  const pthread_t python_;

  // Owned by the thread.
  MessageMaker maker_;
  Links links_;
  Peers peers_;
  Exchange exchange_;
  std::vector<const transport::Socket*> peer_sockets_;
  Membership membership_;
  wire::ReplayGuard replays_;
  JsonReader json_;
  LogOncePer complaints_;
  std::vector<Outgoing> outgoing_;
  Unreceived unreceived_;
  std::vector<Frames> held_;
  std::optional<Time> hold_until_;
  std::optional<Time> kill_at_;
  bool left_ = false;

  // From other threads.
  std::atomic<int> engine_id_{-1};
  std::atomic<int> exit_{kNoExit};
  std::atomic<int> wanted_exit_{kNoExit};
  std::atomic<bool> stop_{false};
  std::mutex kernel_info_mutex_;
  std::string kernel_info_ = R"({"status":"ok","protocol_version":"5.3"})";

  static constexpr int kNoExit = -1;
};

}  // namespace engineroom::engine
