// fuzz/controller_fuzz.cpp — whatever clients and engines send, in whatever order: the controller
// keeps its books straight.
//
// The input is a play: each step is a byte that says what happens (a message on a channel, a pong,
// a closed connection, time), bytes that pick names from small pools, so that the steps meet each
// other, and texts for the JSON frames. Messages are unsigned: signatures are the wire targets'
// business. After every step the controller's cross-references are checked.
//
// In half of the plays the controller keeps a journal; then it may be killed, and another goes on.
// In half of them it has users, whose messages and replies hold a word that nobody else may read.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/fuzz_input.h"
#include "controller/controller.h"
#include "controller/fake_journal.h"
#include "controller/restored_records.h"
#include "controller/user_gate.h"
#include "store/memory_store.h"
#include "transport/shared_bytes.h"

namespace engineroom::controller {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array<const char*, 4> kEngines = {"e0", "e1", "e2", "client"};
constexpr std::array<std::string_view, 6> kPeers = {
    "e0"sv, "e1"sv, "e2"sv, "client"sv, "\0user:alice/client"sv, "\0user:bob/client"sv};
constexpr std::array<const char*, 8> kIds = {"t0", "t1", "t2", "t3", "t0_e0", "t0_e1", "t1_e0", ""};
constexpr std::array<const char*, 3> kPrefixes = {"", "alice/", "bob/"};
// What only that user may read; in no pool of the others.
struct UserNames {
  const char* name;
  const char* prefix;
  const char* secret;
};
constexpr std::array<UserNames, 2> kUsers = {
    {{"alice", "alice/", "secret_of_alice"}, {"bob", "bob/", "secret_of_bob"}}};
constexpr std::array<const char*, 22> kTypes = {"apply_request",
                                                "apply_reply",
                                                "registration_request",
                                                "unregistration_request",
                                                "abort_request",
                                                "connection_request",
                                                "queue_request",
                                                "result_request",
                                                "purge_request",
                                                "db_request",
                                                "resubmit_request",
                                                "history_request",
                                                "stream",
                                                "shutdown_reply",
                                                "error",
                                                "execute_input",
                                                "return_notice",
                                                "resume_request",
                                                "received_notice",
                                                "stats_request",
                                                "complete_notice",
                                                "result_reply"};
constexpr std::array<const char*, 25> kJson = {
    "{}",
    R"({"uuid":"e0"})",
    R"({"uuid":"e1","engineroom":"1","id":1})",
    R"({"uuid":"e2","id":0})",
    R"({"id":0})",
    R"({"status":"ok","engine":"e0"})",
    R"({"status":"error","dependencies_met":false})",
    R"({"status":"aborted"})",
    R"({"targets":[["e0",0],["e1",1]],"is_coalescing":true})",
    R"({"targets":["e0"],"after":["t0"],"follow":{"dependencies":["t1"],"all":false},"retries":2})",
    R"({"msg_ids":["t0","t1","t2"],"engine_ids":[0],"verbose":true})",
    R"({"msg_ids":["t0"]})",
    R"({"query":{"msg_id":{"$in":["t0","t1"]},"received":null},"keys":["buffers","label"]})",
    R"({"retries":3,"timeout":0.5,"targets":["e0","e1"],"name":"stdout","text":"x","code":"y"})",
    R"({"targets":[["e0",0],["e1",1]]})",
    R"({"inputs":[{"id":"t0","engine":"e1"},{"id":"t1"}],"priority":2})",
    R"({"uuid":"e1","engineroom":"1","id":1,"peer":{"url":"ipc://@x","host":"h"}})",
    R"({"uuid":"e1","engineroom":"1","journal":"name"})",
    R"({"uuid":"e1","held":["t0","t1_e0"]})",
    R"({"msg_ids":["t0","t1","t0_e0"],"resumes":true})",
    R"({"uuid":"e0","engineroom":"1","peer":{"url":"u","host":"h","host_buffers":true}})",
    R"({"uuid":"e2","engineroom":"1","peer":{"url":"v","host":"h","host_buffers":true}})",
    R"({"id":"buffer-0","task":"t0","from":0,"bytes":9,"failed":"e0"})",
    R"({"batch":{"id":"b","at":[0],"others":2}})",
    R"({"batch":{"id":"b","at":[0]}})"};

// As large as it takes for the engines of one host to be sent it once; made once.
const Bytes& large_buffer(bool which) {
  static const Bytes kOne(std::string(transport::kSharedBytes, 'x'));
  static const Bytes kOther(std::string(transport::kSharedBytes, 'y'));
  return which ? kOne : kOther;
}

// Loses messages now and then, as real peers do.
class ForgetfulOutbox : public Outbox {
 public:
  SendResult send(Channel channel, const Frames& frames) override {
    FUZZ_REQUIRE(!frames.empty());
    if (channel == Channel::kPing) last_ping = frames[0].str();
    ++count;
    if (count % 13 == 0) return SendResult::kQueueFull;
    return count % 7 == 0 ? SendResult::kNoPeer : SendResult::kSent;
  }
  std::string last_ping;
  unsigned count = 0;
};

bool has_word_of(std::string_view text, const UserNames& user) {
  return text.find(user.prefix) != text.npos || text.find(user.secret) != text.npos;
}

// What users are sent. Nothing in it is another's.
class WatchedUsers : public UserOutbox {
 public:
  SendResult send_to(std::size_t user, Channel channel, const Frames& frames) override {
    // After the socket's own name, which the sender chose, where there is one.
    const bool is_named = channel != Channel::kNotification && channel != Channel::kIopubClient;
    for (std::size_t i = is_named ? 1 : 0; i < frames.size(); ++i) {
      FUZZ_REQUIRE(!has_word_of(frames[i].view(), kUsers[1 - user]));
    }
    return SendResult::kSent;
  }
};

class Play {
 public:
  explicit Play(FuzzInput input) : input_(input) {
    const unsigned kind = input_.byte();
    if (kind % 2 == 0) journal_.emplace(file_, "name");
    has_users_ = kind / 2 % 2 == 0;
    store_.emplace();
    start();
  }

