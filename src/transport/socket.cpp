#include "transport/socket.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

namespace engineroom::transport {
namespace {

// Frames up to this size are copied together into one block per message; larger ones stay where
// ZeroMQ has put them.
constexpr std::size_t kCopiedBytes = 1024;

constexpr std::string_view kIpcScheme = "ipc://";

Status zmq_failure(const std::string& what, int error) {
  ErrorCode code = ErrorCode::kIo;
  if (error == ETERM || error == ENOTSOCK) code = ErrorCode::kClosed;
  if (error == EAGAIN || error == EADDRINUSE) code = ErrorCode::kUnavailable;
  if (error == EINVAL || error == EPROTONOSUPPORT || error == ENODEV)
    code = ErrorCode::kInvalidArgument;
  if (error == ENOENT) code = ErrorCode::kNotFound;
  return Status(code, what + ": " + zmq_strerror(error));
}

int native_type(SocketType type) {
  switch (type) {
    case SocketType::kRouter:
      return ZMQ_ROUTER;
    case SocketType::kDealer:
      return ZMQ_DEALER;
    case SocketType::kPub:
      return ZMQ_PUB;
    case SocketType::kSub:
      return ZMQ_SUB;
    case SocketType::kXpub:
      return ZMQ_XPUB;
    case SocketType::kXsub:
      return ZMQ_XSUB;
    case SocketType::kPair:
      return ZMQ_PAIR;
  }
  return -1;
}

// ---- options ----

// Options are set on fresh sockets with values of ours: a refusal is a bug, or a CURVE key that is
// none.
void check_option(int rc, int option) {
  if (rc == 0) return;
  std::fprintf(stderr, "engineroom: zmq_setsockopt(%d): %s\n", option, zmq_strerror(zmq_errno()));
  std::abort();
}

void set_option(void* socket, int option, int value) {
  check_option(zmq_setsockopt(socket, option, &value, sizeof value), option);
}

void set_option(void* socket, int option, const std::string& value) {
  check_option(zmq_setsockopt(socket, option, value.data(), value.size()), option);
}

void set_curve_options(void* socket, const CurveKeys& keys) {
  if (keys.is_server) {
    set_option(socket, ZMQ_CURVE_SERVER, 1);
    set_option(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key);
    return;
  }
  set_option(socket, ZMQ_CURVE_SERVERKEY, keys.server_key);
  set_option(socket, ZMQ_CURVE_PUBLICKEY, keys.public_key);
  set_option(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key);
}

void set_options(void* socket, const SocketOptions& options) {
  set_option(socket, ZMQ_IPV6, 0);
  set_option(socket, ZMQ_LINGER, options.linger_ms);
  set_option(socket, ZMQ_SNDHWM, options.send_high_water_mark);
  set_option(socket, ZMQ_RCVHWM, options.receive_high_water_mark);
  if (!options.identity.empty()) set_option(socket, ZMQ_ROUTING_ID, options.identity);
  check_option(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &options.max_message_bytes,
                              sizeof options.max_message_bytes),
               ZMQ_MAXMSGSIZE);
  if (options.kernel_buffer_bytes > 0) {
    set_option(socket, ZMQ_SNDBUF, options.kernel_buffer_bytes);
    set_option(socket, ZMQ_RCVBUF, options.kernel_buffer_bytes);
  }
  // A peer whose machine vanished is noticed after about two minutes instead of never.
  set_option(socket, ZMQ_TCP_KEEPALIVE, 1);
  set_option(socket, ZMQ_TCP_KEEPALIVE_IDLE, 60);
  set_option(socket, ZMQ_TCP_KEEPALIVE_INTVL, 15);
  set_option(socket, ZMQ_TCP_KEEPALIVE_CNT, 4);
  if (options.curve) set_curve_options(socket, *options.curve);
}

// ---- ipc paths ----

// True if a process accepts connections on this Unix socket.
bool someone_listens(const sockaddr_un& address) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const int rc = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool listens = rc == 0 || errno == EAGAIN || errno == EINPROGRESS;
  ::close(fd);
  return listens;
}

