#include "store/change.h"

#include <utility>

namespace engineroom::store {
namespace {

// A Change without its texts, and its place in the table.
constexpr std::size_t kOverhead = sizeof(Change) + 100;

std::size_t output_bytes(const Course& course) {
  return course.stdout_text.size() + course.stderr_text.size() + course.execute_input.size() +
         course.execute_result.size() + course.error.size();
}

std::size_t text_bytes(const Record& record) {
  return record.header.size() + record.metadata.size() + record.content.size() +
         record.result_header.size() + record.result_metadata.size() +
         record.result_content.size() + output_bytes(record);
}

}  // namespace

std::size_t PackedRecord::payload_bytes() const {
  std::size_t bytes = text.size();
  for (const Bytes& buffer : large) bytes += buffer.size();
  return bytes;
}

void PackedRecord::unpack(Record& record) const {
  text.read(large, record);
  static_cast<Course&>(record) = course;
}

const Record& Change::whole(Record& row) const {
  if (!packed) return *record;
  packed->unpack(row);
  if (!sets_result) return row;
  row.result_header = record->result_header;
  row.result_metadata = record->result_metadata;
  row.result_content = record->result_content;
  row.result_buffers = record->result_buffers;
  return row;
}

Record& Change::parts() {
  if (!record) record = std::make_unique<Record>();
  return *record;
}

std::uint32_t ChangeBatch::place(std::string_view msg_id, std::uint32_t hash) const {
  return index_.find(hash, [&](std::uint32_t slot) { return changes_[slot].msg_id() == msg_id; });
}

void ChangeBatch::put(Change change) {
  const std::uint32_t hash = id_hash(change.msg_id());
  const std::uint32_t known = place(change.msg_id(), hash);
  if (known != SlotIndex::kNone) {
    changes_[known] = std::move(change);
    return;
  }
  index_.insert(hash, static_cast<std::uint32_t>(changes_.size()));
  changes_.push_back(std::move(change));
}

void ChangeBatch::insert(Record record) {
  bytes_ += kOverhead + text_bytes(record);
  add_buffers(record.buffers);
  add_buffers(record.result_buffers);
  put({.record = std::make_unique<Record>(std::move(record))});
}

void ChangeBatch::insert(PackedRecord record) {
  bytes_ += kOverhead + record.text.size() + output_bytes(record.course);
  add_buffers(record.large);
  put({.packed = std::move(record)});
}

void ChangeBatch::add_buffers(std::span<const Bytes> buffers) {
  for (const Bytes& buffer : buffers) {
    (buffer.size() < kLargeBuffer ? bytes_ : large_bytes_) += buffer.size();
  }
}

void ChangeBatch::erase(std::string_view msg_id) {
  bytes_ += kOverhead;
  Change erased{.kind = Change::Kind::kErase};
  erased.parts().msg_id = msg_id;
  put(std::move(erased));
}

Change& ChangeBatch::change(std::string_view msg_id) {
  std::uint32_t at = place(msg_id, id_hash(msg_id));
  if (at == SlotIndex::kNone) {
    bytes_ += kOverhead;
    at = static_cast<std::uint32_t>(changes_.size());
    Change update{.kind = Change::Kind::kUpdate};
    update.parts().msg_id = msg_id;
    put(std::move(update));
  }
  return changes_[at];
}

}  // namespace engineroom::store
