#include "transport/lane.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <utility>

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace engineroom::transport {

// What a message has in place of a buffer, and what comes down the lane with its descriptor.
struct Lane::Reference {
  static constexpr std::array<char, 8> kMagic = {'e', 'r', '-', 'l', 'a', 'n', 'e', '\0'};

  Reference() = default;
  Reference(const Id& id, std::size_t size) : magic(kMagic), id(id), size(size) {}

  std::array<char, 8> magic{};
  Id id{};
  std::uint64_t size = 0;
};

namespace {

// A message of some bytes and room for one descriptor.
struct Envelope {
  Envelope(void* data, std::size_t size) : part{data, size} {
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  iovec part;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
};

// The first descriptor that came with a message; room for one is, by alignment, room for two, and
// what is not taken stays open for ever.
UniqueFd take_descriptor(msghdr& message) {
  UniqueFd first;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return first;
  const unsigned char* data = CMSG_DATA(header);
  for (std::size_t rest = header->cmsg_len - CMSG_LEN(0); rest >= sizeof(int);
       rest -= sizeof(int), data += sizeof(int)) {
    int number = -1;
    std::memcpy(&number, data, sizeof number);
    UniqueFd descriptor(number);
    if (!first) first = std::move(descriptor);
  }
  return first;
}

constexpr std::size_t kMaxIdentity = 255;  // ZeroMQ's limit
constexpr std::size_t kSignature = 64;

// Abstract names begin with a zero byte and end where the length says.
std::pair<sockaddr_un, socklen_t> address_of(wire::Signer& signer, std::string_view place) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name =
      "engineroom-" + signer.sign("engineroom lane", place, "", "").substr(0, 32);
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())};
}

std::string sign_hello(wire::Signer& signer, std::string_view identity) {
  return signer.sign("engineroom lane of", identity, "", "");
}

bool is_same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == ::geteuid();
}

// The first message of a lane: a signature, then the identity. Empty if it is none.
std::string check_hello(std::string_view hello, wire::Signer& signer) {
  if (hello.size() <= kSignature) return {};
  const std::string_view identity = hello.substr(kSignature);
  const bool is_signed =
      signer.verify(hello.substr(0, kSignature), "engineroom lane of", identity, "", "");
  return is_signed ? std::string(identity) : std::string();
}

}  // namespace

// ---- Lane ----

std::optional<Lane> Lane::connect(std::string_view key, std::string_view identity,
                                  std::string_view place) {
  wire::Signer signer(key);
  if (!signer.enabled() || identity.empty() || identity.size() > kMaxIdentity) return std::nullopt;
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto [address, length] = address_of(signer, place);
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      !is_same_user(socket.get()))
    return std::nullopt;
  const std::string hello = sign_hello(signer, identity).append(identity);
  if (::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    return std::nullopt;
  return Lane(std::move(socket));
}

void Lane::share(Frames& frames) {
  for (Bytes& frame : frames) {
    if (!is_open()) return;
    if (!is_shared(frame)) continue;
    // The first half is drawn once, the second counts.
    if (next_id_[0] == 0 && ::getrandom(next_id_.data(), sizeof next_id_, 0) != sizeof next_id_)
      return;
    ++next_id_[1];
    if (!send(frame, next_id_)) continue;
    const Reference reference(next_id_, frame.size());
    frame = Bytes::copy_of({reinterpret_cast<const char*>(&reference), sizeof reference});
  }
}

bool Lane::send(const Bytes& frame, const Id& id) {
  Reference reference(id, frame.size());
  Envelope envelope(&reference, sizeof reference);
  msghdr& message = envelope.message;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int descriptor = shared_descriptor(frame);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return true;
  if (errno == EPIPE || errno == ECONNRESET) socket_.reset();
  return false;
}

std::optional<Lane::Reference> Lane::read_reference(const Bytes& frame) {
  Reference reference{};
  if (frame.size() != sizeof reference) return std::nullopt;
  std::memcpy(&reference, frame.data(), sizeof reference);
  if (reference.magic != Reference::kMagic) return std::nullopt;
  return reference;
}