// ZeroMQ deletes whatever is at the path before it binds. Only a socket that nobody listens on may
// go that way.
Status check_ipc_path(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Status(ErrorCode::kInvalidArgument,
                  "ipc path of " + std::to_string(path.size()) + " characters, at most " +
                      std::to_string(sizeof address.sun_path - 1) +
                      " are possible; use a folder with a shorter name: " + path);
  }
  if (path.empty() || path == "*" || path[0] == '@')
    return {};  // ZeroMQ's own forms: there is no file in the way
  std::memcpy(address.sun_path, path.data(), path.size());

  struct stat stat{};
  if (::lstat(path.c_str(), &stat) != 0) return {};
  if (!S_ISSOCK(stat.st_mode)) {
    return Status(ErrorCode::kInvalidArgument,
                  path + " exists and is no socket; remove it or choose another path");
  }
  if (someone_listens(address)) {
    return Status(ErrorCode::kUnavailable, "another process listens on " + path);
  }
  return {};
}

// ---- sending ----

void release_owner(void* /*data*/, void* hint) {
  delete static_cast<std::shared_ptr<const void>*>(hint);
}

// Makes a ZeroMQ message of a frame: large ones by reference, small ones by copy.
bool init_message(zmq_msg_t* message, const Bytes& frame) {
  if (frame.size() >= Socket::kZeroCopyBytes) {
    // ZeroMQ wants a mutable pointer and does not write to it. Memory without an owner lives for
    // ever.
    void* data = const_cast<char*>(frame.data());
    if (frame.owner() == nullptr)
      return zmq_msg_init_data(message, data, frame.size(), nullptr, nullptr) == 0;
    auto* owner = new std::shared_ptr<const void>(frame.owner());
    if (zmq_msg_init_data(message, data, frame.size(), release_owner, owner) == 0) return true;
    delete owner;
    return false;
  }
  if (zmq_msg_init_size(message, frame.size()) != 0) return false;
  std::memcpy(zmq_msg_data(message), frame.data(), frame.size());
  return true;
}

// 0, or the error number.
int send_frame(void* socket, const Bytes& frame, bool more) {
  zmq_msg_t message;
  if (!init_message(&message, frame)) return ENOMEM;
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  int rc = zmq_msg_send(&message, socket, flags);
  while (rc < 0 && zmq_errno() == EINTR) rc = zmq_msg_send(&message, socket, flags);
  if (rc >= 0) return 0;
  const int error = zmq_errno();
  zmq_msg_close(&message);
  return error;
}

// ---- receiving ----

// Keeps a received frame where ZeroMQ has put it.
struct ReceivedFrame {
  ReceivedFrame() { zmq_msg_init(&message); }
  ~ReceivedFrame() { zmq_msg_close(&message); }
  ReceivedFrame(const ReceivedFrame&) = delete;
  ReceivedFrame& operator=(const ReceivedFrame&) = delete;
  zmq_msg_t message;
};

// Collects the frames of one message. Small ones are gathered in `small_`, which is reused, and
// share one block in the end: one allocation and one owner instead of one per frame.
class FrameCollector {
 public:
  void begin() {
    small_.clear();
    parts_.clear();
  }

  std::size_t size() const { return parts_.size(); }

  void add(zmq_msg_t* message) {
    const std::size_t size = zmq_msg_size(message);
    if (size <= kCopiedBytes) {
      parts_.push_back({small_.size(), size, {}});
      small_.append(static_cast<const char*>(zmq_msg_data(message)), size);
      return;
    }
    auto owner = std::make_shared<ReceivedFrame>();
    zmq_msg_move(&owner->message, message);
    const void* data = zmq_msg_data(&owner->message);
    parts_.push_back({0, 0, Bytes(std::move(owner), data, size)});
  }

