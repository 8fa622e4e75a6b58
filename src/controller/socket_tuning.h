// controller/socket_tuning.h — ZeroMQ options that only a controller's sockets need.
#pragma once

#include "transport/socket.h"

namespace engineroom::controller {

// ROUTERs say when a peer is not there, instead of dropping what is sent to it (Delivery waits for
// engines, and counts what clients miss). XPUBs report every subscriber, not only the first. All
// accept a thousand peers at once.
void tune(transport::Socket& socket, transport::SocketType type);

}  // namespace engineroom::controller
