// controller/iopub_relay.h — the output of engines: passed on to all clients, and kept in the
// record.
//
// Most of this traffic is "busy" and "idle", recognised by its topic: nobody looks into it here.
// Where clients and engines have one key it is passed on as it is, and clients verify it; only what
// goes into the record, or makes the controller act, is verified here.
//
// Threads: the loop thread only.
#pragma once

#include <functional>

#include "controller/core.h"

namespace engineroom::controller {

class IopubRelay {
 public:
  // An engine says that it is shutting down.
  using OnShutdown = std::function<void(std::string_view engine_uuid, Time now)>;

  IopubRelay(Core& core, OnShutdown on_shutdown)
      : core_(core), on_shutdown_(std::move(on_shutdown)) {}

  void on_message(Frames frames, Time now);

 private:
  void look_into(const wire::Message& message, Time now);
  void record(const wire::Header& header, const wire::Message& message);

  Core& core_;
  OnShutdown on_shutdown_;
};

}  // namespace engineroom::controller
