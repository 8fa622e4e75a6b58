// client/fake_controller.h — a controller and its engines in a thread, for tests and benchmarks.
//
// It speaks the real protocol over real sockets and does as little as that allows: it knows the
// engines that a test declares, answers connection_request, and gives every other request to a
// handler, which by default answers at once as an engine of ours would. The handler runs on the
// fake's thread and may call reply() and publish_…(); from other threads, use run().
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "client/channel.h"
#include "transport/socket.h"
#include "wire/connection_file.h"
#include "wire/message.h"

namespace engineroom::client {

class FakeController {
 public:
  struct Incoming {
    Channel channel;
    wire::Message message;
    wire::Header header;
  };
  using OnRequest = std::function<void(FakeController&, const Incoming&)>;

  // With the ports of `at`, if it has any: one that takes another's place.
  explicit FakeController(OnRequest on_request = {}, const std::string& key = "a secret",
                          const wire::ConnectionInfo& at = {})
      : info_(at), on_request_(on_request ? std::move(on_request) : answer), signer_(key) {
    info_.key = key;
    info_.interface = "tcp://127.0.0.1";
    info_.location = "127.0.0.1";
    bind(Channel::kRegistration, transport::SocketType::kRouter, info_.registration);
    bind(Channel::kMux, transport::SocketType::kRouter, info_.mux);
    bind(Channel::kTask, transport::SocketType::kRouter, info_.task);
    bind(Channel::kControl, transport::SocketType::kRouter, info_.control);
    info_.broadcast.resize(1);
    bind(Channel::kBroadcast, transport::SocketType::kRouter, info_.broadcast[0]);
    bind(Channel::kNotification, transport::SocketType::kPub, info_.notification);
    bind(Channel::kIopub, transport::SocketType::kPub, info_.iopub);
    thread_ = std::thread([this] { loop(); });
  }

  ~FakeController() {
    stop();
    ::close(wake_);
  }

  // Vanishes without a word, as if killed.
  void stop() {
    if (!thread_.joinable()) return;
    run([this] { stopping_ = true; });
    thread_.join();
    sockets_.clear();
    context_.reset();
  }

  const wire::ConnectionInfo& info() const { return info_; }

