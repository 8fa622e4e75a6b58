// fuzz/controller_fuzz.cpp — whatever clients and engines send, in whatever order: the controller
// keeps its books straight.
//
// The input is a play: each step is a byte that says what happens (a message on a channel, a pong,
// a closed connection, time), bytes that pick names from small pools, so that the steps meet each
// other, and texts for the JSON frames. Messages are unsigned: signatures are the wire targets'
// business. After every step the controller's cross-references are checked.
//
// In half of the plays the controller keeps a journal; then it may be killed, and another goes on.

#include <array>
#include <optional>
#include <string>

#include "base/fuzz_input.h"
#include "controller/controller.h"
#include "controller/fake_journal.h"
#include "controller/restored_records.h"
#include "store/memory_store.h"

namespace engineroom::controller {
namespace {

constexpr std::array<const char*, 4> kEngines = {"e0", "e1", "e2", "client"};
constexpr std::array<const char*, 8> kIds = {"t0", "t1", "t2", "t3", "t0_e0", "t0_e1", "t1_e0", ""};
constexpr std::array<const char*, 20> kTypes = {"apply_request",
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
                                                "stats_request"};
constexpr std::array<const char*, 20> kJson = {
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
    R"({"msg_ids":["t0","t1","t0_e0"],"resumes":true})"};

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

class Play {
 public:
  explicit Play(FuzzInput input) : input_(input) {
    if (input_.byte() % 2 == 0) journal_.emplace(file_, "name");
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

  void start() { controller_.emplace(config(), outbox_, *store_, journal_ ? &*journal_ : nullptr); }

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
  std::string json() { return input_.byte() % 8 == 0 ? std::string(input_.text()) : pick(kJson); }

  Bytes header() {
    return wire::make_header(pick(kIds), pick(kTypes), pick(kEngines), "u",
                             "2026-11-21T05:57:34.884217Z");
  }

  void take_step(unsigned what) {
    constexpr unsigned kPong = kChannelCount;
    switch (what % (kChannelCount + 5)) {
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
      default:
        return receive(static_cast<Channel>(what % kChannelCount));
    }
  }

  void receive(Channel channel) {
    Frames frames;
    for (unsigned n = input_.byte() % 3; n > 0; --n) frames.emplace_back(pick(kEngines));
    frames.push_back(Bytes::of_static(wire::kDelimiter));
    frames.emplace_back();
    frames.push_back(header());
    frames.push_back(input_.byte() % 2 == 0 ? Bytes::of_static("{}") : header());
    frames.emplace_back(json());
    frames.emplace_back(json());
    controller_->on_message(channel, std::move(frames), input_.byte() % 4, now_);
  }

  FuzzInput input_;
  ForgetfulOutbox outbox_;
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
    spdlog::set_level(spdlog::level::off);
    return true;
  }();
  engineroom::controller::Play(engineroom::FuzzInput(data, size)).run();
  return 0;
}
