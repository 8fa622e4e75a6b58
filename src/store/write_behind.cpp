#include "store/write_behind.h"

#include <csignal>
#include <utility>

#include "base/log.h"

namespace engineroom::store {

WriteBehind::WriteBehind(std::unique_ptr<Database> database) : database_(std::move(database)) {
  // Signals are the loop's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

WriteBehind::~WriteBehind() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void WriteBehind::then(std::function<Status(Database&)> work) {
  {
    const std::scoped_lock lock(mutex_);
    if (steps_.empty() || steps_.back().work) steps_.emplace_back();
    steps_.back().work = std::move(work);
  }
  wake_.notify_one();
}

void WriteBehind::drain() {
  std::unique_lock lock(mutex_);
  is_urgent_ = true;
  wake_.notify_one();
  written_.wait(lock, [this] { return is_failing_ || (steps_.empty() && !is_writing_); });
}

std::uint64_t WriteBehind::lost() const {
  const std::scoped_lock lock(mutex_);
  return lost_;
}

// ---- the owner's side ----

bool WriteBehind::is_full() const {
  std::size_t bytes = 0;
  std::size_t large_bytes = 0;
  for (const Step& step : steps_) {
    bytes += step.batch.bytes();
    large_bytes += step.batch.large_bytes();
  }
  return bytes >= kMaxBytes || large_bytes >= kMaxLargeBytes;
}

void WriteBehind::make_room(std::unique_lock<std::mutex>& lock) {
  if (!is_full()) return;
  is_urgent_ = true;
  wake_.notify_one();
  written_.wait(lock, [this] { return is_failing_ || !is_full(); });
  if (is_full()) give_up_waiting();
}

void WriteBehind::give_up_waiting() {
  std::size_t changes = 0;
  for (const Step& step : steps_) changes += step.batch.size();
  lost_ += changes;
  ER_LOG_ERROR("records: {} changes are given up, as the database does not take them", changes);
  steps_.clear();
}

// ---- the thread ----

void WriteBehind::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || !steps_.empty(); });
    if (steps_.empty()) return;
    // What comes within a moment is written together.
    wake_.wait_for(lock, kGroupTime, [this] { return is_urgent_ || stop_; });
    const std::deque<Step> steps = std::exchange(steps_, {});
    is_urgent_ = false;
    is_writing_ = true;
    written_.notify_all();  // there is room
    lock.unlock();
    for (const Step& step : steps) perform(step);
    lock.lock();
    is_writing_ = false;
    written_.notify_all();
  }
}

void WriteBehind::perform(const Step& step) {
  for (bool again = false; !step.batch.empty() && !write(step.batch, again); again = true) {
    if (!wait_to_retry()) {
      const std::scoped_lock lock(mutex_);
      lost_ += step.batch.size();
      return;
    }
  }
  if (!step.work) return;
  if (const Status status = step.work(*database_); !status.ok()) {
    ER_LOG_ERROR("records: {}: {}", database_->name(), status.message());
  }
}

bool WriteBehind::write(const ChangeBatch& batch, bool again) {
  const Status status = database_->write(batch, again);
  const std::scoped_lock lock(mutex_);
  is_failing_ = !status.ok() && retry_can_help(status.code());
  if (status.ok()) return true;
  ER_LOG_ERROR("records: {}: {}", database_->name(), status.message());
  if (is_failing_) return false;
  lost_ += batch.size();
  return true;
}

bool WriteBehind::wait_to_retry() {
  std::unique_lock lock(mutex_);
  written_.notify_all();
  return !wake_.wait_for(lock, kRetryEvery, [this] { return stop_; });
}

}  // namespace engineroom::store
