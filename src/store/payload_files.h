// store/payload_files.h — large buffers of records, a file each, beside their database.
//
// A database writes bytes twice, page by page with a checksum each: into its journal, then to their
// place. For megabytes that is several times slower than a file, and what the controller waits for.
//
// A file is written before the database is told its name, so that a name always has its file; what
// is left by a process that ended in between is a stray, which the next one removes. Who removes a
// record does it the other way round. So a file may be gone that a reader has just heard of.
//
// Threads: one at a time per object; any number of objects and processes may share a folder.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "store/record.h"

namespace engineroom::store {

class PayloadFiles {
 public:
  // For so long a file may be without its name in the database, and is no stray.
  static constexpr std::chrono::minutes kUncommitted{10};

  // The folder is made when the first file is written, for its owner only.
  explicit PayloadFiles(std::string folder) : path_(std::move(folder)) {}

  // Makes a file of `frames`; its name. If the last one is of the same bytes, as when something was
  // pushed to many engines, it is another name of that one. kUnavailable: the disk is full, or
  // fails; kIo: it will not do later either.
  Result<std::string> write(const Frames& frames);
  // Lets go of the last one's bytes.
  void forget_last();
  // kNotFound: it is gone. kMalformed: this is not what was written.
  Result<Frames> read(std::string_view name) const;
  void erase(std::string_view name) const;
  // Removes what is older than kUncommitted at `now` and not known.
  void erase_strays(const std::function<bool(std::string_view name)>& is_known, WallTime now) const;

 private:
  // -1: there is none, or it is not the owner's.
  int folder() const;
  Status open_folder();
  Status write_file(const std::string& name, const Frames& frames);
  bool link_last(const std::string& name, const Frames& frames) const;

  std::string path_;
  mutable UniqueFd folder_;
  std::string last_name_;
  Frames last_frames_;
};

}  // namespace engineroom::store
