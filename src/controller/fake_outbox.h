// controller/fake_outbox.h — for tests: an Outbox that keeps what was sent, and peers that talk to
// a Controller.
//
// A test gives frames and then takes what was sent, in order; at its end nothing may be left
// (expect_nothing_left).
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "controller/controller.h"
#include "store/memory_store.h"
#include "wire/message.h"

namespace engineroom::controller {

class FakeOutbox : public Outbox {
 public:
  SendResult send(Channel channel, const Frames& frames) override {
    if (full.contains(channel)) return SendResult::kQueueFull;
    if (absent.contains({channel, frames.front().str()})) return SendResult::kNoPeer;
    sent.emplace_back(channel, frames);
    return SendResult::kSent;
  }

  std::deque<std::pair<Channel, Frames>> sent;
  // Peers that are not connected to a channel, and channels whose peer does not read.
  std::set<std::pair<Channel, std::string>> absent;
  std::set<Channel> full;
};

// One message as a test looks at it.
struct Seen {
  Channel channel{};
  wire::Message message;
  wire::Header header;
  wire::Header parent;

  std::string to() const {
    return message.identities.empty() ? "" : message.identities.front().str();
  }
  // A field of the content or the metadata as JSON text; "" if absent.
  std::string content(std::string_view key) const { return field(message.content, key); }
  std::string metadata(std::string_view key) const { return field(message.metadata, key); }

 private:
  static std::string field(const Bytes& json, std::string_view key) {
    JsonReader reader;
    const auto object = read_object(reader, json.view());
    return object ? object->json(key, "") : "";
  }
};

// A controller with its clock in the test's hands, and enough of clients and engines to talk to it.
class ControllerTest : public ::testing::Test {
 protected:
  static constexpr std::string_view kClientKey = "secret of clients";
  static constexpr std::string_view kEngineKey = "secret of engines";

  ControllerTest() { restart(config()); }

  static ControllerConfig config() {
    ControllerConfig config;
    config.client_key = kClientKey;
    config.engine_key = kEngineKey;
    config.heartbeat_period = std::chrono::milliseconds(100);
    config.max_heartbeat_misses = 2;
    return config;
  }

  void restart(ControllerConfig config) {
    outbox.sent.clear();
    store = std::make_unique<store::MemoryStore>();
    controller = std::make_unique<Controller>(std::move(config), outbox, *store);
    advance(Duration::zero());
    outbox.sent.clear();  // the first ping
  }

  // ---- a peer's side ----

  struct Out {
    Frames identities;
    std::string type;
    std::string content = "{}";
    std::string metadata = "{}";
    std::string parent = "{}";
    Frames buffers = {};
    std::string msg_id = {};
  };

  Frames sign(Out out, Side side) { return sign(std::move(out), signer(side)); }
  Frames sign(Out out, wire::Signer& signer) {
    wire::Message message;
    message.identities = std::move(out.identities);
    if (out.msg_id.empty()) out.msg_id = "m" + std::to_string(++counter_);
    message.header =
        wire::make_header(out.msg_id, out.type, "session", "user", "2026-11-21T05:57:34.884217Z");
    message.parent_header = Bytes(std::move(out.parent));
    message.metadata = Bytes(std::move(out.metadata));
    message.content = Bytes(std::move(out.content));
    message.buffers = std::move(out.buffers);
    return wire::encode(message, signer);
  }

  void receive(Channel channel, Out out, int connection = -1) {
    controller->on_message(channel, sign(std::move(out), side_of(channel)), connection, now);
    controller->sanity_check();
  }

  // Registers an engine and lets its heart be heard. Takes the messages that belong to that.
  EngineId join(const std::string& uuid, const std::string& more = "", int connection = -1) {
    receive(Channel::kRegistration,
            {.identities = {Bytes(uuid)},
             .type = "registration_request",
             .content = "{\"uuid\":\"" + uuid + "\"" + more + "}"},
            connection);
    const Seen reply = take(Channel::kRegistration);
    EXPECT_EQ(reply.content("status"), "\"ok\"");
    advance(std::chrono::milliseconds(30));
    pong(uuid, take_ping());
    EXPECT_EQ(take(Channel::kNotification).header.msg_type, "registration_notification");
    return EngineId{std::stoi(reply.content("id"))};
  }

