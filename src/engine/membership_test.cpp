#include "engine/membership.h"

#include <gtest/gtest.h>

namespace engineroom::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

RegistrationReply accepted(int id, Duration period = seconds(3)) {
  RegistrationReply reply;
  reply.ok = true;
  reply.id = id;
  reply.heartbeat_period = period;
  return reply;
}

RegistrationReply refused(const char* why) {
  RegistrationReply reply;
  reply.error = why;
  return reply;
}

bool nothing(const Membership::Effects& effects) {
  return !effects.send_registration && !effects.registered && !effects.drop_queue && !effects.exit;
}

class MembershipTest : public testing::Test {
 protected:
  void join() {
    EXPECT_TRUE(membership_.on_start(now_).send_registration);
    EXPECT_TRUE(nothing(membership_.on_connected(now_)));
    EXPECT_TRUE(membership_.on_reply(accepted(4), now_).registered);
  }
  // Lets the time pass from deadline to deadline, and returns what had to be done first.
  Membership::Effects pass(Duration duration) {
    const Time end = now_ + duration;
    while (membership_.deadline() && *membership_.deadline() <= end) {
      now_ = *membership_.deadline();
      Membership::Effects effects = membership_.on_time(now_);
      if (!nothing(effects)) return effects;
    }
    now_ = end;
    return {};
  }

  Time now_{seconds(1000)};
  Membership membership_{MembershipOptions{}};
};

TEST_F(MembershipTest, RegistersAndKnowsItsId) {
  join();
  EXPECT_TRUE(membership_.registered());
  EXPECT_EQ(membership_.id(), 4);
}

TEST_F(MembershipTest, WaitsForEverForTheFirstConnection) {
  EXPECT_TRUE(membership_.on_start(now_).send_registration);
  // Nothing is sent again: the first request still waits in the socket.
  EXPECT_TRUE(nothing(pass(seconds(3600))));
}

TEST_F(MembershipTest, AsksAgainIfNotAnswered) {
  EXPECT_TRUE(membership_.on_start(now_).send_registration);
  EXPECT_TRUE(nothing(membership_.on_connected(now_)));
  EXPECT_TRUE(pass(seconds(11)).send_registration);
}

TEST_F(MembershipTest, GivesUpAfterTheTimeout) {
  MembershipOptions options;
  options.registration_timeout = seconds(5);
  Membership membership(options);
  EXPECT_TRUE(membership.on_start(now_).send_registration);
  EXPECT_TRUE(nothing(membership.on_time(now_ + seconds(4))));
  EXPECT_EQ(membership.on_time(now_ + seconds(5)).exit, Exit::kNoAnswer);
}

TEST_F(MembershipTest, EndsWhenRefused) {
  EXPECT_TRUE(membership_.on_start(now_).send_registration);
  const Membership::Effects effects = membership_.on_reply(refused("uuid in use"), now_);
  EXPECT_EQ(effects.exit, Exit::kRefused);
  EXPECT_NE(effects.reason.find("uuid in use"), std::string::npos);
}

TEST_F(MembershipTest, SurvivesAShortLossOfConnection) {
  join();
  EXPECT_TRUE(nothing(membership_.on_disconnected(now_)));
  EXPECT_TRUE(nothing(pass(seconds(4))));
  // It may be another process that listens there now.
  EXPECT_TRUE(membership_.on_connected(now_).send_registration);
  // It was not: the controller says that this uuid is in use, by us.
  EXPECT_TRUE(nothing(membership_.on_reply(refused("uuid in use"), now_)));
  membership_.on_ping(now_);
  EXPECT_TRUE(nothing(pass(seconds(12))));
}

TEST_F(MembershipTest, TakesTheIdOfANewController) {
  join();
  membership_.on_disconnected(now_);
  EXPECT_TRUE(membership_.on_connected(now_).send_registration);
  EXPECT_TRUE(membership_.on_reply(accepted(9), now_).registered);
  EXPECT_EQ(membership_.id(), 9);
}

TEST_F(MembershipTest, EndsWhenTheControllerIsGone) {
  join();
  membership_.on_disconnected(now_);
  EXPECT_EQ(pass(seconds(6)).exit, Exit::kControllerGone);
}

TEST_F(MembershipTest, EndsWhenHeartbeatsStop) {
  join();
  membership_.on_ping(now_);
  EXPECT_TRUE(nothing(pass(seconds(140))));
  EXPECT_EQ(pass(seconds(40)).exit, Exit::kControllerGone);
}

TEST_F(MembershipTest, OnePingMakesUpForAllThatWereMissed) {
  join();
  EXPECT_TRUE(nothing(pass(seconds(140))));
  membership_.on_ping(now_);
  EXPECT_TRUE(nothing(pass(seconds(140))));
}

TEST_F(MembershipTest, ASleepingMachineMissesOnePing) {
  join();
  now_ += std::chrono::hours(10);
  EXPECT_TRUE(nothing(membership_.on_time(now_)));
  membership_.on_ping(now_);
  EXPECT_TRUE(nothing(pass(seconds(100))));
}

TEST_F(MembershipTest, NoHeartbeatsNoDeadline) {
  EXPECT_TRUE(membership_.on_start(now_).send_registration);
  EXPECT_TRUE(membership_.on_reply(accepted(0, Duration::zero()), now_).registered);
  EXPECT_FALSE(membership_.deadline().has_value());
}

TEST_F(MembershipTest, RegistersAgainWhenTakenForDead) {
  join();
  const Membership::Effects effects = membership_.on_unregistered(now_);
  EXPECT_TRUE(effects.send_registration);
  EXPECT_TRUE(effects.drop_queue);
  EXPECT_FALSE(membership_.registered());
  EXPECT_TRUE(membership_.on_reply(accepted(5), now_).registered);
  // Said twice, it is old news the second time.
  EXPECT_TRUE(membership_.registered());
}

TEST_F(MembershipTest, DeadlinesAlwaysMoveOn) {
  join();
  membership_.on_disconnected(now_);
  EXPECT_TRUE(membership_.on_connected(now_).send_registration);
  // Unanswered, it is asked again rather than due for ever.
  EXPECT_TRUE(pass(seconds(11)).send_registration);
  ASSERT_TRUE(membership_.deadline().has_value());
  EXPECT_GT(*membership_.deadline(), now_);
}

TEST_F(MembershipTest, WaitsForAControllerWithAJournal) {
  join();
  RegistrationReply reply = accepted(4);
  reply.journal = "name";
  reply.start = 1;
  reply.patience = seconds(30);
  EXPECT_TRUE(membership_.on_reply(reply, now_).forget_replies);
  membership_.on_disconnected(now_);
  EXPECT_FALSE(pass(seconds(29)).exit);
  EXPECT_TRUE(membership_.on_connected(now_).send_registration);
  reply.start = 2;
  reply.knows_us = true;
  const Membership::Effects effects = membership_.on_reply(reply, now_);
  EXPECT_TRUE(effects.returned);
  EXPECT_FALSE(effects.forget_replies);
  EXPECT_EQ(membership_.start(), 2);
  reply.knows_us = false;
  EXPECT_TRUE(membership_.on_reply(reply, now_).drop_queue);
  membership_.on_disconnected(now_);
  EXPECT_EQ(pass(seconds(31)).exit, Exit::kControllerGone);
}

}  // namespace
}  // namespace engineroom::engine
