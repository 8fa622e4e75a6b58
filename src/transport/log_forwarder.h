// transport/log_forwarder.h — copies of the process's log for a collector elsewhere.
//
// A socket for publications connects to the collector, a SUB socket that listens: programs of many
// hosts report to one. A message is [topic, text], the topic being "controller.INFO" or
// "engine.3.WARNING", as ipyparallel's programs send with --log-url, so that subscribers can
// choose.
//
// Nothing waits for the collector: what is said while it is away is lost (and is in the log).
// Messages are neither encrypted nor signed; they hold what logs hold, never keys or data of users.
//
// Threads: any; and a forked child keeps quiet.
#pragma once

#include <string>

#include "base/status.h"

namespace engineroom::transport {

// From now on, what goes to the default logger also goes to `url`. Call it after set_up_logging().
// Waits a moment for the collector.
Status forward_logs(const std::string& url, std::string topic);
// For an engine, whose number is known later. Does nothing if logs are not forwarded.
void set_log_topic(std::string topic);

}  // namespace engineroom::transport
