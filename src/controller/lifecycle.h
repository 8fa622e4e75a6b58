// controller/lifecycle.h — engines come, live and go.
//
//   registration_request → pending → first pong → registered → … → gone
//
// An engine is gone when it (or anybody) says so, when its heart stops, or when its registration
// connection closes (told only for peers on this machine, where a closed connection means a dead
// process; across a network it may be a hiccup that ZeroMQ repairs by itself, and the heartbeat
// decides). Clients are notified when an engine is registered and when it is gone.
//
// An engine that was given up but is heard of again cannot go on under its old id: its tasks were
// given to others. Our own engines are told so and register anew; stock ones cannot, and are shut
// down. So are engines that were retired and are still there.
//
// Threads: the loop thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "controller/core.h"
#include "controller/heart_monitor.h"
#include "controller/json_object.h"

namespace engineroom::controller {

// The version that our own engines send in their registration requests, under this name.
inline constexpr std::string_view kOwnEngineKey = "engineroom";

class Lifecycle {
 public:
  struct Events {
    std::function<void(const Engine&, Time)> on_joined;
    // Called before clients are notified. The registry has forgotten the engine.
    std::function<void(const Engine&, Time)> on_lost;
    // Ask an engine that should not be there, or is not needed, to exit.
    std::function<void(std::string_view uuid)> on_unwanted;
  };

  Lifecycle(Core& core, Events events);

  // The engines of the journal: awaited, as far as they can come back. Clients know them.
  void restore(Time now);
  // Of these, the ones that are not ours: they end with their controller.
  void give_up_strangers(Time now);
  // An awaited engine has said what it holds.
  void on_returned(Engine& engine, Time now);

  // `identity`: of the registration socket; `connection`: -1 if its end says nothing.
  void on_registration_request(const wire::Message& request, int connection, Time now);
  void on_unregistration_request(const wire::Message& request, Time now);
  void on_connection_closed(int connection, Time now);
  void on_shutdown_announced(std::string_view uuid, Time now);
  // It has nothing to do, and is told to exit. Nothing is sent to it from now on.
  void retire(EngineId id, Time now);
  void on_pong(Frames frames, Time now);
  // Somebody subscribed to our pings.
  void on_subscription(Time now) { hearts_.want_extra_ping(now); }
  // A message came from this uuid, which is no engine.
  void on_stranger(std::string_view uuid, Time now);

  void on_time(Time now);
  Time next_deadline() const;

 private:
  void complete_registration(Engine& engine, Time now);
  void lose(EngineId id, Departure why, Time now);
  void give_up_pending(Time now);
  void give_up_awaited(Time now);
  bool welcome_back(const JsonObject& content, const wire::Message& request, int connection,
                    Time now);
  void reply_ok(const Engine& engine, const wire::Message& request);
  void reply_error(const wire::Message& request, std::string evalue);
  void notify(std::string_view type, const Engine& engine);

  Core& core_;
  const Events events_;
  HeartMonitor hearts_;
  const Duration registration_timeout_;
  // When those that are awaited still are given up.
  std::optional<Time> awaited_until_;
};

// {"id":…,"uuid":…}
std::string engine_content(EngineId id, std::string_view uuid);

}  // namespace engineroom::controller
