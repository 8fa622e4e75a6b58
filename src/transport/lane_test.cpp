#include "transport/lane.h"

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/shared_bytes.h"

namespace engineroom::transport {
namespace {

const Time kNow{std::chrono::hours(1)};

class LaneTest : public ::testing::Test {
 protected:
  Bytes large(char fill) { return *pool_.copy(std::string(kSharedBytes, fill), kNow); }

  static std::string random_key() {
    std::random_device random;
    return std::to_string(random()) + std::to_string(random());
  }

  // What the controller's end gets of a message that the peer `identity` sends.
  Frames pass(Lane& from, const std::string& identity, Frames frames) {
    from.share(frames);
    frames.insert(frames.begin(), Bytes::copy_of(identity));
    hub_.resolve(frames);
    frames.erase(frames.begin());
    return frames;
  }

  // What the peer gets of a message to it.
  Frames pass_back(Lane& to, const std::string& identity, Frames frames) {
    frames.insert(frames.begin(), Bytes::copy_of(identity));
    hub_.share(frames);
    frames.erase(frames.begin());
    to.resolve(frames, false);
    return frames;
  }

  const std::string key_ = random_key();
  LaneHub hub_{key_};
  SharedPool pool_;
};

TEST_F(LaneTest, LargeBuffersPassWithoutACopy) {
  auto client = Lane::connect(key_, "client");
  auto engine = Lane::connect(key_, "engine");
  ASSERT_TRUE(client && engine);
  const Frames sent = {Bytes::copy_of("small"), large('a'), large('b')};
  const Frames between = pass(*client, "client", sent);
  EXPECT_EQ(between, sent);
  EXPECT_TRUE(is_shared(between[1])) << "can be handed on";
  const Frames got = pass_back(*engine, "engine", between);
  EXPECT_EQ(got, sent);
  EXPECT_FALSE(is_shared(got[1])) << "the end of the way";
}

TEST_F(LaneTest, MessagesHaveReferencesInTheirPlace) {
  auto client = Lane::connect(key_, "client");
  Frames frames = {large('a')};
  client->share(frames);
  EXPECT_LT(frames[0].size(), 100U);
  EXPECT_TRUE(Lane::has_reference(frames));
}

TEST_F(LaneTest, BuffersOutliveTheirSender) {
  Frames frames = {large('a')};
  {
    auto client = Lane::connect(key_, "client");
    client->share(frames);
  }
  frames.insert(frames.begin(), Bytes::copy_of("client"));
  hub_.resolve(frames);
  EXPECT_EQ(frames[1].view(), std::string(kSharedBytes, 'a'));
}

TEST_F(LaneTest, ManyPeersConnectBeforeTheFirstLargeBuffer) {
  std::vector<Lane> peers;
  for (int i = 0; i < 200; ++i) {
    auto peer = Lane::connect(key_, "peer" + std::to_string(i));
    ASSERT_TRUE(peer);
    peers.push_back(std::move(*peer));
  }
  const Frames sent = {large('a')};
  EXPECT_EQ(pass(peers.back(), "peer199", sent), sent);
  EXPECT_EQ(hub_.size(), 200U);
}

TEST_F(LaneTest, MessagesMayBeReadInAnotherOrder) {
  auto client = Lane::connect(key_, "client");
  Frames first = {large('1')};
  Frames second = {large('2')};
  client->share(first);
  client->share(second);
  for (Frames* frames : {&second, &first}) {
    frames->insert(frames->begin(), Bytes::copy_of("client"));
    hub_.resolve(*frames);
  }
  EXPECT_EQ((*first[1].data()), '1');
  EXPECT_EQ((*second[1].data()), '2');
}

TEST_F(LaneTest, ReferencesOfAnotherPeerAreData) {
  auto client = Lane::connect(key_, "client");
  auto thief = Lane::connect(key_, "thief");
  Frames frames = {large('a')};
  client->share(frames);
  Frames stolen = frames;
  stolen.insert(stolen.begin(), Bytes::copy_of("thief"));
  hub_.resolve(stolen);
  EXPECT_EQ(stolen[1], frames[0]);
}

TEST_F(LaneTest, ReferenceCountsOnce) {
  auto client = Lane::connect(key_, "client");
  Frames frames = {large('a')};
  client->share(frames);
  frames.insert(frames.begin(), Bytes::copy_of("client"));
  Frames again = frames;
  hub_.resolve(frames);
  hub_.resolve(again);
  EXPECT_TRUE(is_shared(frames[1]));
  EXPECT_FALSE(is_shared(again[1]));
}

TEST_F(LaneTest, PeersWithoutALaneGetTheBytes) {
  Frames frames = {Bytes::copy_of("stock"), large('a')};
  hub_.share(frames);
  EXPECT_EQ(frames[1].view(), std::string(kSharedBytes, 'a'));
}

TEST_F(LaneTest, WhatTheLaneCannotTakeGoesWithTheMessage) {
  auto client = Lane::connect(key_, "client");
  const Bytes buffer = large('a');
  int n_inline = 0;
  for (int i = 0; i < 5000 && n_inline == 0; ++i) {
    Frames frames = {buffer};
    client->share(frames);
    if (is_shared(frames[0])) ++n_inline;
  }
  EXPECT_EQ(n_inline, 1) << "nobody reads, and the lane never fills";
  EXPECT_TRUE(client->is_open());
}

TEST_F(LaneTest, PeerThatIsGone) {
  auto client = Lane::connect(key_, "client");
  pass(*client, "client", {large('a')});
  client.reset();
  Frames frames = {Bytes::copy_of("client"), large('a')};
  hub_.share(frames);
  EXPECT_TRUE(is_shared(frames[1]));
}

TEST_F(LaneTest, ControllerThatIsGone) {
  auto hub = std::make_unique<LaneHub>("another key");
  auto client = Lane::connect("another key", "client");
  ASSERT_TRUE(client);
  EXPECT_TRUE(client->check_open());
  hub.reset();
  EXPECT_FALSE(client->check_open());
  Frames frames = {large('a')};
  client->share(frames);
  EXPECT_TRUE(is_shared(frames[0]));
}

TEST_F(LaneTest, FurtherDescriptorsAreClosed) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
            0);
  Lane lane{UniqueFd(ends[0])};
  const UniqueFd other(ends[1]);
  const auto next_descriptor = [] { return UniqueFd(::dup(STDERR_FILENO)).get(); };
  const int before = next_descriptor();

