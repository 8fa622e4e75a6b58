#include "client/io_loop.h"
#include "base/id.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdint>
#include <utility>

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace engineroom::client {
namespace {

using transport::Socket;
using transport::SocketType;

// How many messages of one channel are read before the others, and what waits to be sent, have
// their turn.
constexpr int kMessagesPerTurn = 200;
constexpr std::chrono::milliseconds kRetrySend{10};
// Waking a thread, and a core that has gone to sleep, takes as long as all else of a round trip. So
// who waits for a reply looks for so long before it sleeps, unless the last wait took longer.
constexpr Duration kSpin = std::chrono::milliseconds(1);

// For poll(): rounded up, so that the time has come when the wait is over; -1 is for ever.
int to_milliseconds(std::optional<Duration> wait) {
  if (!wait) return -1;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*wait).count();
  return static_cast<int>(std::clamp<std::int64_t>(ms, 0, INT_MAX));
}

std::optional<Duration> earlier(std::optional<Duration> a, std::optional<Duration> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// Blocks all signals for as long as it lives: a thread started meanwhile inherits that. Signals
// then reach the thread that Python expects them on.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t previous_{};
};

transport::SocketOptions options_for(const wire::ConnectionInfo& info,
                                     const std::string& identity) {
  transport::SocketOptions options;
  options.identity = identity;
  if (!info.curve_serverkey.empty()) {
    // A pair of our own, made for this connection: possession of the server's key gives access.
    options.curve = transport::make_curve_keys();
    options.curve->server_key = info.curve_serverkey;
  }
  return options;
}

}  // namespace

IoLoop::IoLoop(Outbox& outbox, Handler& handler)
    : outbox_(outbox),
      handler_(handler),
      identity_(new_session_id()),
      leader_bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

IoLoop::~IoLoop() {
  stop(0);
  if (leader_bell_ >= 0) ::close(leader_bell_);
}

Status IoLoop::open(Channel channel, SocketType type, const std::string& url,
                    const wire::ConnectionInfo& info) {
  std::optional<Socket>& socket = sockets_[static_cast<std::size_t>(channel)];
  socket.emplace(*context_, type, options_for(info, identity_));
  if (type == SocketType::kSub) {
    if (Status status = socket->subscribe(""); !status.ok()) return status;
  }
  if (channel == Channel::kRegistration) {
    if (Status status = socket->watch_connections(); !status.ok()) return status;
  }
  return socket->connect(url);
}

Status IoLoop::connect(const wire::ConnectionInfo& info) {
  struct Endpoint {
    Channel channel;
    SocketType type;
    int port;
  };
  key_ = info.key;
  const int broadcast_port = info.broadcast.empty() ? 0 : info.broadcast.front();
  const Endpoint endpoints[] = {
      // What is published must not be missed: first.
      {Channel::kNotification, SocketType::kSub, info.notification},
      {Channel::kIopub, SocketType::kSub, info.iopub},
      {Channel::kRegistration, SocketType::kDealer, info.registration},
      {Channel::kTask, SocketType::kDealer, info.task},
      {Channel::kMux, SocketType::kDealer, info.mux},
      {Channel::kBroadcast, SocketType::kDealer, broadcast_port},
      {Channel::kControl, SocketType::kDealer, info.control},
  };
  context_ = std::make_unique<transport::Context>();
  for (const Endpoint& endpoint : endpoints) {
    Status status = open(endpoint.channel, endpoint.type, info.url(endpoint.port), info);
    if (!status.ok()) {
      close_sockets();
      return status;
    }
  }
  std::vector<Socket*> all;
  for (std::optional<Socket>& socket : sockets_) all.push_back(&*socket);
  poller_.emplace(all, outbox_.bell());
  leader_poller_.emplace(all, leader_bell_);
  open_ = true;
  return {};
}