  Frames finish() {
    Frames frames;
    frames.reserve(parts_.size());
    const std::shared_ptr<char[]> block = std::make_shared_for_overwrite<char[]>(small_.size());
    if (!small_.empty()) std::memcpy(block.get(), small_.data(), small_.size());
    for (Part& part : parts_) {
      if (part.large.owner() != nullptr) {
        frames.push_back(std::move(part.large));
      } else {
        frames.emplace_back(block, block.get() + part.offset, part.size);
      }
    }
    release_unusual_memory();
    return frames;
  }

 private:
  struct Part {
    std::size_t offset;  // into small_, unless `large` has the bytes
    std::size_t size;
    Bytes large;
  };

  // One message of very many frames must not make the thread hold its memory for good.
  void release_unusual_memory() {
    if (small_.capacity() > (1u << 18)) small_ = std::string();
    if (parts_.capacity() > 4096) parts_ = std::vector<Part>();
  }

  std::string small_;
  std::vector<Part> parts_;
};

int connection_of(zmq_msg_t* message) {
  // The property that ZMQ_SRCFD reads; asked for by name because messages that came over inproc
  // lack it.
  const char* fd = zmq_msg_gets(message, "__fd");
  return fd != nullptr ? std::atoi(fd) : -1;
}

// False if there is nothing (or no socket any more).
bool receive_frame(void* socket, zmq_msg_t* message, int flags) {
  int rc = zmq_msg_recv(message, socket, flags);
  while (rc < 0 && zmq_errno() == EINTR) rc = zmq_msg_recv(message, socket, flags);
  return rc >= 0;
}

// ---- connection events ----

constexpr int kWatchedEvents = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED |
                               ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

// An event's first frame: 16 bits of event and 32 bits of value, in the machine's byte order,
// unaligned.
struct RawEvent {
  std::uint16_t event = 0;
  std::int32_t value = 0;
};

std::optional<RawEvent> parse_event(zmq_msg_t* message) {
  RawEvent raw;
  if (zmq_msg_size(message) != sizeof raw.event + sizeof raw.value) return std::nullopt;
  const char* data = static_cast<const char*>(zmq_msg_data(message));
  std::memcpy(&raw.event, data, sizeof raw.event);
  std::memcpy(&raw.value, data + sizeof raw.event, sizeof raw.value);
  return raw;
}

ConnectionEvent to_connection_event(const RawEvent& raw) {
  using Kind = ConnectionEvent::Kind;
  if (raw.event == ZMQ_EVENT_ACCEPTED) return {Kind::kAccepted, raw.value};
  if (raw.event == ZMQ_EVENT_CONNECTED) return {Kind::kConnected, raw.value};
  if (raw.event == ZMQ_EVENT_DISCONNECTED) return {Kind::kClosed, raw.value};
  return {Kind::kHandshakeFailed, -1};  // the value is an error code
}

}  // namespace

// ---- Context ----

CurveKeys make_curve_keys() {
  // 40 characters and a zero each.
  std::array<char, 41> public_key{};
  std::array<char, 41> secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
    std::fprintf(stderr, "engineroom: this libzmq was built without CURVE\n");
    std::abort();
  }
  CurveKeys keys;
  keys.public_key = public_key.data();
  keys.secret_key = secret_key.data();
  return keys;
}

Context::Context(int io_threads) : context_(zmq_ctx_new()) {
  if (context_ == nullptr) {
    std::perror("engineroom: zmq_ctx_new");
    std::abort();
  }
  zmq_ctx_set(context_, ZMQ_IO_THREADS, io_threads);
  // The default of 1,023 sockets is too few for a client that simulates many engines; memory is
  // used per socket made.
  zmq_ctx_set(context_, ZMQ_MAX_SOCKETS, zmq_ctx_get(context_, ZMQ_SOCKET_LIMIT));
}

Context::~Context() {
  while (zmq_ctx_term(context_) != 0 && zmq_errno() == EINTR) {
  }
}

// ---- Socket ----

struct Socket::State {
  void* context = nullptr;
  void* socket = nullptr;
  void* monitor = nullptr;  // receives connection events, once watched
  FrameCollector collector;
  bool may_have_more = true;  // see Socket::may_have_more()
  bool may_have_more_events = true;