void Lane::resolve(Frames& frames, bool keep) {
  for (Bytes& frame : frames) {
    const std::optional<Reference> reference = read_reference(frame);
    if (!reference) continue;
    receive(keep);
    if (std::optional<Bytes> bytes = claim(reference->id)) frame = std::move(*bytes);
  }
}

bool Lane::has_reference(const Frames& frames) {
  return std::any_of(frames.begin(), frames.end(),
                     [](const Bytes& frame) { return read_reference(frame).has_value(); });
}

bool Lane::check_open() {
  char byte = 0;
  if (!is_open()) return false;
  const ssize_t n = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) socket_.reset();
  return is_open();
}

void Lane::receive(bool keep) {
  while (is_open() && receive_one(keep)) {
  }
}

// False if there is no more.
bool Lane::receive_one(bool keep) {
  Reference reference{};
  Envelope envelope(&reference, sizeof reference);
  msghdr& message = envelope.message;
  const ssize_t n = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) return errno == EINTR;
  UniqueFd descriptor = take_descriptor(message);
  // What has come already can still be claimed.
  if (n == 0) {
    socket_.reset();
    return false;
  }
  if (n != sizeof reference || !descriptor) return true;
  std::optional<Bytes> bytes = map_shared(std::move(descriptor), reference.size, keep);
  if (!bytes) return true;
  if (arrivals_.size() == kMaxArrivals) arrivals_.pop_front();
  arrivals_.push_back({reference.id, std::move(*bytes)});
  return true;
}

std::optional<Bytes> Lane::claim(const Id& id) {
  const auto found = std::find_if(arrivals_.begin(), arrivals_.end(),
                                  [&id](const Arrival& arrival) { return arrival.id == id; });
  if (found == arrivals_.end()) return std::nullopt;
  std::optional<Bytes> bytes = std::move(found->bytes);
  arrivals_.erase(found);
  return bytes;
}

// ---- LaneHub ----

LaneHub::LaneHub(std::string_view key, std::string_view place) : signer_(key) {
  if (!signer_.enabled()) return;
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto [address, length] = address_of(signer_, place);
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0)
    return;
  listener_ = std::move(socket);
}

void LaneHub::share(Frames& frames) {
  if (Lane* lane = find(frames)) lane->share(frames);
}

void LaneHub::resolve(Frames& frames) {
  if (!Lane::has_reference(frames)) return;
  if (Lane* lane = find(frames)) lane->resolve(frames, true);
}

Lane* LaneHub::find(const Frames& frames) {
  accept_all();
  const auto found = lanes_.find(frames.front().str());
  return found == lanes_.end() ? nullptr : &found->second;
}

void LaneHub::accept_all() {
  while (listener_) {
    UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) break;
    // Many may have connected since the last look; they have said who they are, and must not be
    // turned away, because what they send counts as delivered.
    if (strangers_.size() == kMaxStrangers) greet();
    if (is_same_user(socket.get()) && strangers_.size() < kMaxStrangers)
      strangers_.push_back(std::move(socket));
  }
  greet();
}

void LaneHub::greet() {
  std::erase_if(strangers_, [this](UniqueFd& socket) {
    std::array<char, kSignature + kMaxIdentity> text{};
    const ssize_t n = ::recv(socket.get(), text.data(), text.size(), MSG_DONTWAIT);
    if (n < 0) return errno != EAGAIN && errno != EINTR;
    const std::string identity = check_hello({text.data(), static_cast<std::size_t>(n)}, signer_);
    if (identity.empty()) return true;
    if (lanes_.size() >= sweep_at_) sweep();
    lanes_.insert_or_assign(identity, Lane(std::move(socket)));
    return true;
  });
}

void LaneHub::sweep() {
  for (auto it = lanes_.begin(); it != lanes_.end();) {
    const bool is_dead = !it->second.check_open() && it->second.is_idle();
    it = is_dead ? lanes_.erase(it) : std::next(it);
  }
  sweep_at_ = std::max(sweep_at_, 2 * lanes_.size());
}

}  // namespace engineroom::transport
