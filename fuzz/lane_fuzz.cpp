// fuzz/lane_fuzz.cpp — whatever the other end of a lane sends, with whatever descriptors: what is
// resolved can be read from its first byte to its last, and no descriptor is left open.
//
// The input is a play: each step sends a packet, hands over a message to resolve or to share, or
// closes the other end. Announcements and references take their ids and sizes from small pools, so
// that they meet each other.

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fuzz_input.h"
#include "transport/lane.h"

namespace engineroom::transport {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::array<std::uint64_t, 8> kSizes = {
    0, 1, kPage, kPage + 1, kPage, 1U << 31U, std::uint64_t{1} << 63U, ~0ULL};

// The number that the next descriptor will have, which tells whether one is left over.
int next_descriptor() {
  const UniqueFd probe(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return probe.get();
}

// Announcements and references, which look the same (docs/formats/extensions.md).
std::string some_reference(FuzzInput& input) {
  std::string bytes("er-lane\0", 8);
  const std::array<std::uint64_t, 3> numbers = {1, input.byte() % 4,
                                                kSizes[input.byte() % kSizes.size()]};
  bytes.append(reinterpret_cast<const char*>(numbers.data()), sizeof numbers);
  if (input.byte() % 16 == 0) bytes.resize(input.byte() % bytes.size());
  return bytes;
}

// A segment as it should be, one that can shrink, an empty one, no memory at all.
UniqueFd some_descriptor(unsigned kind) {
  if (kind % 4 == 3) return UniqueFd(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  UniqueFd file(::memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  FUZZ_REQUIRE(file && ::ftruncate(file.get(), kind % 4 == 2 ? 0 : kPage) == 0);
  if (kind % 4 != 1) {
    FUZZ_REQUIRE(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
  }
  return file;
}

void send_packet(int socket, std::string packet, const std::vector<UniqueFd>& descriptors) {
  iovec part{packet.data(), packet.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const std::size_t size = descriptors.size() * sizeof(int);
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      const int number = descriptors[i].get();
      std::memcpy(CMSG_DATA(header) + i * sizeof number, &number, sizeof number);
    }
  }
  (void)::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

class Play {
 public:
  explicit Play(FuzzInput input) : input_(input) {
    std::array<int, 2> ends{};
    FUZZ_REQUIRE(
        ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    lane_.emplace(UniqueFd(ends[0]));
    other_.reset(ends[1]);
  }

  void run() {
    for (int step = 0; step < 100 && !input_.empty(); ++step) take_step(input_.byte());
  }

 private:
  void take_step(unsigned what) {
    switch (what % 8) {
      case 0:
        return resolve();
      case 1:
        return share();
      case 2:
        if (input_.byte() % 8 == 0) other_.reset();
        FUZZ_REQUIRE(lane_->is_open() || !lane_->check_open());
        return;
      default:
        return announce();
    }
  }

  void announce() {
    std::vector<UniqueFd> descriptors;
    const unsigned count = input_.byte() % 8;
    for (unsigned i = 0; i < (count < 4 ? 1 : count - 4); ++i) {
      descriptors.push_back(some_descriptor(input_.byte()));
    }
    const bool is_raw = input_.byte() % 16 == 0;
    send_packet(other_.get(), is_raw ? std::string(input_.text()) : some_reference(input_),
                descriptors);
  }

  void resolve() {
    const Frames before = {Bytes::copy_of(some_reference(input_)), Bytes::copy_of(input_.text())};
    Frames after = before;
    lane_->resolve(after, input_.byte() % 2 == 0);
    FUZZ_REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (after[i] == before[i]) continue;
      FUZZ_REQUIRE(Lane::has_reference({before[i]}));
      const std::string_view bytes = after[i].view();
      FUZZ_REQUIRE(!bytes.empty() && bytes.size() <= kPage);
      FUZZ_REQUIRE(std::count(bytes.begin(), bytes.end(), '\0') ==
                   static_cast<std::ptrdiff_t>(bytes.size()));
    }
  }

  void share() {
    static SharedPool pool(0);
    static const std::optional<Bytes> large =
        pool.copy(std::string(kSharedBytes, 'x'), Time(std::chrono::hours(1)));
    Frames frames = {*large, Bytes::copy_of(input_.text())};
    const Bytes small = frames[1];
    lane_->share(frames);
    FUZZ_REQUIRE(frames[1] == small);
    FUZZ_REQUIRE(frames[0] == *large || Lane::has_reference(frames));
  }

  FuzzInput input_;
  std::optional<Lane> lane_;
  UniqueFd other_;
};

}  // namespace
}  // namespace engineroom::transport

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace engineroom::transport;
  // What is made once and stays.
  static const bool is_ready = [] {
    Play(engineroom::FuzzInput(reinterpret_cast<const std::uint8_t*>("\1\0\0"), 3)).run();
    return true;
  }();
  const int before = next_descriptor();
  if (is_ready) Play(engineroom::FuzzInput(data, size)).run();
  FUZZ_REQUIRE(next_descriptor() == before);
  return 0;
}
