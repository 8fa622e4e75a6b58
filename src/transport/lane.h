// transport/lane.h — the way by which large buffers reach a process of the same machine.
//
// A lane is a Unix socket beside the ZeroMQ sockets of two peers. Messages go where they always go;
// but a buffer in shared memory (transport/shared_bytes.h) goes down the lane, as a descriptor, and
// the message has a reference in its place. The descriptor is sent first, so it is there when the
// message is, and nobody waits.
//
// All of it stays inside the I/O layer: Lane::share() before a message is sent, resolve() when one
// has come; whoever handles messages sees buffers as ever. A peer without a lane (on another
// machine, of another user, or that does not know lanes) never sees a reference. A reference is a
// random number that came down this very lane; what merely looks like one is data.
//
// Where the controller listens follows from the cluster's key: who has the connection file finds
// it, and shows by a signature that they have. Both sides want the other to be of their own user.
// The names are abstract ones, which leave no files behind.
//
// Threads: a Lane or LaneHub belongs to one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "transport/shared_bytes.h"
#include "transport/socket.h"
#include "wire/signer.h"

namespace engineroom::transport {

class Lane {
 public:
  // To the controller whose connection file has this key; nullopt if there is none here. `identity`
  // is the one of this peer's ZeroMQ sockets. `place`: not the controller, but who listens there.
  // Never blocks.
  static std::optional<Lane> connect(std::string_view key, std::string_view identity,
                                     std::string_view place = {});

  explicit Lane(UniqueFd socket) : socket_(std::move(socket)) {}

  // Sends the descriptors of all frames in shared memory ahead and puts references in their place.
  // A frame whose descriptor cannot be sent now stays as it is.
  void share(Frames& frames);
  // Puts what came down the lane in the place of references to it. With `keep`, it can be handed
  // on.
  void resolve(Frames& frames, bool keep);
  static bool has_reference(const Frames& frames);
  // False once the other side is found to have closed it.
  bool is_open() const { return static_cast<bool>(socket_); }
  // Looks, and closes it too.
  bool check_open();
  // Nothing has come that is not referred to yet.
  bool is_idle() const { return arrivals_.empty(); }

 private:
  using Id = std::array<std::uint64_t, 2>;
  struct Reference;
  struct Arrival {
    Id id;
    Bytes bytes;
  };
  // What was announced and is never referred to (its message was lost) is forgotten, oldest first.
  static constexpr std::size_t kMaxArrivals = 256;

  static std::optional<Reference> read_reference(const Bytes& frame);
  bool send(const Bytes& frame, const Id& id);
  void receive(bool keep);
  bool receive_one(bool keep);
  std::optional<Bytes> claim(const Id& id);

  UniqueFd socket_;
  Id next_id_ = {};
  std::deque<Arrival> arrivals_;
};

// The controller's end of all lanes, by the identity of the peer. Nothing of it is polled: what is
// needed has come by the time it is needed.
class LaneHub {
 public:
  // Listens for peers that know `key`; without a key, or if the system refuses, for none.
  explicit LaneHub(std::string_view key, std::string_view place = {});

  // For a message whose first frame is the identity of the peer it goes to or has come from.
  void share(Frames& frames);
  void resolve(Frames& frames);

  std::size_t size() const { return lanes_.size(); }

 private:
  // Peers that have connected and not said who they are; more are turned away.
  static constexpr std::size_t kMaxStrangers = 64;

  void accept_all();
  void greet();
  void sweep();
  Lane* find(const Frames& frames);

  wire::Signer signer_;
  UniqueFd listener_;
  std::vector<UniqueFd> strangers_;
  std::unordered_map<std::string, Lane> lanes_;
  std::size_t sweep_at_ = 64;
};

// Sends a message of which shared buffers go by `lanes`, a Lane or a LaneHub.
template <typename Lanes>
Status send_by(Lanes& lanes, Socket& socket, const Frames& frames) {
  if (std::none_of(frames.begin(), frames.end(), is_shared)) return socket.send(frames);
  Frames referring = frames;
  lanes.share(referring);
  return socket.send(referring);
}

}  // namespace engineroom::transport