  ~State() { close(); }

  void close() {
    // The socket first: it stops its monitoring, which would otherwise have nowhere to report.
    if (socket != nullptr) zmq_close(std::exchange(socket, nullptr));
    if (monitor != nullptr) zmq_close(std::exchange(monitor, nullptr));
  }
};

namespace {
Status closed_status() { return Status(ErrorCode::kClosed, "the socket is closed"); }
}  // namespace

Socket::Socket(Context& context, SocketType type, const SocketOptions& options)
    : state_(std::make_unique<State>()) {
  state_->context = context.handle();
  state_->socket = zmq_socket(context.handle(), native_type(type));
  if (state_->socket == nullptr) {
    // Out of file descriptors, or the context is gone: every call will say so.
    std::fprintf(stderr, "engineroom: zmq_socket: %s\n", zmq_strerror(zmq_errno()));
    return;
  }
  set_options(state_->socket, options);
}

Socket::~Socket() = default;
Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;

Result<std::string> Socket::bind(const std::string& endpoint) {
  if (state_->socket == nullptr) return closed_status();
  if (endpoint.starts_with(kIpcScheme)) {
    if (Status status = check_ipc_path(endpoint.substr(kIpcScheme.size())); !status.ok())
      return status;
  }
  if (zmq_bind(state_->socket, endpoint.c_str()) != 0)
    return zmq_failure("cannot bind " + endpoint, zmq_errno());
  std::array<char, 512> actual{};
  std::size_t size = actual.size();
  if (zmq_getsockopt(state_->socket, ZMQ_LAST_ENDPOINT, actual.data(), &size) != 0) return endpoint;
  return std::string(actual.data());
}

Status Socket::connect(const std::string& endpoint) {
  if (state_->socket == nullptr) return closed_status();
  if (zmq_connect(state_->socket, endpoint.c_str()) == 0) return {};
  return zmq_failure("cannot connect to " + endpoint, zmq_errno());
}

Status Socket::disconnect(const std::string& endpoint) {
  if (state_->socket == nullptr) return closed_status();
  if (zmq_disconnect(state_->socket, endpoint.c_str()) == 0) return {};
  return zmq_failure("cannot disconnect from " + endpoint, zmq_errno());
}

Status Socket::subscribe(std::string_view prefix) {
  if (state_->socket == nullptr) return closed_status();
  if (zmq_setsockopt(state_->socket, ZMQ_SUBSCRIBE, prefix.data(), prefix.size()) == 0) return {};
  return zmq_failure("cannot subscribe", zmq_errno());
}

Status Socket::send(const Frames& frames) {
  assert(!frames.empty());
  if (state_->socket == nullptr) return closed_status();
  state_->may_have_more = true;
  // ZeroMQ accepts or refuses a message with its first frame. Later frames fail only if the
  // connection dies in between; ZeroMQ then takes back what it has and swallows the rest, which it
  // must be given to keep count.
  int failure = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const int error = send_frame(state_->socket, frames[i], i + 1 < frames.size());
    if (error == 0) continue;
    failure = error;
    if (i == 0 || error != EAGAIN) break;
  }
  if (failure == 0) return {};
  return zmq_failure("cannot send", failure);
}

std::optional<Received> Socket::receive() {
  if (state_->socket == nullptr) return std::nullopt;
  ReceivedFrame frame;
  state_->may_have_more = receive_frame(state_->socket, &frame.message, ZMQ_DONTWAIT);
  if (!state_->may_have_more) return std::nullopt;

  Received received;
  FrameCollector& collector = state_->collector;
  collector.begin();
  bool more = true;
  while (more) {
    more = zmq_msg_more(&frame.message) != 0;
    // Of a ROUTER that was polled before, the first frame (the identity) lacks the number.
    if (received.connection < 0 && collector.size() < 2) {
      received.connection = connection_of(&frame.message);
    }
    collector.add(&frame.message);
    // The rest of a message is there as soon as its first frame is. It fails only if the context
    // was terminated.
    if (more && !receive_frame(state_->socket, &frame.message, 0)) return std::nullopt;
  }
  received.frames = collector.finish();
  return received;
}