  void run() {
    for (int step = 0; step < 300 && !input_.empty(); ++step) {
      take_step(input_.byte());
      controller_->sanity_check();
      store_->sanity_check();
    }
    (void)controller_->stats_json();
  }

 private:
  static ControllerConfig config() {
    ControllerConfig config;
    config.heartbeat_period = std::chrono::milliseconds(100);
    config.max_heartbeat_misses = 2;
    return config;
  }

  void start() {
    if (has_users_) {
      gate_.emplace(std::vector<UserGate::User>{{kUsers[0].name, ""}, {kUsers[1].name, ""}}, "",
                    outbox_, users_);
    }
    Outbox& outbox = gate_ ? static_cast<Outbox&>(*gate_) : outbox_;
    controller_.emplace(config(), outbox, *store_, journal_ ? &*journal_ : nullptr);
  }

  void kill_and_start() {
    if (!journal_) return;
    controller_.reset();
    FakeJournalSink earlier;
    earlier.bytes = std::exchange(file_.bytes, {});
    auto read = Journal::read(earlier.bytes, earlier);
    FUZZ_REQUIRE(read.ok());
    journal_.emplace(read.take());
    store_.emplace();
    restore_records(*store_, *journal_);
    FUZZ_REQUIRE(journal_->rewrite(file_).ok());
    start();
    controller_->restore(now_);
  }

  template <typename Pool>
  std::string pick(const Pool& pool) {
    return pool[input_.byte() % pool.size()];
  }

