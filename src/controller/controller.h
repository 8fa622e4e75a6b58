// controller/controller.h — the whole controller as one state machine over messages.
//
// It is told what came in on which channel, which connections closed and what time it is; it
// answers through the Outbox. It owns no socket, starts no thread and reads no clock, so a test is
// a list of frames in and a list of frames out. The parts it joins, and what each is about:
//
//   - Lifecycle: engines come, live and go.
//   - MuxRoute, ControlRoute: between a client and one engine; TaskRoute: load-balanced tasks;
//     BroadcastRoute: one request, many engines.
//   - IopubRelay: output of engines to clients; ResultRelay: results from engine to engine.
//   - Queries: what clients ask the hub; Growth: engines that may come, and may go.
//
// Threads: the loop thread only.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "controller/broadcast.h"
#include "controller/core.h"
#include "controller/growth.h"
#include "controller/iopub_relay.h"
#include "controller/lifecycle.h"
#include "controller/queries.h"
#include "controller/result_relay.h"
#include "controller/routing_direct.h"
#include "controller/routing_task.h"

namespace engineroom::controller {

class Controller {
 public:
  // `outbox`, `store` and `journal` must outlive it.
  Controller(ControllerConfig config, Outbox& outbox, store::Store& store,
             Journal* journal = nullptr);

  // Goes on with what the journal has of an earlier controller (restore.cpp). First of all, if at
  // all.
  void restore(Time now);

  // `connection`: names the connection of a registration message if its end means the peer's end,
  // else -1.
  void on_message(Channel channel, Frames frames, int connection, Time now);
  void on_connection_closed(int connection, Time now);
  // Messages that are sent in between leave together (Delivery).
  void begin_batch() { core_.delivery.begin_batch(); }
  void end_batch(Time now) { core_.delivery.end_batch(now); }
  // Call at next_deadline() or later.
  void on_time(Time now);
  Time next_deadline() const;

  // Relates `now` to the wall clock, for records; to be repeated now and then.
  void set_clocks(Time now, store::WallTime wall) { core_.set_clocks(now, wall); }

  // A client asked for the end; everything it must be told has been sent.
  bool wants_to_stop() const { return wants_to_stop_; }

  // One JSON object: counters, engines, tasks, records.
  std::string stats_json() const;
  const Core& core() const { return core_; }
  void sanity_check() const;

 private:
  Lifecycle::Events lifecycle_events();
  void on_registration_message(Frames frames, int connection, Time now);
  void on_query(Frames frames, Time now);
  void on_engine_reply(Channel channel, Frames frames, Time now);
  void on_subscription(const Frames& frames, Time now);
  void shut_down(const wire::Message& request, Time now);
  void tell_stats(const wire::Message& request);
  void tell(const wire::Message& request, std::string_view type,
            const Result<std::string>& content);
  void on_engine_returned(const wire::Message& message, Time now);
  void on_complete_notice(const wire::Message& message, Time now);
  void tell_receipts(Time now);
  void tell_released(Time now);

  Core core_;
  MuxRoute mux_;
  ControlRoute control_;
  TaskRoute tasks_;
  BroadcastRoute broadcasts_;
  IopubRelay iopub_;
  Queries queries_;
  ResultRelay results_;
  Lifecycle lifecycle_;
  Growth growth_;
  // After a restart: until when clients are still connecting.
  std::optional<Time> patient_until_;
  bool wants_to_stop_ = false;
};

}  // namespace engineroom::controller
