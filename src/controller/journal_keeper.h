// controller/journal_keeper.h — the journal and its file through the life of a controller: found,
// gone on with or replaced, made smaller, removed.
//
// Threads: the loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "controller/journal.h"
#include "controller/journal_file.h"

namespace engineroom::controller {

class JournalKeeper {
 public:
  // Reads what an earlier controller left at `path`, if that is wanted and there is something.
  // kUnavailable: that controller still runs; kMalformed: its journal is damaged.
  static Result<std::unique_ptr<JournalKeeper>> open(const std::string& path, bool restore);

  // What it left; null: nothing. To be looked at before begin(), which keeps less of it.
  const Journal* earlier() const { return journal_ ? &*journal_ : nullptr; }
  // The new file takes the place of the earlier one.
  Status begin();
  bool is_restored() const { return is_restored_; }

  // REQUIRES, from here on: begin() was ok.
  Journal& journal() { return *journal_; }
  void write_out() { file_->write_out(); }
  void on_turn() {
    if (journal_->wants_rewrite() && !file_->has_failed()) rewrite();
  }
  void remove() { file_->remove(); }

 private:
  explicit JournalKeeper(std::string path) : path_(std::move(path)) {}
  void rewrite();

  const std::string path_;
  std::unique_ptr<JournalFile> file_;
  std::optional<Journal> journal_;
  bool is_restored_ = false;
};

}  // namespace engineroom::controller
