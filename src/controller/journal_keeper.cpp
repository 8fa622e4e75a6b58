#include "controller/journal_keeper.h"

#include <utility>

#include "base/id.h"
#include "base/log.h"

namespace engineroom::controller {

Result<std::unique_ptr<JournalKeeper>> JournalKeeper::open(const std::string& path, bool restore) {
  std::unique_ptr<JournalKeeper> keeper(new JournalKeeper(path));
  auto old = JournalFile::open(path);
  if (!old.ok()) {
    if (old.status().code() != ErrorCode::kNotFound) return old.status();
    return keeper;
  }
  keeper->file_ = old.take();
  if (!restore) {
    ER_LOG_WARN("the journal of an earlier controller is replaced; --restore goes on with it");
    return keeper;
  }
  const auto bytes = keeper->file_->read_all();
  if (!bytes.ok()) return bytes.status();
  auto journal = Journal::read(bytes.value(), *keeper->file_);
  if (!journal.ok()) {
    return Status(journal.status().code(), path + ": " + journal.status().message());
  }
  keeper->journal_.emplace(journal.take());
  return keeper;
}

Status JournalKeeper::begin() {
  auto file = JournalFile::create(path_);
  if (!file.ok()) return file.status();
  is_restored_ = journal_.has_value();
  if (is_restored_) {
    if (Status status = journal_->rewrite(*file.value()); !status.ok()) return status;
  } else {
    journal_.emplace(*file.value(), new_session_id());
  }
  if (Status status = file.value()->take_place(); !status.ok()) return status;
  file_ = file.take();
  return {};
}

void JournalKeeper::rewrite() {
  auto file = JournalFile::create(path_);
  Status status = file.ok() ? journal_->rewrite(*file.value()) : file.status();
  if (status.ok()) status = file.value()->take_place();
  if (!status.ok()) {
    // What was noted in part is in the old file in whole, but the journal has gone on from it.
    ER_LOG_ERROR("{}; tasks do not survive this controller any more", status.message());
    file_->abandon();
    return;
  }
  file_ = file.take();
}

}  // namespace engineroom::controller
