// engine/kept_results.h — the results of tasks that ran here, wherever they are kept: in memory as
// long as there is room (result_shelf.h), large ones then on disk (spill.h).
//
// Where there is no disk to be had, or it is full, they are forgotten, as small ones always are:
// who needs one after all asks the controller, which may have it in its records.
//
// Threads: the I/O thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "engine/result_shelf.h"
#include "engine/spill.h"
#include "engine/spill_file.h"

namespace engineroom::engine {

struct KeepOptions {
  // Of results in memory.
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;
  // Of results on disk; 0: none go there; negative: 8 GiB, but at most a tenth of what is free.
  std::int64_t spill_bytes = -1;
  std::string spill_folder;  // empty: $TMPDIR, or /var/tmp
};

class KeptResults {
 public:
  // Smaller ones are not spilled: clients have them, too, and send them along.
  static constexpr std::size_t kSpilledFrom = std::size_t{64} << 10;
  static constexpr std::uint64_t kMaxWriting = std::uint64_t{512} << 20;
  static constexpr std::size_t kMaxLost = 16'384;  // ids that are remembered
  static constexpr std::int64_t kSpillAtMost = std::int64_t{8} << 30;

  // `notify` makes the I/O thread call on_turn(); called on another thread.
  KeptResults(KeepOptions options, std::function<void()> notify)
      : options_(std::move(options)),
        notify_(std::move(notify)),
        shelf_(ResultShelf::kMaxResults, options_.memory_bytes) {}

  void put(const std::string& msg_id, KeptPtr kept);
  // Null if it is not here, or not any more.
  KeptPtr find(std::string_view msg_id);
  // It was here, and had to make room: who asks for it need not wait.
  bool is_lost(const std::string& msg_id) const { return lost_.contains(msg_id); }
  void drop(std::string_view msg_id);
  void on_turn();

 private:
  struct Disk {
    Disk(std::shared_ptr<SpillFile> file, std::uint64_t max_bytes, std::function<void()> notify)
        : index(max_bytes, kMaxWriting), writer(std::move(file), std::move(notify)) {}
    Spill index;
    SpillWriter writer;
  };

  Disk* disk();
  void spill(ResultShelf::Evicted evicted);
  void lose(std::string msg_id);

  const KeepOptions options_;
  const std::function<void()> notify_;
  ResultShelf shelf_;
  std::unique_ptr<Disk> disk_;
  std::unordered_set<std::string> lost_;
  std::deque<std::string> lost_order_;
  bool has_tried_ = false;
  bool has_complained_ = false;
};

}  // namespace engineroom::engine
