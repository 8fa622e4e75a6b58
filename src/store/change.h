// store/change.h — what is to be written to a database: changes of records, joined while they wait.
//
// A task that comes, is sent, and ends between two transactions is one insertion of the whole
// record. So a batch is keyed by message id, and a change to a record that is in it already only
// changes the batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "store/record.h"
#include "store/record_text.h"
#include "store/slot_index.h"

namespace engineroom::store {

// A record as a MemoryStore keeps it: its texts in a block that is shared with it, not copied.
struct PackedRecord {
  RecordText text;
  Frames large;
  Course course;

  std::string_view msg_id() const { return text.msg_id(); }
  // At most what its buffers take.
  std::size_t payload_bytes() const;
  void unpack(Record& record) const;
};

struct Change {
  enum class Kind : std::uint8_t {
    kInsert,  // a whole record, in the place of one that has its id
    kUpdate,  // the parts named below
    kErase,
  };
  Kind kind = Kind::kInsert;
  // kInsert: if it has a value, this is the record, but for a result that came later.
  std::optional<PackedRecord> packed = std::nullopt;
  // With a msg_id, unless there is `packed`.
  std::unique_ptr<Record> record = nullptr;

  std::string_view msg_id() const { return packed ? packed->msg_id() : record->msg_id; }
  Course& course() { return packed ? packed->course : *record; }
  // Where the parts of a result go.
  Record& parts();
  // REQUIRES: kInsert. What is to be written: `record`, or `row` with everything in it.
  const Record& whole(Record& row) const;

  // Which parts of `record` count.
  bool sets_engine = false;
  bool sets_started = false;
  bool sets_result = false;  // times, texts, buffers
  bool sets_resubmitted = false;
  bool adds_output = false;  // streams are appended, the others replaced if not empty
};

class ChangeBatch {
 public:
  void insert(Record record);
  void insert(PackedRecord record);
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
  // In the place of the change with the same id, if there is one.
  void put(Change change);
  // kNone, or where it is in `changes_`.
  std::uint32_t place(std::string_view msg_id, std::uint32_t hash) const;

  std::vector<Change> changes_;
  SlotIndex index_;
  std::size_t bytes_ = 0;
  std::size_t large_bytes_ = 0;
};

}  // namespace engineroom::store
