// client/channel.h — the connections of a client to its controller.
#pragma once

#include <cstddef>

namespace engineroom::client {

// In the order in which the I/O thread reads them: replies before notifications, so that an engine
// that answered and left is not taken for one that died with the task.
enum class Channel { kTask, kMux, kBroadcast, kControl, kIopub, kRegistration, kNotification };

inline constexpr std::size_t kChannels = 7;

// What goes this way survives a controller with a journal.
inline bool is_journaled(Channel channel) {
  return channel == Channel::kTask || channel == Channel::kMux || channel == Channel::kBroadcast;
}

}  // namespace engineroom::client
