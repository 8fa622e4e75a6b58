#include "transport/socket.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace engineroom::transport {
namespace {

namespace fs = std::filesystem;

constexpr int kPatienceMs = 10'000;  // for what must happen; only a failing test waits this long
constexpr int kQuietMs = 300;        // for what must not happen

Frames frames_of(std::initializer_list<std::string_view> texts) {
  Frames frames;
  for (const std::string_view text : texts) frames.push_back(Bytes::copy_of(text));
  return frames;
}

std::optional<Received> receive_within(Socket& socket, int timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    if (std::optional<Received> received = socket.receive()) return received;
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    poll({{&socket}}, 20);
  }
}

std::optional<ConnectionEvent> event_within(Socket& socket, int timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    if (std::optional<ConnectionEvent> event = socket.next_connection_event()) return event;
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    poll({{&socket}}, 20);
  }
}

SocketOptions with_identity(std::string identity) {
  SocketOptions options;
  options.identity = std::move(identity);
  return options;
}

std::string bind_loopback(Socket& socket) {
  const Result<std::string> endpoint = socket.bind("tcp://127.0.0.1:*");
  EXPECT_TRUE(endpoint.ok()) << endpoint.status().to_string();
  return endpoint.value();
}

class IpcSocket : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/socket_test_XXXXXX";  // Unix socket paths are short
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/er:1234";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string folder_;
  std::string path_;
};

