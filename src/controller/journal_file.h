// controller/journal_file.h — the journal's file: private, locked, appended to.
//
// What is appended waits in memory until write_out(), which the server calls before it sends
// anything; then it is in the system's hands and survives the end of this process, by whatever
// signal. It is not forced to the disk: a machine that loses power may lose the last seconds.
//
// A file that cannot be written any more (the disk is full) is removed, so that nobody goes on with
// half of it, and the controller works without one, which is logged.
//
// Threads: the loop thread only.
#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "controller/journal.h"

namespace engineroom::controller {

class JournalFile : public JournalSink {
 public:
  // A new, empty file at `path` + ".new", which take_place() moves to `path`. kUnavailable if
  // another process has it.
  static Result<std::unique_ptr<JournalFile>> create(const std::string& path);
  // The file at `path`; kNotFound, kUnavailable if another process has it.
  static Result<std::unique_ptr<JournalFile>> open(const std::string& path);

  void append(std::string_view bytes) override;
  Result<std::string> read(const Extent& extent) const override;
  std::uint64_t size() const override { return written_ + waiting_.size(); }

  Status take_place();
  void write_out() {
    if (!waiting_.empty()) write_waiting();
  }
  // All of it.
  Result<std::string> read_all() const { return read({0, written_}); }
  bool has_failed() const { return has_failed_; }
  void remove();
  // Removes it, and takes nothing more.
  void abandon();

 private:
  JournalFile(std::string path, std::string final_path, UniqueFd fd, std::uint64_t size);
  static Result<std::unique_ptr<JournalFile>> open(const std::string& path,
                                                   const std::string& final_path, int flags);
  void write_waiting();
  void fail(const char* what);

  std::string path_;
  const std::string final_path_;
  UniqueFd fd_;
  std::uint64_t written_;
  std::string waiting_;
  bool has_failed_ = false;
};

}  // namespace engineroom::controller
