// store/write_behind.h — a thread that writes batches of changes to a database.
//
// The loop that makes the changes must not wait for a disk. It adds to a batch under a lock; the
// thread takes the batch over, at most kGroupTime after its first change, and writes it in one
// transaction. While it writes, the next batch grows: under load transactions become larger, not
// more. A batch of more than kMaxBytes makes the loop wait, so memory is bounded; large buffers,
// which are not copied and take a disk long, count apart.
//
// A batch that cannot be written (the disk is full, the server is away) is tried again every
// second; with a full batch behind it, the oldest changes are given up, which is logged and
// counted, and the cluster goes on.
//
// Threads: the owner's, and its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "store/change.h"
#include "store/database.h"

namespace engineroom::store {

class WriteBehind {
 public:
  static constexpr std::chrono::milliseconds kGroupTime{20};
  static constexpr std::size_t kMaxBytes = 4u << 20;
  static constexpr std::size_t kMaxLargeBytes = std::size_t{64} << 20;
  static constexpr std::chrono::seconds kRetryEvery{1};

  explicit WriteBehind(std::unique_ptr<Database> database);
  // Writes what is left.
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  // Calls `edit(batch)` under the lock.
  template <typename Edit>
  void edit(Edit edit) {
    std::unique_lock lock(mutex_);
    make_room(lock);
    const bool was_idle = steps_.empty();
    if (was_idle || steps_.back().work) steps_.emplace_back();
    edit(steps_.back().batch);
    if (was_idle) wake_.notify_one();
  }
  // Runs on the thread, with the database, between the changes made before and those made after.
  void then(std::function<Status(Database&)> work);
  // Returns once everything before has been written, or given up.
  void drain();

  // Whether `edit()` would not have to wait.
  bool has_room() const {
    const std::scoped_lock lock(mutex_);
    return !is_full();
  }
  // Changes that were given up.
  std::uint64_t lost() const;

 private:
  struct Step {
    ChangeBatch batch;
    std::function<Status(Database&)> work;  // after the batch; none: it may still grow
  };

  void make_room(std::unique_lock<std::mutex>& lock);
  bool is_full() const;
  void give_up_waiting();
  void run();
  void perform(const Step& step);
  // False: it has to be tried again.
  bool write(const ChangeBatch& batch, bool again);
  // Waits until the next try; false: there will be none.
  bool wait_to_retry();

  std::unique_ptr<Database> database_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;     // there is something to do
  std::condition_variable written_;  // something has been done
  std::deque<Step> steps_;
  bool is_writing_ = false;
  bool is_urgent_ = false;  // somebody waits
  bool is_failing_ = false;
  bool stop_ = false;
  std::uint64_t lost_ = 0;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace engineroom::store