void expect_round_trip(Socket& server, Socket& client) {
  ASSERT_TRUE(
      client.send(frames_of({"one", "", std::string(2000, 'm'), std::string(100'000, 'l')})).ok());
  const std::optional<Received> request = receive_within(server, kPatienceMs);
  ASSERT_TRUE(request.has_value());
  ASSERT_EQ(request->frames.size(), 5u);
  EXPECT_EQ(request->frames[0], "client");
  EXPECT_EQ(request->frames[1], "one");
  EXPECT_EQ(request->frames[2], "");
  EXPECT_EQ(request->frames[3], std::string(2000, 'm'));
  EXPECT_EQ(request->frames[4], std::string(100'000, 'l'));
  EXPECT_GE(request->connection, 0);

  ASSERT_TRUE(server.send(request->frames).ok());
  const std::optional<Received> reply = receive_within(client, kPatienceMs);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->frames, Frames(request->frames.begin() + 1, request->frames.end()));
  EXPECT_FALSE(client.receive().has_value());
}

// ---- round trips ----

TEST(Socket, RoundTripOverTcp) {
  Context context;
  Socket server(context, SocketType::kRouter);
  Socket client(context, SocketType::kDealer, with_identity("client"));
  const std::string endpoint = bind_loopback(server);
  EXPECT_TRUE(endpoint.starts_with("tcp://127.0.0.1:")) << endpoint;
  EXPECT_NE(endpoint, "tcp://127.0.0.1:*");
  ASSERT_TRUE(client.connect(endpoint).ok());
  expect_round_trip(server, client);
}

TEST_F(IpcSocket, RoundTrip) {
  Context context;
  Socket server(context, SocketType::kRouter);
  Socket client(context, SocketType::kDealer, with_identity("client"));
  const Result<std::string> endpoint = server.bind("ipc://" + path_);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status().to_string();
  EXPECT_EQ(endpoint.value(), "ipc://" + path_);
  ASSERT_TRUE(client.connect(endpoint.value()).ok());
  expect_round_trip(server, client);
}

TEST(Socket, PublishSubscribe) {
  Context context;
  Socket publisher(context, SocketType::kXpub);
  Socket subscriber(context, SocketType::kSub);
  ASSERT_TRUE(subscriber.connect(bind_loopback(publisher)).ok());
  ASSERT_TRUE(subscriber.subscribe("engine.0").ok());
  const std::optional<Received> subscription = receive_within(publisher, kPatienceMs);
  ASSERT_TRUE(subscription.has_value());
  EXPECT_EQ(subscription->frames[0], std::string_view("\1engine.0"));
  ASSERT_TRUE(publisher.send(frames_of({"engine.1.stdout", "not this"})).ok());
  ASSERT_TRUE(publisher.send(frames_of({"engine.0.stdout", "this"})).ok());
  const std::optional<Received> received = receive_within(subscriber, kPatienceMs);
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(received->frames, frames_of({"engine.0.stdout", "this"}));
}

TEST(Socket, ManySmallMessagesStayIntact) {
  Context context;
  Socket server(context, SocketType::kRouter);
  Socket client(context, SocketType::kDealer, with_identity("c"));
  ASSERT_TRUE(client.connect(bind_loopback(server)).ok());
  std::vector<Received>
      kept;  // small frames of one message share a block: keep some beyond the next receive()
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(
        client.send(frames_of({std::to_string(i), std::string(i % 1500, 'x'), "end"})).ok());
  }
  for (int i = 0; i < 2000; ++i) {
    std::optional<Received> received = receive_within(server, kPatienceMs);
    ASSERT_TRUE(received.has_value()) << i;
    kept.push_back(*std::move(received));
  }
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(kept[i].frames,
              frames_of({"c", std::to_string(i), std::string(i % 1500, 'x'), "end"}));
  }
}

// ---- sending ----

TEST(Socket, LargeFramesAreSentByReference) {
  Context context;
  Socket server(context, SocketType::kRouter);
  auto client = std::make_unique<Socket>(context, SocketType::kDealer, with_identity("c"));
  auto payload = std::make_shared<const std::string>(50u << 20, 'z');
  const std::weak_ptr<const std::string> watch = payload;

  ASSERT_TRUE(client->connect(bind_loopback(server)).ok());
  ASSERT_TRUE(client->send({Bytes(payload, payload->data(), payload->size())}).ok());
  EXPECT_GT(payload.use_count(), 1);  // ZeroMQ holds it, or a copy would have been made
  payload.reset();
  EXPECT_FALSE(watch.expired());
  const std::optional<Received> received = receive_within(server, kPatienceMs);
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(received->frames[1].size(), 50u << 20);
  EXPECT_EQ(received->frames[1].view().find_first_not_of('z'), std::string_view::npos);

  client.reset();
  for (int i = 0; i < kPatienceMs && !watch.expired(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(watch.expired());  // and let it go
}

TEST(Socket, ReceivedFramesOutliveTheContext) {
  Bytes frame;
  {
    Context context;
    Socket server(context, SocketType::kRouter);
    Socket client(context, SocketType::kDealer);
    ASSERT_TRUE(client.connect(bind_loopback(server)).ok());
    ASSERT_TRUE(client.send(frames_of({std::string(5000, 'x')})).ok());
    std::optional<Received> received = receive_within(server, kPatienceMs);
    ASSERT_TRUE(received.has_value());
    frame = received->frames[1];
  }
  EXPECT_EQ(frame, std::string(5000, 'x'));
}

TEST(Socket, SendSaysWhenItWouldBlock) {
  Context context;
  Socket client(context, SocketType::kDealer);
  const Status status = client.send(frames_of({"nobody", "there"}));
  EXPECT_EQ(status.code(), ErrorCode::kUnavailable);

  // And at the high-water mark, where each message must have gone as a whole or not at all.
  SocketOptions options;
  options.send_high_water_mark = 10;
  Socket sender(context, SocketType::kDealer, options);
  ASSERT_TRUE(sender.connect("tcp://127.0.0.1:9").ok());  // nobody listens
  int sent = 0;
  while (sent < 1000 && sender.send(frames_of({"a", "b", "c"})).ok()) ++sent;
  EXPECT_EQ(sent, 10);
}

TEST(Socket, RouterDropsWhatItCannotDeliver) {
  Context context;
  Socket server(context, SocketType::kRouter);
  bind_loopback(server);
  EXPECT_TRUE(server.send(frames_of({"nobody", "<IDS|MSG>", "x"})).ok());
}

TEST(Socket, ClosedSocketsSaySo) {
  Context context;
  Socket socket(context, SocketType::kRouter);
  socket.close();
  EXPECT_EQ(socket.send(frames_of({"x"})).code(), ErrorCode::kClosed);
  EXPECT_EQ(socket.bind("tcp://127.0.0.1:*").status().code(), ErrorCode::kClosed);
  EXPECT_EQ(socket.connect("tcp://127.0.0.1:9").code(), ErrorCode::kClosed);
  EXPECT_FALSE(socket.receive().has_value());
  EXPECT_EQ(socket.watch_connections().code(), ErrorCode::kClosed);
  EXPECT_EQ(poll({{&socket}}, 0), 0);
  socket.close();
}

TEST(Socket, Disconnects) {
  Context context;
  Socket server(context, SocketType::kRouter);
  Socket client(context, SocketType::kDealer);
  const std::string endpoint = bind_loopback(server);
  ASSERT_TRUE(client.connect(endpoint).ok());
  EXPECT_TRUE(client.disconnect(endpoint).ok());
  EXPECT_EQ(client.disconnect(endpoint).code(), ErrorCode::kNotFound);
}

// ---- endpoints ----

TEST(Socket, BadEndpointsAreErrors) {
  Context context;
  Socket first(context, SocketType::kRouter);
  Socket second(context, SocketType::kRouter);
  EXPECT_EQ(second.bind(bind_loopback(first)).status().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(second.bind("tcp//oops").status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(second.connect("carrier-pigeon://roof").code(), ErrorCode::kInvalidArgument);
}

TEST_F(IpcSocket, AStaleFileIsTakenOver) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);  // as after kill -9: the file stays
  ASSERT_TRUE(fs::exists(path_));

  Context context;
  Socket server(context, SocketType::kRouter);
  const Result<std::string> endpoint = server.bind("ipc://" + path_);
  EXPECT_TRUE(endpoint.ok()) << endpoint.status().to_string();
}

TEST_F(IpcSocket, ALiveOneIsNot) {
  Context context;
  Socket first(context, SocketType::kRouter);
  Socket second(context, SocketType::kRouter);
  ASSERT_TRUE(first.bind("ipc://" + path_).ok());
  EXPECT_EQ(second.bind("ipc://" + path_).status().code(), ErrorCode::kUnavailable);
  Socket client(context, SocketType::kDealer, with_identity("client"));
  ASSERT_TRUE(client.connect("ipc://" + path_).ok());
  expect_round_trip(first, client);
}

TEST_F(IpcSocket, AFileIsNotDeleted) {
  std::ofstream(path_) << "thesis";
  Context context;
  Socket server(context, SocketType::kRouter);
  EXPECT_EQ(server.bind("ipc://" + path_).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(fs::file_size(path_), 6u);
}

TEST_F(IpcSocket, TooLongPathsNameTheRemedy) {
  Context context;
  Socket server(context, SocketType::kRouter);
  const Result<std::string> endpoint =
      server.bind("ipc://" + folder_ + "/" + std::string(120, 'x'));
  ASSERT_FALSE(endpoint.ok());
  EXPECT_NE(endpoint.status().message().find("shorter"), std::string::npos);
}

// ---- connections ----

TEST(Connections, MessagesAndClosingsNameTheSameConnection) {
  Context context;
  Socket server(context, SocketType::kRouter);
  ASSERT_TRUE(server.watch_connections().ok());
  ASSERT_TRUE(server.watch_connections().ok());  // again is harmless
  const std::string endpoint = bind_loopback(server);
  std::optional<Socket> a(std::in_place, context, SocketType::kDealer, with_identity("a"));
  Socket b(context, SocketType::kDealer, with_identity("b"));
  ASSERT_TRUE(a->connect(endpoint).ok());
  ASSERT_TRUE(b.connect(endpoint).ok());

  ASSERT_TRUE(a->send(frames_of({"hello"})).ok());
  const std::optional<Received> from_a = receive_within(server, kPatienceMs);
  ASSERT_TRUE(b.send(frames_of({"hello"})).ok());
  const std::optional<Received> from_b = receive_within(server, kPatienceMs);
  ASSERT_TRUE(from_a && from_b);
  EXPECT_EQ(from_a->frames[0], "a");
  EXPECT_GE(from_a->connection, 0);
  EXPECT_NE(from_a->connection, from_b->connection);

  for (int i = 0; i < 2; ++i) {
    const std::optional<ConnectionEvent> accepted = event_within(server, kPatienceMs);
    ASSERT_TRUE(accepted.has_value());
    EXPECT_EQ(accepted->kind, ConnectionEvent::Kind::kAccepted);
    EXPECT_TRUE(accepted->connection == from_a->connection ||
                accepted->connection == from_b->connection);
  }
  a.reset();
  const std::optional<ConnectionEvent> closed = event_within(server, kPatienceMs);
  ASSERT_TRUE(closed.has_value());
  EXPECT_EQ(closed->kind, ConnectionEvent::Kind::kClosed);
  EXPECT_EQ(closed->connection, from_a->connection);
  EXPECT_FALSE(server.next_connection_event().has_value());
}

TEST_F(IpcSocket, ConnectionsAreNumberedToo) {
  Context context;
  Socket server(context, SocketType::kRouter);
  ASSERT_TRUE(server.watch_connections().ok());
  ASSERT_TRUE(server.bind("ipc://" + path_).ok());
  std::optional<Socket> client(std::in_place, context, SocketType::kDealer);
  ASSERT_TRUE(client->connect("ipc://" + path_).ok());
  ASSERT_TRUE(client->send(frames_of({"hello"})).ok());
  const std::optional<Received> received = receive_within(server, kPatienceMs);
  ASSERT_TRUE(received.has_value());
  ASSERT_TRUE(event_within(server, kPatienceMs).has_value());
  client.reset();
  const std::optional<ConnectionEvent> closed = event_within(server, kPatienceMs);
  ASSERT_TRUE(closed.has_value());
  EXPECT_EQ(closed->kind, ConnectionEvent::Kind::kClosed);
  EXPECT_EQ(closed->connection, received->connection);
}

TEST(Connections, OverInprocHaveNoNumber) {
  Context context;
  Socket server(context, SocketType::kRouter);
  Socket client(context, SocketType::kDealer);
  ASSERT_TRUE(server.bind("inproc://here").ok());
  ASSERT_TRUE(client.connect("inproc://here").ok());
  ASSERT_TRUE(client.send(frames_of({"hello"})).ok());
  const std::optional<Received> received = receive_within(server, kPatienceMs);
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(received->connection, -1);
}

// ---- CURVE ----

struct CurvePair {
  SocketOptions server;
  SocketOptions client;
};

CurvePair curve_pair() {
  CurvePair pair;
  pair.server.curve = make_curve_keys();
  pair.server.curve->is_server = true;
  pair.client.curve = make_curve_keys();
  pair.client.curve->server_key = pair.server.curve->public_key;
  pair.client.identity = "client";
  return pair;
}

TEST(Curve, KeysAreFreshAndPrintable) {
  const CurveKeys keys = make_curve_keys();
  EXPECT_EQ(keys.public_key.size(), 40u);
  EXPECT_EQ(keys.secret_key.size(), 40u);
  EXPECT_NE(keys.public_key, make_curve_keys().public_key);
}

TEST(Curve, RoundTrip) {
  const CurvePair pair = curve_pair();
  Context context;
  Socket server(context, SocketType::kRouter, pair.server);
  Socket client(context, SocketType::kDealer, pair.client);
  ASSERT_TRUE(client.connect(bind_loopback(server)).ok());
  expect_round_trip(server, client);
}

TEST(Curve, AWrongServerKeyGetsNothing) {
  CurvePair pair = curve_pair();
  pair.client.curve->server_key = make_curve_keys().public_key;
  Context context;
  Socket server(context, SocketType::kRouter, pair.server);
  ASSERT_TRUE(server.watch_connections().ok());
  Socket client(context, SocketType::kDealer, pair.client);
  ASSERT_TRUE(client.connect(bind_loopback(server)).ok());
  ASSERT_TRUE(client.send(frames_of({"hello"})).ok());  // queued, never delivered
  EXPECT_FALSE(receive_within(server, kQuietMs).has_value());
  EXPECT_EQ(event_within(server, kPatienceMs)->kind, ConnectionEvent::Kind::kAccepted);
  EXPECT_EQ(event_within(server, kPatienceMs)->kind, ConnectionEvent::Kind::kHandshakeFailed);
  EXPECT_EQ(event_within(server, kPatienceMs)->kind, ConnectionEvent::Kind::kClosed);
}

TEST(Curve, APlainPeerGetsNothing) {
  const CurvePair pair = curve_pair();
  Context context;
  Socket server(context, SocketType::kRouter, pair.server);
  Socket client(context, SocketType::kDealer);
  ASSERT_TRUE(client.connect(bind_loopback(server)).ok());
  ASSERT_TRUE(client.send(frames_of({"hello"})).ok());
  EXPECT_FALSE(receive_within(server, kQuietMs).has_value());
}

// ---- hostile peers ----

// A peer written by hand: what it sends is up to the test.
class RawPeer {
 public:
  explicit RawPeer(const std::string& endpoint) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const timeval patience{kPatienceMs / 1000, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawPeer() { ::close(fd_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void send(const std::string& bytes) {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  // Greets as a ZMTP 3.0 DEALER without security, which RFC 23 describes.
  void shake_hands() {
    std::string greeting =
        "\xFF" + std::string(8, '\0') + "\x7F\x03" + std::string(1, '\0') + "NULL";
    greeting.resize(64, '\0');
    send(greeting);
    send(std::string("\4\x1c\5READY\13Socket-Type\0\0\0\6DEALER", 30));
    wait_for("READY");  // a message before that would be an error
  }

  // True once the other side has closed the connection.
  bool is_closed() {
    char buffer[256];
    for (;;) {
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n > 0) continue;
      return n == 0 || errno == ECONNRESET;
    }
  }

 private:
  void wait_for(std::string_view text) {
    std::string seen;
    char buffer[256];
    while (seen.find(text) == std::string::npos) {
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      ASSERT_GT(n, 0);
      seen.append(buffer, static_cast<std::size_t>(n));
    }
  }

  int fd_;
};

TEST(HostilePeer, AFrameBeyondTheLimitClosesItsConnection) {
  Context context;
  SocketOptions options;
  options.max_message_bytes = 1 << 20;
  Socket server(context, SocketType::kRouter, options);
  const std::string endpoint = bind_loopback(server);
  RawPeer peer(endpoint);
  peer.shake_hands();
  peer.send(std::string("\0\3hey", 5));  // it is a peer as any other …
  const std::optional<Received> hey = receive_within(server, kPatienceMs);
  ASSERT_TRUE(hey.has_value());
  EXPECT_EQ(hey->frames[1], "hey");

  peer.send(std::string("\2\0\0\0\0\x80\0\0\0", 9) +
            "much more follows");  // … until it claims 2 GB
  EXPECT_TRUE(peer.is_closed());
  EXPECT_FALSE(server.receive().has_value());

  Socket client(context, SocketType::kDealer, with_identity("client"));
  ASSERT_TRUE(client.connect(endpoint).ok());
  expect_round_trip(server, client);
}

TEST(HostilePeer, GarbageClosesItsConnectionOnly) {
  Context context;
  SocketOptions options;
  options.max_message_bytes = 1 << 20;  // or 0x7f7f… bytes would be asked of malloc()
  Socket server(context, SocketType::kRouter, options);
  const std::string endpoint = bind_loopback(server);
  RawPeer peer(endpoint);
  peer.shake_hands();
  peer.send(std::string("\x7f\x7f\x7f\x7f", 4) + std::string(200, '\x7f'));
  EXPECT_TRUE(peer.is_closed());
  Socket client(context, SocketType::kDealer, with_identity("client"));
  ASSERT_TRUE(client.connect(endpoint).ok());
  expect_round_trip(server, client);
}

// ---- poll ----

TEST(Poll, WakesOnSocketsFileDescriptorsAndTime) {
  Context context;
  Socket server(context, SocketType::kRouter);
  Socket client(context, SocketType::kDealer);
  ASSERT_TRUE(client.connect(bind_loopback(server)).ok());
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const PollSet set{{&server, &client}, wake_fd};
  EXPECT_EQ(poll(set, 0), 0);
  EXPECT_EQ(poll(set, 10), 0);

  std::thread waker([&] { EXPECT_EQ(eventfd_write(wake_fd, 1), 0); });
  EXPECT_EQ(poll(set, kPatienceMs), 1);
  waker.join();
  eventfd_t value = 0;
  ASSERT_EQ(eventfd_read(wake_fd, &value), 0);

  ASSERT_TRUE(client.send(frames_of({"hello"})).ok());
  EXPECT_EQ(poll(set, kPatienceMs), 1);
  EXPECT_TRUE(server.receive().has_value());
  ::close(wake_fd);
}

TEST(Poll, WakesOnConnectionEvents) {
  Context context;
  Socket server(context, SocketType::kRouter);
  ASSERT_TRUE(server.watch_connections().ok());
  Socket client(context, SocketType::kDealer);
  ASSERT_TRUE(client.connect(bind_loopback(server)).ok());
  EXPECT_EQ(poll({{&server}}, kPatienceMs), 1);
  EXPECT_TRUE(server.next_connection_event().has_value());
}

TEST(Socket, Moves) {
  Context context;
  Socket server(context, SocketType::kRouter);
  const std::string endpoint = bind_loopback(server);
  Socket moved = std::move(server);
  Socket client(context, SocketType::kDealer, with_identity("client"));
  ASSERT_TRUE(client.connect(endpoint).ok());
  expect_round_trip(moved, client);
}

}  // namespace
}  // namespace engineroom::transport