  std::array<char, 32> announcement = {'e', 'r', '-', 'l', 'a', 'n', 'e'};
  iovec part{announcement.data(), announcement.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const std::array<int, 2> descriptors = {STDERR_FILENO, STDERR_FILENO};
  std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof descriptors);
  ASSERT_EQ(::sendmsg(other.get(), &message, 0), 32);

  Frames frames = {Bytes::copy_of({announcement.data(), announcement.size()})};
  lane.resolve(frames, true);
  EXPECT_EQ(frames[0].size(), 32U);
  EXPECT_EQ(next_descriptor(), before);
}

TEST_F(LaneTest, NoLaneWithoutTheKey) {
  EXPECT_FALSE(Lane::connect("wrong " + key_, "client"));
  EXPECT_FALSE(Lane::connect("", "client"));
  LaneHub unsigned_hub("");
  EXPECT_FALSE(Lane::connect("", "client"));
}

TEST_F(LaneTest, SecondControllerWithTheSameKeyHasNoLanes) {
  LaneHub second(key_);
  auto client = Lane::connect(key_, "client");
  EXPECT_EQ(pass(*client, "client", {large('a')})[0].size(), kSharedBytes);
}

TEST_F(LaneTest, NewLaneOfAPeerReplacesItsOldOne) {
  auto old = Lane::connect(key_, "client");
  pass(*old, "client", {large('a')});
  auto fresh = Lane::connect(key_, "client");
  EXPECT_EQ(pass(*fresh, "client", {large('b')})[0].view(), std::string(kSharedBytes, 'b'));
  EXPECT_EQ(hub_.size(), 1U);
}

TEST_F(LaneTest, LanesOfTheDeadAreSweptAway) {
  for (int i = 0; i < 300; ++i) {
    const std::string identity = "client " + std::to_string(i);
    auto client = Lane::connect(key_, identity);
    ASSERT_TRUE(client);
    pass(*client, identity, {large('a')});
  }
  EXPECT_LE(hub_.size(), 130U);
}

}  // namespace
}  // namespace engineroom::transport
