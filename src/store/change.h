// store/change.h — what is to be written to a database: changes of records, joined while they wait.
//
// A task that comes, is sent, and ends between two transactions is one insertion of the whole
// record. So a batch is keyed by message id, and a change to a record that is in it already only
// changes the batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/record.h"

namespace engineroom::store {

struct Change {
  enum class Kind : std::uint8_t {
    kInsert,  // all of `record`, in the place of one that has its id
    kUpdate,  // the parts named below
    kErase,
  };
  Kind kind = Kind::kInsert;
  Record record;  // its msg_id always

  // kUpdate: which parts of `record` count.
  bool sets_engine = false;
  bool sets_started = false;
  bool sets_result = false;  // times, texts, buffers
  bool sets_resubmitted = false;
  bool adds_output = false;  // streams are appended, the others replaced if not empty
};

class ChangeBatch {
 public:
  void insert(Record record);
  void erase(std::string_view msg_id);
  // The change of this record to write into: an insertion if there is one, else an update.
  Change& change(std::string_view msg_id);
  // `change(...)` has grown by this.
  void add_bytes(std::size_t bytes) { bytes_ += bytes; }
  void add_buffers(std::span<const Bytes> buffers);

  // In the order in which their records were first changed.
  const std::vector<Change>& changes() const { return changes_; }
  bool empty() const { return changes_.empty(); }
  std::size_t size() const { return changes_.size(); }
  // About what they take in memory, without the buffers of kLargeBuffer and more.
  std::size_t bytes() const { return bytes_; }
  // What these take: memory that is shared with whoever else has them.
  std::size_t large_bytes() const { return large_bytes_; }

  static constexpr std::size_t kLargeBuffer = std::size_t{64} << 10;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::vector<Change> changes_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> places_;
  std::size_t bytes_ = 0;
  std::size_t large_bytes_ = 0;
};

}  // namespace engineroom::store
