// engine/spill_file.h — the file that spilled results are in, and the thread that writes it.
//
// One file without a name per engine: nobody else can open it, and the system frees it when the
// process ends, however that happens. So there is nothing to be cleaned up, ever. What is dropped
// gives its blocks back (a hole is punched), once nobody looks at it any more: who reads a result
// maps it, and the pages are the file cache's.
//
// A disk may be slow, and the I/O thread must not wait for it, so a thread of its own writes. It is
// started with the first result that is spilled.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include "base/status.h"
#include "base/unique_fd.h"
#include "engine/spill.h"

namespace engineroom::engine {

class SpillFile : public std::enable_shared_from_this<SpillFile> {
 public:
  // In this folder.
  static Result<std::shared_ptr<SpillFile>> open(const std::string& folder);

  // kUnavailable if there is no room. From any thread.
  Result<std::shared_ptr<const Extent>> write(const Frames& frames);
  // The frames of what is there; nullopt if the system gives no address space for them.
  static std::optional<Frames> read(const Spilled& spilled);

 private:
  friend class Extent;
  explicit SpillFile(UniqueFd file) : file_(std::move(file)), process_(::getpid()) {}

  std::uint64_t take(std::uint64_t size);
  void give_back(std::uint64_t offset, std::uint64_t size);

  const UniqueFd file_;
  // A forked child has copies of all that holds a part of the file, and gives nothing back.
  const pid_t process_;
  std::mutex mutex_;
  std::uint64_t end_ = 0;   // guarded by mutex_
  std::uint64_t used_ = 0;  // guarded by mutex_
};

// A part of the file, free again when this goes.
class Extent {
 public:
  Extent(std::shared_ptr<SpillFile> file, std::uint64_t offset, std::uint64_t size)
      : file_(std::move(file)), offset_(offset), size_(size) {}
  ~Extent() {
    if (file_) file_->give_back(offset_, size_);
  }
  Extent(const Extent&) = delete;
  Extent& operator=(const Extent&) = delete;

 private:
  friend class SpillFile;
  std::shared_ptr<SpillFile> file_;
  std::uint64_t offset_;
  std::uint64_t size_;
};

class SpillWriter {
 public:
  struct Done {
    std::uint64_t number;
    Spilled spilled;  // empty: it failed
  };

  // `notify` is called when there is something to take, on the writer's thread.
  SpillWriter(std::shared_ptr<SpillFile> file, std::function<void()> notify);
  // What is not written yet is forgotten.
  ~SpillWriter();
  SpillWriter(const SpillWriter&) = delete;
  SpillWriter& operator=(const SpillWriter&) = delete;

  void write(Spill::Write write);
  std::vector<Done> take_done();

 private:
  void run();

  const std::shared_ptr<SpillFile> file_;
  const std::function<void()> notify_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Spill::Write> waiting_;  // guarded by mutex_
  std::vector<Done> done_;            // guarded by mutex_
  bool stop_ = false;                 // guarded by mutex_
  std::thread thread_;
};

}  // namespace engineroom::engine
