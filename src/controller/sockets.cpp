#include "controller/sockets.h"

#include <cstdlib>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "controller/socket_tuning.h"

namespace engineroom::controller {
namespace {

using transport::SocketType;

// Messages that may wait for one peer. Replies: as many as a client could have asked for in good
// faith while it was busy elsewhere; beyond, it does not read. Output and notifications: a slow
// subscriber misses some.
constexpr int kRepliesWaiting = 1'000'000;
constexpr int kQueriesWaiting = 10'000;
constexpr int kPublicationsWaiting = 100'000;
// Messages read ahead from one connection; beyond, TCP makes the sender wait.
constexpr int kReadAhead = 10'000;
// Time for the last messages (shutdown notification …) to go out when the program ends.
constexpr int kLingerMs = 1000;

enum class Bytes { kData, kRequest };

struct Plan {
  Channel channel;
  SocketType type;
  const char* identity;
  int send_waiting;  // 0: no limit
  Bytes limit;
};

// No limit towards engines: what goes there is tracked per task, and an engine that does not read
// is found by its heart.
constexpr std::array<Plan, kChannelCount> kPlans = {{
    {Channel::kRegistration, SocketType::kRouter, "", kQueriesWaiting, Bytes::kRequest},
    {Channel::kQuery, SocketType::kRouter, "", kQueriesWaiting, Bytes::kRequest},
    {Channel::kNotification, SocketType::kPub, "", kPublicationsWaiting, Bytes::kRequest},
    {Channel::kMuxClient, SocketType::kRouter, "mux_in", kRepliesWaiting, Bytes::kData},
    {Channel::kMuxEngine, SocketType::kRouter, "mux_out", 0, Bytes::kData},
    {Channel::kTaskClient, SocketType::kRouter, "task_in", kRepliesWaiting, Bytes::kData},
    {Channel::kTaskEngine, SocketType::kRouter, "task_out", 0, Bytes::kData},
    {Channel::kBroadcastClient, SocketType::kRouter, "broadcast_in", kRepliesWaiting, Bytes::kData},
    {Channel::kBroadcastEngine, SocketType::kRouter, "broadcast_out", 0, Bytes::kData},
    {Channel::kControlClient, SocketType::kRouter, "control_in", kQueriesWaiting, Bytes::kRequest},
    {Channel::kControlEngine, SocketType::kRouter, "control_out", 0, Bytes::kRequest},
    {Channel::kIopubEngine, SocketType::kSub, "", 0, Bytes::kData},
    {Channel::kIopubClient, SocketType::kPub, "", kPublicationsWaiting, Bytes::kData},
    {Channel::kPing, SocketType::kXpub, "", kQueriesWaiting, Bytes::kRequest},
    {Channel::kPong, SocketType::kRouter, "", kQueriesWaiting, Bytes::kRequest},
}};

std::unique_ptr<transport::Socket> make_socket(transport::Context& context, const Plan& plan,
                                               const Options& options,
                                               const std::optional<transport::CurveKeys>& curve) {
  transport::SocketOptions tuned;
  tuned.identity = plan.identity;
  tuned.send_high_water_mark = plan.send_waiting;
  tuned.receive_high_water_mark = kReadAhead;
  tuned.max_message_bytes =
      plan.limit == Bytes::kData ? options.max_data_bytes : options.max_request_bytes;
  tuned.linger_ms = kLingerMs;
  tuned.curve = curve;
  auto socket = std::make_unique<transport::Socket>(context, plan.type, tuned);
  tune(*socket, plan.type);
  return socket;
}

// The port in "tcp://127.0.0.1:4567".
int port_of(const std::string& endpoint) {
  return std::atoi(endpoint.substr(endpoint.rfind(':') + 1).c_str());
}

}  // namespace

Sockets::Sockets(const Options& options, const std::optional<SideKeys>& curve) {
  using Keys = std::optional<transport::CurveKeys>;
  users_.resize(options.users.size());
  for (const Plan& plan : kPlans) {
    const bool is_clients = side_of(plan.channel) == Side::kClients;
    const Keys keys = curve ? Keys(is_clients ? curve->clients : curve->engines) : std::nullopt;
    sockets_[index_of(plan.channel)] = make_socket(context_, plan, options, keys);
    for (std::size_t user = 0; is_clients && user < users_.size(); ++user) {
      const Keys theirs = curve ? Keys(curve->users[user]) : std::nullopt;
      users_[user][index_of(plan.channel)] = make_socket(context_, plan, options, theirs);
    }
  }
}

Status Sockets::bind_one(transport::Socket& socket, Channel channel, const std::string& interface,
                         int& port, std::vector<int>& pool) {
  const auto bind_to = [&](const std::string& place) -> Status {
    const Result<std::string> endpoint = socket.bind(interface + ":" + place);
    if (!endpoint.ok()) return endpoint.status();
    port = port_of(endpoint.value());
    return {};
  };
  // Unix sockets have no ports; made-up numbers keep the form of the files, interface + ":" +
  // number.
  if (port == 0 && interface.starts_with("ipc://")) port = static_cast<int>(index_of(channel)) + 1;
  if (port > 0) return bind_to(std::to_string(port));
  while (!pool.empty()) {
    const int candidate = pool.front();
    pool.erase(pool.begin());
    if (bind_to(std::to_string(candidate)).ok()) return {};
    ER_LOG_WARN("port {} is taken", candidate);
  }
  return bind_to("*");
}

Status Sockets::bind(Addresses& addresses, const Options& options) {
  wire::ConnectionInfo& client = addresses.client;
  wire::ConnectionInfo& engine = addresses.engine;
  client.broadcast.resize(1);
  engine.broadcast.resize(1);

  std::vector<int> common_pool = options.ports;
  std::vector<int> engine_pool = options.engine_ports;
  std::vector<int> client_pool = options.client_ports;
  std::vector<int>& engines = engine_pool.empty() ? common_pool : engine_pool;
  std::vector<int>& clients = client_pool.empty() ? common_pool : client_pool;
  // In the order in which stock controllers take ports from their pools.
  const std::tuple<Channel, int&, std::vector<int>&> all[] = {
      {Channel::kRegistration, engine.registration, engines},
      {Channel::kControlClient, client.control, clients},
      {Channel::kControlEngine, engine.control, engines},
      {Channel::kMuxClient, client.mux, clients},
      {Channel::kMuxEngine, engine.mux, engines},
      {Channel::kTaskClient, client.task, clients},
      {Channel::kTaskEngine, engine.task, engines},
      {Channel::kIopubClient, client.iopub, clients},
      {Channel::kIopubEngine, engine.iopub, engines},
      {Channel::kNotification, client.notification, clients},
      {Channel::kPing, engine.hb_ping, engines},
      {Channel::kPong, engine.hb_pong, engines},
      {Channel::kBroadcastClient, client.broadcast[0], clients},
      {Channel::kBroadcastEngine, engine.broadcast[0], engines},
      {Channel::kQuery, client.registration, clients},
  };
  for (const auto& [channel, port, pool] : all) {
    Status status = bind_one(*sockets_[index_of(channel)], channel, engine.interface, port, pool);
    if (!status.ok()) return status;
  }
  for (std::size_t user = 0; user < users_.size(); ++user) {
    wire::ConnectionInfo& info = addresses.users[user];
    info.broadcast.resize(1);
    const std::pair<Channel, int&> theirs[] = {
        {Channel::kControlClient, info.control},     {Channel::kMuxClient, info.mux},
        {Channel::kTaskClient, info.task},           {Channel::kIopubClient, info.iopub},
        {Channel::kNotification, info.notification}, {Channel::kBroadcastClient, info.broadcast[0]},
        {Channel::kQuery, info.registration},
    };
    for (const auto& [channel, port] : theirs) {
      Status status = bind_one(of_user(user, channel), channel, info.interface, port, clients);
      if (!status.ok()) return status;
    }
  }
  return {};
}

}  // namespace engineroom::controller
