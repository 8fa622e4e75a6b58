#include "controller/server.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "controller/records.h"

namespace engineroom::controller {
namespace {

// Messages taken from one socket before the next has its turn.
constexpr int kBatch = 64;

// The sockets that are read, replies before requests: what is finished makes room for what is new.
// Output of engines comes after their replies, so that a shutdown announced there does not overtake
// results sent before.
constexpr std::array<Channel, 12> kInbound = {
    Channel::kTaskEngine,    Channel::kMuxEngine,    Channel::kBroadcastEngine,
    Channel::kControlEngine, Channel::kPong,         Channel::kPing,
    Channel::kIopubEngine,   Channel::kRegistration, Channel::kControlClient,
    Channel::kTaskClient,    Channel::kMuxClient,    Channel::kBroadcastClient};

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR1);
  return set;
}

scheduler::SchedulerConfig scheduler_config(const Options& options) {
  scheduler::SchedulerConfig config;
  if (const auto policy = scheduler::parse_policy(options.scheme)) {
    config.policy = *policy;
  } else {
    ER_LOG_WARN("no scheme '{}': taking leastload", options.scheme);
  }
  // ipyparallel's 0 is "no limit"; absent is ours to decide.
  if (options.hwm) {
    config.high_water_mark =
        *options.hwm == 0 ? scheduler::SchedulerConfig::kUnlimited : *options.hwm;
  }
  return config;
}

std::string ports_json(const wire::ConnectionInfo& engine) {
  JsonWriter w;
  w.begin_object().key("registration").value(engine.registration);
  w.key("control")
      .value(engine.control)
      .key("mux")
      .value(engine.mux)
      .key("task")
      .value(engine.task);
  w.key("iopub").value(engine.iopub).key("hb_ping").value(engine.hb_ping);
  w.key("hb_pong").value(engine.hb_pong).key("broadcast").begin_array();
  for (const int port : engine.broadcast) w.value(port);
  w.end_array().end_object();
  return w.take();
}

// Requests and replies: their first frame is the identity of a peer.
bool is_laned(Channel channel) {
  switch (channel) {
    case Channel::kMuxClient:
    case Channel::kMuxEngine:
    case Channel::kTaskClient:
    case Channel::kTaskEngine:
    case Channel::kBroadcastClient:
    case Channel::kBroadcastEngine:
    case Channel::kControlClient:
    case Channel::kControlEngine:
    case Channel::kRegistration:
      return true;
    default:
      return false;
  }
}

// True if the other end of this connection is on this machine, so that its closing means the peer's
// end.
bool is_local_peer(int connection) {
  sockaddr_storage peer{};
  sockaddr_storage own{};
  socklen_t peer_size = sizeof peer;
  socklen_t own_size = sizeof own;
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return false;
  if (peer.ss_family == AF_UNIX) return true;
  if (peer.ss_family != AF_INET) return false;
  const auto address = [](const sockaddr_storage& storage) {
    return ntohl(reinterpret_cast<const sockaddr_in&>(storage).sin_addr.s_addr);
  };
  if (address(peer) >> 24 == 127) return true;
  return ::getsockname(connection, reinterpret_cast<sockaddr*>(&own), &own_size) == 0 &&
         address(own) == address(peer);
}

}  // namespace