  // Runs `f` on the fake's thread and waits for it.
  void run(std::function<void()> f) {
    std::promise<void> done;
    {
      const std::lock_guard lock(mutex_);
      posted_.push_back([&] {
        f();
        done.set_value();
      });
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(wake_, &one, sizeof one);
    done.get_future().wait();
  }

  // ---- from other threads ----
  // Before a client connects.
  void take_batches() {
    run([this] { takes_batches_ = true; });
  }
  void add_engine(int id, const std::string& uuid) {
    run([&] {
      engines_[id] = uuid;
      notify("registration_notification", engine_json(id, uuid));
    });
  }
  void remove_engine(int id) {
    run([&] {
      const std::string uuid = engines_[id];
      engines_.erase(id);
      notify("unregistration_notification", engine_json(id, uuid));
    });
  }
  void publish_shutdown() {
    run([this] { notify("shutdown_notification", R"({"status":"ok"})"); });
  }

  // ---- on the fake's thread ----
  void notify(const std::string& msg_type, const std::string& content) {
    send(Channel::kNotification, {}, msg_type, Bytes::of_static("{}"), "{}", content, {});
  }

  void reply(const Incoming& request, const std::string& metadata = R"({"idle":true})",
             const std::string& content = R"({"status":"ok"})", const Frames& buffers = {}) {
    reply_as(request, request.message.header, metadata, content, buffers);
  }

  // As if the request had had another header, as those that a broadcast makes have.
  void reply_as(const Incoming& request, const Bytes& parent, const std::string& metadata,
                const std::string& content, const Frames& buffers = {}) {
    Frames route = {request.message.identities.front()};
    if (request.message.identities.size() > 1) route.push_back(request.message.identities[1]);
    const std::size_t end = request.header.msg_type.rfind('_');
    send(request.channel, route, request.header.msg_type.substr(0, end) + "_reply", parent,
         metadata, content, buffers);
  }

  void publish_output(const Bytes& parent, const std::string& msg_type, const std::string& content,
                      const Frames& buffers = {}) {
    send(Channel::kIopub, {Bytes::of_static("engine.0.x")}, msg_type, parent, R"({"engine":"e"})",
         content, buffers);
  }

  // The header of the request that an engine sees of a broadcast.
  Bytes header_at_engine(const Incoming& request, const std::string& engine_uuid) {
    return wire::make_header(request.header.msg_id + "_" + engine_uuid, request.header.msg_type,
                             request.header.session, request.header.username, iso8601_now());
  }

  // The default handler.
  static void answer(FakeController& fake, const Incoming& request) { fake.reply(request); }

 private:
  void bind(Channel channel, transport::SocketType type, int& port) {
    transport::Socket socket(*context_, type);
    const std::string wanted = port > 0 ? std::to_string(port) : "*";
    Result<std::string> endpoint = socket.bind("tcp://127.0.0.1:" + wanted);
    if (!endpoint.ok()) std::abort();
    port = std::stoi(endpoint.value().substr(endpoint.value().rfind(':') + 1));
    sockets_.emplace(channel, std::move(socket));
  }

  static std::string engine_json(int id, const std::string& uuid) {
    JsonWriter w;
    w.begin_object().key("id").value(id).key("uuid").value(uuid).end_object();
    return w.take();
  }

  void send(Channel channel, Frames identities, const std::string& msg_type, const Bytes& parent,
            const std::string& metadata, const std::string& content, const Frames& buffers) {
    wire::Message message;
    message.identities = std::move(identities);
    message.header =
        wire::make_header(ids_.next(), msg_type, ids_.session(), "fake", iso8601_now());
    message.parent_header = parent;
    message.metadata = Bytes(metadata);
    message.content = Bytes(content);
    message.buffers = buffers;
    static_cast<void>(sockets_.at(channel).send(wire::encode(message, signer_)));
  }

  void loop() {
    transport::PollSet set;
    for (const auto& [channel, socket] : sockets_) set.sockets.push_back(&socket);
    set.wake_fd = wake_;
    while (!stopping_) {
      transport::poll(set, -1);
      run_posted();
      for (auto& [channel, socket] : sockets_) {
        if (channel == Channel::kNotification || channel == Channel::kIopub) continue;
        while (std::optional<transport::Received> received = socket.receive())
          on_frames(channel, std::move(received->frames));
      }
    }
  }

  void run_posted() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = ::read(wake_, &count, sizeof count);
    std::vector<std::function<void()>> posted;
    {
      const std::lock_guard lock(mutex_);
      posted.swap(posted_);
    }
    for (const std::function<void()>& f : posted) f();
  }

  void on_frames(Channel channel, Frames frames) {
    Result<wire::Message> message = wire::decode(std::move(frames), signer_, nullptr);
    if (!message.ok()) return;
    Result<wire::Header> header = wire::parse_header(message.value().header.view());
    if (!header.ok()) return;
    const Incoming incoming{channel, message.take(), header.take()};
    if (incoming.header.msg_type != "connection_request") return on_request_(*this, incoming);
    JsonWriter w;
    w.begin_object().key("status").value("ok").key("engines").begin_object();
    for (const auto& [id, uuid] : engines_) w.key(std::to_string(id)).value(uuid);
    w.end_object().key("instance").value(ids_.session());
    w.key("batches").value(takes_batches_).end_object();
    reply(incoming, "{}", w.take());
  }

  wire::ConnectionInfo info_;
  OnRequest on_request_;
  wire::Signer signer_;
  MessageIdSource ids_{new_session_id()};
  std::unique_ptr<transport::Context> context_ = std::make_unique<transport::Context>();
  std::map<Channel, transport::Socket> sockets_;
  std::map<int, std::string> engines_;
  bool stopping_ = false;
  bool takes_batches_ = false;
  int wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace engineroom::client
