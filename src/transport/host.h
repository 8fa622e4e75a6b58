// transport/host.h — which host this is: where Unix sockets reach, and shared memory with them.
#pragma once

#include <string>

namespace engineroom::transport {

// One text for all processes of one running system and network namespace, within which abstract
// names of sockets are known.
std::string this_host();

}  // namespace engineroom::transport