void block_signals() {
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Server::Server(Options options) : options_(std::move(options)), files_(options_) {}

Server::~Server() {
  if (signal_fd_ >= 0) ::close(signal_fd_);
}

// ---- start ----

Status Server::start() {
  if (Status status = files_.make_folders(); !status.ok()) return status;
  std::optional<transport::CurveKeys> curve;
  if (options_.enable_curve || !is_local_only(options_)) {
    auto keys = curve_keys(options_, files_);
    if (!keys.ok()) return keys.status();
    curve = keys.take();
    if (!options_.enable_curve) ER_LOG_INFO("listening on {}: traffic is encrypted", options_.ip);
  }
  Addresses addresses = plan_addresses(options_, files_, curve ? curve->public_key : "");
  if (options_.reuse_files) {
    auto existing = files_.read_existing();
    if (!existing.ok()) return existing.status();
    if (existing.value()) {
      addresses = *existing.take();
      addresses.client.curve_serverkey = addresses.engine.curve_serverkey =
          curve ? curve->public_key : "";
    }
  }

  sockets_ = std::make_unique<Sockets>(options_, curve);
  if (Status status = sockets_->bind(addresses, options_); !status.ok()) return status;
  for (const Status& status : {(*sockets_)[Channel::kIopubEngine].subscribe(""),
                               (*sockets_)[Channel::kRegistration].watch_connections()}) {
    if (!status.ok()) return status;
  }
  lanes_.emplace(addresses.engine.key);
  auto records = make_store(options_, files_.database_path());
  if (!records.ok()) return records.status();
  store_ = records.take();

  ControllerConfig config;
  config.key = addresses.engine.key;
  config.heartbeat_period = options_.ping_period;
  config.max_heartbeat_misses = options_.max_misses;
  config.registration_timeout = options_.registration_timeout;
  config.scheduler = scheduler_config(options_);
  config.engine_ports = ports_json(addresses.engine);
  controller_ =
      std::make_unique<Controller>(std::move(config), static_cast<Outbox&>(*this), *store_);

  const sigset_t set = handled_signals();
  signal_fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  std::vector<transport::Socket*> inbound;
  for (const Channel channel : kInbound) inbound.push_back(&(*sockets_)[channel]);
  poller_.emplace(std::move(inbound), signal_fd_);

  if (Status status = files_.write(addresses); !status.ok()) return status;
  ER_LOG_INFO("ready: {}", files_.client_path());
  return {};
}

// ---- the loop ----

void Server::run() {
  Time now = Clock::now();
  while (!stop_) {
    wait(now);
    now = Clock::now();
    if (poller_->woken()) handle_signals();
    take_turn(now);
    if (now >= controller_->next_deadline()) {
      controller_->set_clocks(now, std::chrono::system_clock::now());
      controller_->on_time(now);
    }
    memory_.on_time(now);
    stop_ = stop_ || controller_->wants_to_stop();
  }
  if (options_.log_stats) log_stats();
  if (!options_.reuse_files) files_.remove();
  ER_LOG_INFO("stopped");
}

void Server::take_turn(Time now) {
  for (std::size_t i = 0; i < kInbound.size(); ++i) {
    if (poller_->ready(i)) drain(kInbound[i], now);
    if (poller_->monitor_ready(i)) handle_connection_events(now);
  }
}

void Server::drain(Channel channel, Time now) {
  transport::Socket& socket = (*sockets_)[channel];
  for (int i = 0; i < kBatch; ++i) {
    std::optional<transport::Received> received = socket.receive();
    if (!received) return;
    if (channel != Channel::kPong) memory_.on_work(now);
    if (is_laned(channel)) lanes_->resolve(received->frames);
    if (channel == Channel::kRegistration) {
      receive_registration(std::move(*received), now);
    } else {
      controller_->on_message(channel, std::move(received->frames), -1, now);
    }
  }
}

// What closed before this message was sent must be known first: the system gives the number of a
// closed connection to the next one, and the end of the old one must not be taken for the end of
// the new.
void Server::receive_registration(transport::Received received, Time now) {
  handle_connection_events(now);
  // A tunnel ends on this machine, but its end is not the engine's.
  const bool is_end = options_.engine_ssh_server.empty() && is_local_peer(received.connection);
  const int connection = is_end ? received.connection : -1;
  controller_->on_message(Channel::kRegistration, std::move(received.frames), connection, now);
}

void Server::handle_connection_events(Time now) {
  transport::Socket& socket = (*sockets_)[Channel::kRegistration];
  while (const auto event = socket.next_connection_event()) {
    if (event->kind == transport::ConnectionEvent::Kind::kClosed) {
      controller_->on_connection_closed(event->connection, now);
    }
  }
}

void Server::handle_signals() {
  signalfd_siginfo info{};
  while (::read(signal_fd_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGUSR1) {
      log_stats();
    } else {
      ER_LOG_INFO("ending: {}", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
      stop_ = true;
    }
  }
}

// What a batch left over is looked at without sleeping, but not before the others have had their
// turn.
void Server::wait(Time now) {
  Time deadline = controller_->next_deadline();
  if (const auto trim = memory_.next_deadline()) deadline = std::min(deadline, *trim);
  const auto until = deadline - now;
  // Rounded up: waking before the deadline would only mean waiting again.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(until).count();
  const bool has_more = poller_->must_look();
  poller_->sleep(has_more ? 0 : static_cast<int>(std::clamp<std::int64_t>(ms, 0, 60'000)));
}

SendResult Server::send(Channel channel, const Frames& frames) {
  transport::Socket& socket = (*sockets_)[channel];
  const Status status =
      is_laned(channel) ? transport::send_by(*lanes_, socket, frames) : socket.send(frames);
  if (status.ok()) return SendResult::kSent;
  return status.code() == ErrorCode::kUnavailable ? SendResult::kQueueFull : SendResult::kNoPeer;
}

void Server::log_stats() const { ER_LOG_INFO("stats {}", controller_->stats_json()); }

}  // namespace engineroom::controller
