#include "engine/wake_up.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace engineroom::engine {

WakeUp::WakeUp() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) {
    std::perror("engineroom: eventfd");
    std::abort();
  }
}

WakeUp::~WakeUp() { ::close(fd_); }

void WakeUp::notify() const {
  const int saved = errno;  // this runs in signal handlers
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
  errno = saved;
}

void WakeUp::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
}

void WakeUp::wait(int timeout_ms, const sigset_t* mask) const {
  pollfd item{fd_, POLLIN, 0};
  const timespec timeout{timeout_ms / 1000, (timeout_ms % 1000) * 1'000'000L};
  ::ppoll(&item, 1, timeout_ms < 0 ? nullptr : &timeout, mask);
}

}  // namespace engineroom::engine
