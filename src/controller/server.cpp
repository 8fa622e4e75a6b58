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

#include "base/id.h"
#include "base/log.h"
#include "controller/records.h"
#include "transport/host.h"

namespace engineroom::controller {
namespace {

// Messages taken from one socket before the next has its turn.
constexpr int kBatch = 64;

// And messages for which a journal is written once: more would make engines wait.
constexpr int kJournalBatch = 16;

// The sockets that are read, replies before requests: what is finished makes room for what is new.
// Output of engines comes after their replies, so that a shutdown announced there does not overtake
// results sent before.
constexpr std::array<Channel, 13> kInbound = {
    Channel::kTaskEngine,    Channel::kMuxEngine,    Channel::kBroadcastEngine,
    Channel::kControlEngine, Channel::kPong,         Channel::kPing,
    Channel::kIopubEngine,   Channel::kRegistration, Channel::kControlClient,
    Channel::kTaskClient,    Channel::kMuxClient,    Channel::kBroadcastClient,
    Channel::kQuery};

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
    case Channel::kQuery:
      return true;
    default:
      return false;
  }
}

SendResult result_of(const Status& status) {
  if (status.ok()) return SendResult::kSent;
  return status.code() == ErrorCode::kUnavailable ? SendResult::kQueueFull : SendResult::kNoPeer;
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
  std::optional<SideKeys> curve;
  // A signature keeps others from writing, not from reading: anybody can subscribe to a PUB socket.
  if (options_.enable_curve || !is_local_only(options_) || !options_.users.empty()) {
    auto keys = curve_keys(options_, files_);
    if (!keys.ok()) return keys.status();
    curve = keys.take();
    if (!options_.enable_curve) ER_LOG_INFO("listening on {}: traffic is encrypted", options_.ip);
  }
  Addresses addresses = plan_addresses(options_, files_, curve);
  if (options_.reuse_files || options_.restore) {
    auto existing = files_.read_existing(addresses);
    if (!existing.ok()) return existing.status();
    if (existing.value()) {
      addresses = *existing.take();
      addresses.client.curve_serverkey = curve ? curve->clients.public_key : "";
      addresses.engine.curve_serverkey = curve ? curve->engines.public_key : "";
      for (std::size_t i = 0; i < addresses.users.size(); ++i) {
        addresses.users[i].curve_serverkey = curve ? curve->users[i].public_key : "";
      }
    }
  }

  sockets_ = std::make_unique<Sockets>(options_, curve);
  if (Status status = sockets_->bind(addresses, options_); !status.ok()) return status;
  for (const Status& status : {(*sockets_)[Channel::kIopubEngine].subscribe(""),
                               (*sockets_)[Channel::kRegistration].watch_connections()}) {
    if (!status.ok()) return status;
  }
  open_lanes(addresses);
  open_gate(addresses);
  if (Status status = open_journal_and_records(); !status.ok()) return status;

  ControllerConfig config;
  config.client_key = addresses.client.key;
  config.engine_key = addresses.engine.key;
  config.heartbeat_period = options_.ping_period;
  config.max_heartbeat_misses = options_.max_misses;
  config.registration_timeout = options_.registration_timeout;
  config.restart_patience = options_.restart_patience;
  config.scheduler = scheduler_config(options_);
  config.client_limits = {options_.max_client_requests,
                          static_cast<std::size_t>(options_.max_client_bytes)};
  config.instance = new_session_id();
  config.host = transport::this_host();
  config.engine_ports = ports_json(addresses.engine);
  Outbox& outbox = gate_ ? static_cast<Outbox&>(*gate_) : *this;
  controller_ = std::make_unique<Controller>(std::move(config), outbox, *store_,
                                             journal_ ? &journal_->journal() : nullptr);
  if (journal_ && journal_->is_restored()) controller_->restore(Clock::now());

  const sigset_t set = handled_signals();
  signal_fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  list_inlets();
  std::vector<transport::Socket*> inbound;
  for (const Inlet& inlet : inlets_) inbound.push_back(&socket_of(inlet));
  poller_.emplace(std::move(inbound), signal_fd_);

  if (Status status = files_.write(addresses); !status.ok()) return status;
  ER_LOG_INFO("ready: {}", files_.client_path());
  return {};
}

// Where a hub listens follows from its key, so that two with one key would be in each other's way.
void Server::open_lanes(const Addresses& addresses) {
  engine_lanes_.emplace(addresses.engine.key);
  if (addresses.client.key != addresses.engine.key) client_lanes_.emplace(addresses.client.key);
  for (const wire::ConnectionInfo& user : addresses.users) user_lanes_.emplace_back(user.key);
}

