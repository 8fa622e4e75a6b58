#include "transport/poller.h"

#include <chrono>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace engineroom::transport {
namespace {

using namespace std::chrono_literals;

class PollerTest : public ::testing::Test {
 protected:
  PollerTest() {
    const Result<std::string> endpoint = far_.bind("tcp://127.0.0.1:*");
    EXPECT_TRUE(endpoint.ok());
    EXPECT_TRUE(near_.connect(endpoint.value()).ok());
    EXPECT_TRUE(other_.bind("tcp://127.0.0.1:*").ok());
  }
  ~PollerTest() override { ::close(wake_); }

  // Sends one message to near_; its identity is known once it has sent one.
  void greet() {
    EXPECT_TRUE(near_.send({Bytes::of_static("hello")}).ok());
    while (identity_.empty()) {
      if (const std::optional<Received> received = far_.receive()) identity_ = received->frames[0];
    }
  }
  void answer() { EXPECT_TRUE(far_.send({identity_, Bytes::of_static("answer")}).ok()); }

  // Polls until near_ is ready.
  bool wait_for_near(Duration spin = 0s) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (std::chrono::steady_clock::now() < deadline) {
      poller_.sleep(poller_.must_look() ? 0 : 50, spin);
      if (!poller_.ready(0)) continue;
      if (near_.receive()) return true;
    }
    return false;
  }

  Context context_;
  Socket far_{context_, SocketType::kRouter};
  Socket near_{context_, SocketType::kDealer};
  Socket other_{context_, SocketType::kRouter};
  int wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  Poller poller_{{&near_, &other_}, wake_};
  Bytes identity_;
};

TEST_F(PollerTest, EveryMessageIsFound) {
  greet();
  for (int i = 0; i < 200; ++i) {
    answer();
    ASSERT_TRUE(wait_for_near()) << i;
  }
}

TEST_F(PollerTest, WhatIsLeftUnreadIsFoundWithoutAnAnnouncement) {
  greet();
  for (int i = 0; i < 3; ++i) answer();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(wait_for_near()) << i;
  EXPECT_FALSE(near_.receive().has_value());
  EXPECT_FALSE(near_.may_have_more());
  EXPECT_FALSE(poller_.must_look());
}

TEST_F(PollerTest, SendingMaySwallowAnAnnouncement) {
  greet();
  EXPECT_FALSE(near_.receive().has_value());
  for (int i = 0; i < 200; ++i) {
    answer();
    // Sooner or later the answer arrives while this is sent, which processes it.
    EXPECT_TRUE(near_.send({Bytes::of_static("more")}).ok());
    EXPECT_TRUE(near_.may_have_more());
    ASSERT_TRUE(wait_for_near()) << i;
  }
}

TEST_F(PollerTest, WakeFdEndsTheSleep) {
  EXPECT_FALSE(poller_.must_look());
  std::thread waker([this] {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(wake_, &one, sizeof one), 8);
  });
  poller_.sleep(10'000);
  EXPECT_TRUE(poller_.woken());
  waker.join();
  poller_.sleep_on_wake_fd(10'000);
  EXPECT_FALSE(poller_.ready(1));
}

TEST_F(PollerTest, WhoLooksInsteadOfSleepingFindsTheSame) {
  greet();
  answer();
  EXPECT_TRUE(wait_for_near(30s));
  while (poller_.must_look()) {
    while (near_.receive()) {
    }
  }
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(wake_, &one, sizeof(one)), ssize_t{sizeof(one)});
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  do {
    poller_.sleep(60'000, 30s);
  } while (!poller_.woken() && std::chrono::steady_clock::now() < deadline);
  EXPECT_TRUE(poller_.woken());
  // Looking ends with the time-out, or sooner.
  std::uint64_t count = 0;
  ASSERT_EQ(::read(wake_, &count, sizeof(count)), ssize_t{sizeof(count)});
  poller_.sleep(1, 30s);
  poller_.sleep(1, 0s);
  EXPECT_FALSE(poller_.woken());
}

TEST_F(PollerTest, ConnectionEvents) {
  Socket watched(context_, SocketType::kDealer);
  ASSERT_TRUE(watched.watch_connections().ok());
  Poller poller({&watched}, -1);
  Socket peer(context_, SocketType::kRouter);
  ASSERT_TRUE(watched.connect(peer.bind("tcp://127.0.0.1:*").value()).ok());
  std::optional<ConnectionEvent> event;
  for (int i = 0; i < 1000 && !event; ++i) {
    poller.sleep(poller.must_look() ? 0 : 50);
    if (poller.monitor_ready(0)) event = watched.next_connection_event();
  }
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->kind, ConnectionEvent::Kind::kConnected);
}

}  // namespace
}  // namespace engineroom::transport
