// What the controller remembers is bounded: played through with the limits that it really has.
#include "controller/memory.h"

#include <malloc.h>

#include "controller/fake_outbox.h"

namespace engineroom::controller {
namespace {

// More than any table remembers: 65,536 signatures and finished tasks, 16,384 records.
constexpr int kEnough = 70'000;
constexpr std::size_t kMiB = std::size_t{1} << 20;

// Large blocks are mapped, or not: by what was freed before. Without these a block that changes its
// place looks like growth.
std::size_t heap_bytes() {
  const struct mallinfo2 all = mallinfo2();
  return all.uordblks + all.hblkhd;
}

class MemoryTest : public ControllerTest {
 protected:
  void SetUp() override {
    if (heap_bytes() == 0) GTEST_SKIP() << "the heap is not glibc's own";
  }

  void submit() {
    const std::string id = "cae9ec08-b09e481782d8404c9b68d93c_14053_" + std::to_string(++last_id_);
    controller->on_message(Channel::kTaskClient,
                           sign({.identities = {Bytes::of_static("c")},
                                 .type = "apply_request",
                                 .buffers = {Bytes(std::string(330, 'f'))},
                                 .msg_id = id},
                                Side::kClients),
                           -1, now);
  }

  // Answers what was sent to engines until nothing is left to do.
  void work_off() {
    while (!outbox.sent.empty()) {
      if (outbox.sent.front().first != Channel::kTaskEngine) {
        outbox.sent.pop_front();
        continue;
      }
      const Seen request = take(Channel::kTaskEngine);
      controller->on_message(
          Channel::kTaskEngine,
          sign({.identities = {Bytes::of_static("e1"), request.message.identities.at(1)},
                .type = "apply_reply",
                .content = R"({"status":"ok"})",
                .metadata = R"({"status":"ok","engine":"e1"})",
                .parent = request.message.header.str(),
                .buffers = {Bytes::of_static("r")}},
               Side::kEngines),
          -1, now);
      ++answered_;
    }
  }

  void run_one_by_one(int tasks) {
    for (int i = 0; i < tasks; ++i) {
      submit();
      work_off();
    }
  }

  int answered_ = 0;

 private:
  int last_id_ = 0;
};

TEST_F(MemoryTest, IsFlatOnceFullAndAgainAfterABurst) {
  const std::size_t empty = heap_bytes();
  join("e1", "", 5);
  run_one_by_one(kEnough);
  const std::size_t full = heap_bytes();
  EXPECT_LE(full - empty, 32 * kMiB);
  run_one_by_one(kEnough / 2);
  EXPECT_LE(heap_bytes(), full + kMiB / 2);

  // While there is no engine, tasks wait.
  controller->on_connection_closed(5, now);
  outbox.sent.clear();
  constexpr int kBurst = 30'000;
  for (int i = 0; i < kBurst; ++i) submit();
  EXPECT_LE(heap_bytes(), full + kBurst * std::size_t{3} * 1024);
  join("e1");
  work_off();
  EXPECT_EQ(answered_, kEnough + kEnough / 2 + kBurst);
  // A chunk or two more per table, and an index of twice the size.
  EXPECT_LE(heap_bytes(), full + kMiB);
}

TEST(MemoryTrimmer, IsDueOnceWhenWorkHasRested) {
  MemoryTrimmer trimmer;
  Time now(std::chrono::hours(1));
  EXPECT_EQ(trimmer.next_deadline(), std::nullopt);
  trimmer.on_work(now);
  now += MemoryTrimmer::kRest / 2;
  trimmer.on_work(now);
  trimmer.on_time(now);
  EXPECT_EQ(trimmer.next_deadline(), now + MemoryTrimmer::kRest);
  now += MemoryTrimmer::kRest;
  trimmer.on_time(now);
  EXPECT_EQ(trimmer.next_deadline(), std::nullopt);
}

}  // namespace
}  // namespace engineroom::controller