void Server::open_gate(const Addresses& addresses) {
  if (options_.users.empty()) return;
  std::vector<UserGate::User> users;
  for (std::size_t i = 0; i < options_.users.size(); ++i) {
    users.push_back({options_.users[i], addresses.users[i].key});
  }
  gate_ = std::make_unique<UserGate>(std::move(users), addresses.client.key,
                                     static_cast<Outbox&>(*this), static_cast<UserOutbox&>(*this));
}

void Server::list_inlets() {
  for (const Channel channel : kInbound) {
    inlets_.push_back({channel});
    if (side_of(channel) != Side::kClients) continue;
    for (std::size_t user = 0; user < options_.users.size(); ++user) {
      inlets_.push_back({channel, static_cast<int>(user)});
    }
  }
}

transport::Socket& Server::socket_of(const Inlet& inlet) {
  if (inlet.user < 0) return (*sockets_)[inlet.channel];
  return sockets_->of_user(static_cast<std::size_t>(inlet.user), inlet.channel);
}

transport::LaneHub& Server::lanes(Channel channel) {
  return side_of(channel) == Side::kClients && client_lanes_ ? *client_lanes_ : *engine_lanes_;
}

Status Server::open_journal_and_records() {
  if (options_.keeps_journal) {
    auto journal = JournalKeeper::open(files_.journal_path(), options_.restore);
    if (!journal.ok()) return journal.status();
    journal_ = journal.take();
  }
  auto records =
      make_store(options_, files_.database_path(), journal_ ? journal_->earlier() : nullptr);
  if (!records.ok()) return records.status();
  store_ = records.take();
  return journal_ ? journal_->begin() : Status();
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
    if (journal_) {
      journal_->write_out();
      journal_->on_turn();
    }
    store_->on_time(now);
    memory_.on_time(now);
    stop_ = stop_ || controller_->wants_to_stop();
  }
  if (options_.log_stats) log_stats();
  if (!options_.reuse_files) {
    files_.remove();
    if (journal_) journal_->remove();
  }
  ER_LOG_INFO("stopped");
}

void Server::take_turn(Time now) {
  for (std::size_t i = 0; i < inlets_.size(); ++i) {
    if (poller_->ready(i)) drain(inlets_[i], now);
    if (poller_->monitor_ready(i)) handle_connection_events(now);
  }
}

void Server::drain(const Inlet& inlet, Time now) {
  for (int taken = 0; taken < kBatch;) {
    if (journal_) controller_->begin_batch();
    const int n = receive_some(inlet, std::min(kJournalBatch, kBatch - taken), now);
    if (journal_) controller_->end_batch(now);
    if (n < kJournalBatch) return;
    taken += n;
  }
}

int Server::receive_some(const Inlet& inlet, int most, Time now) {
  const Channel channel = inlet.channel;
  transport::Socket& socket = socket_of(inlet);
  for (int i = 0; i < most; ++i) {
    std::optional<transport::Received> received = socket.receive();
    if (!received) return i;
    now = Clock::now();  // when it came: what is recorded of it must not be earlier than its cause
    if (channel != Channel::kPong) memory_.on_work(now);
    if (inlet.user >= 0) {
      const auto user = static_cast<std::size_t>(inlet.user);
      receive_from_user(user, channel, std::move(received->frames), now);
      continue;
    }
    if (is_laned(channel)) lanes(channel).resolve(received->frames);
    if (channel == Channel::kRegistration) {
      receive_registration(std::move(*received), now);
    } else {
      controller_->on_message(channel, std::move(received->frames), -1, now);
    }
  }
  return most;
}

void Server::receive_from_user(std::size_t user, Channel channel, Frames frames, Time now) {
  user_lanes_[user].resolve(frames);
  auto admitted = gate_->admit(user, channel, std::move(frames));
  if (admitted) controller_->on_message(channel, std::move(*admitted), -1, now);
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
  if (const auto save = store_->next_deadline()) deadline = std::min(deadline, *save);
  const auto until = deadline - now;
  // Rounded up: waking before the deadline would only mean waiting again.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(until).count();
  const bool has_more = poller_->must_look();
  poller_->sleep(has_more ? 0 : static_cast<int>(std::clamp<std::int64_t>(ms, 0, 60'000)));
}

SendResult Server::send(Channel channel, const Frames& frames) {
  // First what it is about, then the message.
  if (journal_) journal_->write_out();
  transport::Socket& socket = (*sockets_)[channel];
  return result_of(is_laned(channel) ? transport::send_by(lanes(channel), socket, frames)
                                     : socket.send(frames));
}

SendResult Server::send_to(std::size_t user, Channel channel, const Frames& frames) {
  if (journal_) journal_->write_out();
  transport::Socket& socket = sockets_->of_user(user, channel);
  return result_of(is_laned(channel) ? transport::send_by(user_lanes_[user], socket, frames)
                                     : socket.send(frames));
}

void Server::log_stats() const { ER_LOG_INFO("stats {}", controller_->stats_json()); }

}  // namespace engineroom::controller