  void pong(const std::string& uuid, const std::string& ping) {
    controller->on_message(Channel::kPong, {Bytes(uuid), Bytes(ping)}, -1, now);
  }

  // Answers as an engine would the request that it was sent.
  void answer(Channel channel, const Seen& request, const std::string& uuid,
              const std::string& status = "ok", Frames buffers = {}, const std::string& more = "") {
    Frames identities = {Bytes(uuid)};
    const Frames& route = request.message.identities;
    identities.insert(identities.end(), route.begin() + 1, route.end());
    receive(channel,
            {.identities = identities,
             .type = reply_type(request.header.msg_type),
             .content = status == "ok" ? R"({"status":"ok"})"
                        : status == "aborted"
                            ? R"({"status":"aborted"})"
                            : R"({"status":"error","ename":"ValueError","evalue":"of )" + uuid +
                                  R"(","traceback":[],"engine_info":{}})",
             .metadata = R"({"status":")" + status + R"(","engine":")" + uuid + "\"" + more + "}",
             .parent = request.message.header.str(),
             .buffers = std::move(buffers)});
  }

  void advance(Duration duration) {
    now += duration;
    if (now >= controller->next_deadline()) controller->on_time(now);
    controller->sanity_check();
  }

  // ---- what was sent ----

  // The next message sent, which must be on this channel.
  Seen take(Channel channel) {
    if (outbox.sent.empty()) {
      ADD_FAILURE() << "nothing was sent on " << to_string(channel);
      return {};
    }
    auto [where, frames] = std::move(outbox.sent.front());
    outbox.sent.pop_front();
    EXPECT_EQ(to_string(where), to_string(channel));
    return look_at(where, std::move(frames), signer(side_of(channel)));
  }

  static Seen look_at(Channel channel, Frames frames, wire::Signer& signer) {
    Seen seen;
    seen.channel = channel;
    auto message = wire::decode(std::move(frames), signer, nullptr);
    if (!message.ok()) {
      ADD_FAILURE() << message.status().message();
      return seen;
    }
    seen.message = message.take();
    if (auto header = wire::parse_header(seen.message.header.view()); header.ok())
      seen.header = header.take();
    if (auto parent = wire::parse_header(seen.message.parent_header.view(), true); parent.ok()) {
      seen.parent = parent.take();
    }
    return seen;
  }

  // The next message sent on this channel, whatever went out on others before.
  Seen take_first(Channel channel) {
    const auto found = std::find_if(outbox.sent.begin(), outbox.sent.end(),
                                    [channel](const auto& item) { return item.first == channel; });
    if (found != outbox.sent.end()) {
      auto item = std::move(*found);
      outbox.sent.erase(found);
      outbox.sent.push_front(std::move(item));
    }
    return take(channel);
  }

  std::string take_ping() {
    if (outbox.sent.empty() || outbox.sent.front().first != Channel::kPing) {
      ADD_FAILURE() << "no ping";
      return "";
    }
    std::string ping = outbox.sent.front().second.at(0).str();
    outbox.sent.pop_front();
    return ping;
  }

  void expect_nothing_left() {
    for (const auto& [channel, frames] : outbox.sent) {
      ADD_FAILURE() << "also sent on " << to_string(channel) << ", " << frames.size() << " frames";
    }
  }

  void TearDown() override { expect_nothing_left(); }

  std::uint64_t dropped(Drop why) const { return controller->core().counters[why]; }

  FakeOutbox outbox;
  Time now = Time(std::chrono::hours(1));
  std::unique_ptr<store::MemoryStore> store;
  std::unique_ptr<Controller> controller;

 private:
  wire::Signer& signer(Side side) {
    return side == Side::kClients ? client_signer_ : engine_signer_;
  }

  wire::Signer client_signer_{kClientKey};
  wire::Signer engine_signer_{kEngineKey};
  int counter_ = 0;
};

}  // namespace engineroom::controller
