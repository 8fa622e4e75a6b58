#include "engine/kept_results.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <sys/statvfs.h>

#include "base/log.h"

namespace engineroom::engine {
namespace {

// Not /tmp: on many systems that is memory, too.
std::string default_folder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/var/tmp";
}

std::int64_t default_bytes(const std::string& folder) {
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0) return 0;
  const auto free =
      static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
  return std::min(KeptResults::kSpillAtMost, free / 10);
}

}  // namespace

void KeptResults::put(const std::string& msg_id, KeptPtr kept) {
  if (disk_) disk_->index.drop(msg_id);
  for (ResultShelf::Evicted& evicted : shelf_.put(msg_id, std::move(kept))) {
    spill(std::move(evicted));
  }
}

void KeptResults::spill(ResultShelf::Evicted evicted) {
  if (!evicted.kept->ok || evicted.kept->bytes() < kSpilledFrom || disk() == nullptr) {
    return lose(std::move(evicted.msg_id));
  }
  if (auto write = disk_->index.add(evicted.msg_id, std::move(evicted.kept))) {
    disk_->writer.write(*std::move(write));
  }
  for (std::string& msg_id : disk_->index.take_lost()) lose(std::move(msg_id));
}

void KeptResults::lose(std::string msg_id) {
  if (!lost_.insert(msg_id).second) return;
  lost_order_.push_back(std::move(msg_id));
  if (lost_order_.size() <= kMaxLost) return;
  lost_.erase(lost_order_.front());
  lost_order_.pop_front();
}

KeptResults::Disk* KeptResults::disk() {
  if (has_tried_) return disk_.get();
  has_tried_ = true;
  if (options_.spill_bytes == 0) return nullptr;
  const std::string folder =
      options_.spill_folder.empty() ? default_folder() : options_.spill_folder;
  auto file = SpillFile::open(folder);
  if (!file.ok()) {
    ER_LOG_WARN("results that memory has no room for are dropped: {}", file.status().message());
    return nullptr;
  }
  const std::int64_t bytes =
      options_.spill_bytes > 0 ? options_.spill_bytes : default_bytes(folder);
  disk_ = std::make_unique<Disk>(file.take(), static_cast<std::uint64_t>(bytes), notify_);
  return disk_.get();
}

KeptPtr KeptResults::find(std::string_view msg_id) {
  if (KeptPtr kept = shelf_.find(msg_id)) return kept;
  if (!disk_) return nullptr;
  const Spill::Found found = disk_->index.find(msg_id);
  if (found.spilled == nullptr) return found.kept;
  std::optional<Frames> frames = SpillFile::read(*found.spilled);
  return frames ? std::make_shared<const Kept>(Kept{true, {}, *std::move(frames)}) : nullptr;
}

void KeptResults::drop(std::string_view msg_id) {
  shelf_.drop(msg_id);
  if (disk_) disk_->index.drop(msg_id);
}

void KeptResults::on_turn() {
  if (!disk_) return;
  for (SpillWriter::Done& done : disk_->writer.take_done()) {
    if (!done.spilled.extent && !std::exchange(has_complained_, true)) {
      ER_LOG_WARN("results cannot be written to disk, and are dropped (said once)");
    }
    disk_->index.on_written(done.number, std::move(done.spilled));
  }
  for (std::string& msg_id : disk_->index.take_lost()) lose(std::move(msg_id));
}

}  // namespace engineroom::engine