void IoLoop::start() {
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

void IoLoop::stop(int linger_ms) {
  linger_ms_.store(linger_ms);
  stopping_.store(true);
  outbox_.ring();
  if (thread_.joinable()) thread_.join();
  close_sockets();
  context_.reset();
  pool_.clear();
}

void IoLoop::abandon() {
  if (thread_.joinable()) thread_.detach();
  // Closing them would talk to threads that do not exist.
  for (std::optional<Socket>& socket : sockets_) {
    if (socket) static_cast<void>(new Socket(std::move(*socket)));
    socket.reset();
  }
  static_cast<void>(context_.release());
}

void IoLoop::close_sockets() {
  const std::lock_guard lock(sockets_mutex_);
  open_ = false;
  for (std::optional<Socket>& socket : sockets_) {
    if (!socket) continue;
    socket->set_linger(linger_ms_.load());
    socket->close();
  }
}

// ---- the I/O thread ----

void IoLoop::run() {
  while (!handler_.finished()) {
    std::optional<Duration> wait;
    std::optional<Duration> absence;
    {
      const std::lock_guard lock(sockets_mutex_);
      send_outbox();
      // Looked at after the outbox: what was pushed before stop() is sent.
      if (stopping_.load()) break;
      const Time now = Clock::now();
      if (const std::optional<Time> until = handler_.on_turn(now)) wait = *until - now;
      if (!backlog_.empty()) wait = earlier(wait, kRetrySend);
      if (const std::optional<Time> until = pool_.on_time(now)) wait = earlier(wait, *until - now);
      absence = leave_to_others(now);
      if (!absence && poller_->must_look()) wait = Duration::zero();
    }
    if (absence) {
      poller_->sleep_on_wake_fd(to_milliseconds(earlier(wait, *absence)));
    } else {
      poller_->sleep(to_milliseconds(wait));
    }
    outbox_.awake();
    if (absence) continue;
    const std::lock_guard lock(sockets_mutex_);
    if (!leading_) read_ready(*poller_);
  }
  close_sockets();
}

std::optional<Duration> IoLoop::leave_to_others(Time now) const {
  // A leader that has led for longer than the lease rings when it ends.
  if (leading_)
    return now - led_since_ < kLease ? Duration(kLease) : Duration(std::chrono::hours(1));
  if (now < lease_until_) return lease_until_ - now;
  return std::nullopt;
}

// ---- the leader ----

bool IoLoop::begin_lead() {
  const std::lock_guard lock(sockets_mutex_);
  if (leading_ || !open_ || stopping_.load()) return false;
  leading_ = true;
  led_since_ = Clock::now();
  return true;
}

void IoLoop::end_lead() {
  bool take_over = false;
  {
    const std::lock_guard lock(sockets_mutex_);
    const Time now = Clock::now();
    leading_ = false;
    take_over = now - led_since_ >= kLease || handler_.expects_news() || handler_.finished() ||
                stopping_.load();
    lease_until_ = take_over ? now : now + kLease;
  }
  if (take_over) outbox_.ring();
}

void IoLoop::ring_leader() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(leader_bell_, &one, sizeof one);
}

void IoLoop::silence_leader_bell() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(leader_bell_, &count, sizeof count);
}

std::optional<WaitResult> IoLoop::lead(const std::function<bool()>& done,
                                       std::optional<Time> deadline, const Interrupt& interrupt) {
  if (!begin_lead()) return std::nullopt;
  const Time begin = Clock::now();
  const WaitResult result =
      lead_turns(done, deadline, interrupt, begin + (spins_ ? kSpin : Duration::zero()));
  spins_ = Clock::now() - begin <= kSpin;
  end_lead();
  return result;
}

WaitResult IoLoop::lead_turns(const std::function<bool()>& done, std::optional<Time> deadline,
                              const Interrupt& interrupt, Time spin_until) {
  Time look_at = Clock::now() + kInterruptSlice;  // for an interrupt
  for (;;) {
    const Time now = Clock::now();
    std::optional<Duration> wait;
    {
      const std::lock_guard lock(sockets_mutex_);
      if (const std::optional<Time> turn = handler_.on_turn(now)) wait = *turn - now;
      if (leader_poller_->must_look()) wait = Duration::zero();
    }
    // After on_turn(), which may be what does it.
    if (done()) return WaitResult::kReady;
    if (deadline && now >= *deadline) return WaitResult::kTimeout;
    if (interrupt && now >= look_at) {
      if (interrupt()) return WaitResult::kInterrupted;
      look_at = Clock::now() + kInterruptSlice;
    }
    if (deadline) wait = earlier(wait, *deadline - now);
    if (interrupt) wait = earlier(wait, look_at - now);
    leader_poller_->sleep(to_milliseconds(wait), spin_until - now);
    if (leader_poller_->woken()) silence_leader_bell();
    const std::lock_guard lock(sockets_mutex_);
    read_ready(*leader_poller_);
  }
}

