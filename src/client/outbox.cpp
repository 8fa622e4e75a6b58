#include "client/outbox.h"

#include <cstdint>
#include <iterator>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace engineroom::client {

Outbox::Outbox() : bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Outbox::~Outbox() {
  if (bell_ >= 0) close(bell_);
}

void Outbox::push(Outgoing message) {
  std::unique_lock lock(mutex_);
  messages_.push_back(std::move(message));
  ring_if_asleep(std::move(lock));
}

void Outbox::push(std::vector<Outgoing> messages) {
  std::unique_lock lock(mutex_);
  if (messages_.empty()) {
    messages_ = std::move(messages);
  } else {
    messages_.insert(messages_.end(), std::make_move_iterator(messages.begin()),
                     std::make_move_iterator(messages.end()));
  }
  ring_if_asleep(std::move(lock));
}

bool Outbox::empty() {
  const std::lock_guard lock(mutex_);
  return messages_.empty();
}

void Outbox::ring() { ring_if_asleep(std::unique_lock(mutex_)); }

void Outbox::ring_if_asleep(std::unique_lock<std::mutex> lock) {
  if (!std::exchange(sleeping_, false)) return;
  lock.unlock();
  const std::uint64_t one = 1;
  // Fails only if the counter is full, and then it rings already.
  [[maybe_unused]] const ssize_t written = write(bell_, &one, sizeof one);
}

std::vector<Outgoing> Outbox::take_or_sleep() {
  const std::lock_guard lock(mutex_);
  sleeping_ = messages_.empty();
  return std::exchange(messages_, {});
}

void Outbox::awake() {
  {
    const std::lock_guard lock(mutex_);
    // Still set: nobody has rung.
    if (std::exchange(sleeping_, false)) return;
  }
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = read(bell_, &count, sizeof count);
}

}  // namespace engineroom::client