Status Socket::watch_connections() {
  if (state_->socket == nullptr) return closed_status();
  if (state_->monitor != nullptr) return {};
  static std::atomic<std::uint64_t> counter{0};
  const std::string endpoint =
      "inproc://engineroom-monitor-" + std::to_string(counter.fetch_add(1));
  if (zmq_socket_monitor(state_->socket, endpoint.c_str(), kWatchedEvents) != 0) {
    return zmq_failure("cannot watch connections", zmq_errno());
  }
  state_->monitor = zmq_socket(state_->context, ZMQ_PAIR);
  if (state_->monitor == nullptr) return zmq_failure("cannot watch connections", zmq_errno());
  set_option(state_->monitor, ZMQ_LINGER, 0);
  // Events come as fast as peers connect and are never worth blocking an I/O thread for.
  set_option(state_->monitor, ZMQ_RCVHWM, 0);
  if (zmq_connect(state_->monitor, endpoint.c_str()) == 0) return {};
  return zmq_failure("cannot watch connections", zmq_errno());
}

std::optional<ConnectionEvent> Socket::next_connection_event() {
  if (state_->monitor == nullptr) return std::nullopt;
  ReceivedFrame frame;
  state_->may_have_more_events = receive_frame(state_->monitor, &frame.message, ZMQ_DONTWAIT);
  if (!state_->may_have_more_events) return std::nullopt;
  const std::optional<RawEvent> raw = parse_event(&frame.message);
  while (zmq_msg_more(&frame.message) != 0) {  // the address, which nobody needs
    if (!receive_frame(state_->monitor, &frame.message, 0)) break;
  }
  if (!raw) return std::nullopt;
  return to_connection_event(*raw);
}

namespace {
int get_fd(void* socket) {
  int fd = -1;
  std::size_t size = sizeof fd;
  if (socket == nullptr || zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0) return -1;
  return fd;
}
}  // namespace

int Socket::fd() const { return get_fd(state_->socket); }

int Socket::monitor_fd() const { return get_fd(state_->monitor); }

bool Socket::readable() {
  int events = 0;
  std::size_t size = sizeof events;
  if (state_->socket == nullptr || zmq_getsockopt(state_->socket, ZMQ_EVENTS, &events, &size) != 0)
    return false;
  state_->may_have_more = (events & ZMQ_POLLIN) != 0;
  return state_->may_have_more;
}

bool Socket::may_have_more() const { return state_->may_have_more; }

bool Socket::may_have_more_events() const {
  return state_->monitor != nullptr && state_->may_have_more_events;
}

void* Socket::handle() const { return state_ != nullptr ? state_->socket : nullptr; }

void* Socket::monitor_handle() const { return state_ != nullptr ? state_->monitor : nullptr; }

void Socket::set_linger(int linger_ms) {
  if (state_ != nullptr && state_->socket != nullptr)
    set_option(state_->socket, ZMQ_LINGER, linger_ms);
}

void Socket::close() {
  if (state_ != nullptr) state_->close();
}

// ---- poll ----

int poll(const PollSet& set, int timeout_ms) {
  thread_local std::vector<zmq_pollitem_t>
      items;  // reused: this is called once per turn of an event loop
  items.clear();
  for (const Socket* socket : set.sockets) {
    if (socket->handle() != nullptr) items.push_back({socket->handle(), 0, ZMQ_POLLIN, 0});
    if (void* monitor = socket->monitor_handle()) items.push_back({monitor, 0, ZMQ_POLLIN, 0});
  }
  if (set.wake_fd >= 0) items.push_back({nullptr, set.wake_fd, ZMQ_POLLIN, 0});
  const int ready = zmq_poll(items.data(), static_cast<int>(items.size()), timeout_ms);
  return std::max(ready, 0);
}

}  // namespace engineroom::transport