void IoLoop::share_large(Frames& buffers) {
  const bool has_large = std::any_of(buffers.begin(), buffers.end(), transport::is_large);
  if (has_large && has_lane_.load(std::memory_order_relaxed))
    pool_.copy_large(buffers, Clock::now());
}

// ---- sending, with sockets_mutex_ held ----

bool IoLoop::try_send(const Outgoing& message) {
  const std::unique_lock lock(sockets_mutex_, std::try_to_lock);
  // What was submitted before goes before.
  if (!lock || !open_ || stopping_.load() || !backlog_.empty() || !outbox_.empty()) return false;
  if (!send(message)) return false;
  // What has arrived meanwhile was announced to this thread, which will not read it.
  if (!leading_ && socket(message.channel).readable()) outbox_.ring();
  return true;
}

void IoLoop::send_outbox() {
  send_backlog();
  for (;;) {
    std::vector<Outgoing> messages = outbox_.take_or_sleep();
    if (messages.empty()) return;
    for (Outgoing& message : messages) {
      if (!backlog_.empty() || !send(message)) backlog_.push_back(std::move(message));
    }
  }
}

// False if the socket cannot take it now.
bool IoLoop::send(const Outgoing& message) {
  Socket& to = socket(message.channel);
  const Status status =
      lane_ ? transport::send_by(*lane_, to, message.frames) : to.send(message.frames);
  if (status.code() == ErrorCode::kUnavailable) return false;
  // Any other failure means that the socket is gone, and its tasks will be told.
  // What has arrived meanwhile may have been announced to this thread instead of the leader.
  if (leading_ && socket(message.channel).readable()) ring_leader();
  if (message.task != nullptr) message.task->mark_sent();
  for (const TaskPtr& task : message.more) task->mark_sent();
  return true;
}

void IoLoop::send_backlog() {
  const auto stuck = std::find_if(backlog_.begin(), backlog_.end(),
                                  [this](const Outgoing& message) { return !send(message); });
  backlog_.erase(backlog_.begin(), stuck);
}

// ---- receiving, with sockets_mutex_ held ----

void IoLoop::read_ready(const transport::Poller& poller) {
  if (!open_) return;
  for (std::size_t i = 0; i < kChannels; ++i) {
    if (poller.ready(i)) read_channel(static_cast<Channel>(i));
  }
  if (poller.monitor_ready(static_cast<std::size_t>(Channel::kRegistration)))
    read_connection_events();
}

void IoLoop::read_channel(Channel channel) {
  for (int n = 0; n < kMessagesPerTurn; ++n) {
    std::optional<transport::Received> received = socket(channel).receive();
    if (!received) return;
    if (lane_) lane_->resolve(received->frames, false);
    handler_.on_frames(channel, std::move(received->frames));
  }
}

void IoLoop::read_connection_events() {
  using Kind = transport::ConnectionEvent::Kind;
  while (const auto event = socket(Channel::kRegistration).next_connection_event()) {
    if (event->kind == Kind::kConnected) join_lane();
    if (event->kind == Kind::kConnected) handler_.on_connection(true, Clock::now());
    if (event->kind == Kind::kClosed) handler_.on_connection(false, Clock::now());
  }
}

// The controller may be another one than before.
void IoLoop::join_lane() {
  if (lane_ && lane_->check_open()) return;
  lane_ = transport::Lane::connect(key_, identity_);
  has_lane_ = lane_.has_value();
}

}  // namespace engineroom::client