  // Usually from the pool, sometimes the input's own.
  std::string json() {
    if (input_.byte() % 8 != 0) return pick(kJson);
    const std::string_view text = input_.text();
    for (const UserNames& user : kUsers) {
      if (has_word_of(text, user)) return "{}";  // a lucky guess is no leak
    }
    return std::string(text);
  }

  Bytes header(std::string_view prefix) {
    return wire::make_header(std::string(prefix) + pick(kIds), pick(kTypes), pick(kEngines), "u",
                             "2026-11-21T05:57:34.884217Z");
  }

  void take_step(unsigned what) {
    constexpr unsigned kPong = kChannelCount;
    switch (what % (kChannelCount + 7)) {
      case kPong:
        return controller_->on_message(Channel::kPong,
                                       {Bytes(pick(kEngines)), Bytes(outbox_.last_ping)}, -1, now_);
      case kPong + 1:
        return controller_->on_connection_closed(input_.byte() % 4, now_);
      case kPong + 2:
      case kPong + 3:
        now_ += std::chrono::milliseconds(input_.byte());
        return controller_->on_time(now_);
      case kPong + 4:
        return kill_and_start();
      case kPong + 5:
      case kPong + 6:
        return receive_from_user(what % 2);
      default:
        return receive(static_cast<Channel>(what % kChannelCount));
    }
  }

  void receive(Channel channel) {
    Frames identities;
    // Engines answer users' clients; the owner's clients cannot have such names, nor are they
    // topics.
    const bool is_reply = side_of(channel) == Side::kEngines && channel != Channel::kIopubEngine;
    const std::size_t n_peers = is_reply ? kPeers.size() : 4;
    for (unsigned n = input_.byte() % 3; n > 0; --n) {
      identities.push_back(Bytes::copy_of(kPeers[input_.byte() % n_peers]));
    }
    // Whose task it is about.
    const std::size_t whose = has_users_ ? input_.byte() % kPrefixes.size() : 0;
    Frames frames = message(std::move(identities), kPrefixes[whose]);
    if (whose > 0) frames.emplace_back(kUsers[whose - 1].secret);
    controller_->on_message(channel, std::move(frames), input_.byte() % 4, now_);
  }

  // Any user's client may have any name, the other one's too.
  void receive_from_user(std::size_t user) {
    if (!gate_) return;
    const auto channel = static_cast<Channel>(input_.byte() % kChannelCount);
    Frames frames = message({Bytes::copy_of(kPeers[3 + input_.byte() % 3])}, "");
    frames.emplace_back(kUsers[user].secret);
    auto admitted = gate_->admit(user, channel, std::move(frames));
    if (admitted) controller_->on_message(channel, std::move(*admitted), -1, now_);
  }

  Frames message(Frames identities, std::string_view prefix) {
    Frames frames = std::move(identities);
    frames.push_back(Bytes::of_static(wire::kDelimiter));
    frames.emplace_back();
    frames.push_back(header(prefix));
    frames.push_back(input_.byte() % 2 == 0 ? Bytes::of_static("{}") : header(prefix));
    frames.emplace_back(json());
    frames.emplace_back(json());
    const unsigned buffers = input_.byte();
    if (buffers % 4 == 0) frames.push_back(large_buffer(buffers % 8 == 0));
    if (buffers % 4 == 1) frames.emplace_back();
    return frames;
  }

  FuzzInput input_;
  ForgetfulOutbox outbox_;
  WatchedUsers users_;
  bool has_users_ = false;
  std::optional<UserGate> gate_;
  FakeJournalSink file_;
  std::optional<Journal> journal_;
  std::optional<store::MemoryStore> store_;
  std::optional<Controller> controller_;
  Time now_ = Time(std::chrono::hours(1));
};

}  // namespace
}  // namespace engineroom::controller

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  [[maybe_unused]] static const bool is_quiet = [] {
    engineroom::silence_log();
    return true;
  }();
  engineroom::controller::Play(engineroom::FuzzInput(data, size)).run();
  return 0;
}
