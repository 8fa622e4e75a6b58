#include "store/change.h"

#include <utility>

namespace engineroom::store {
namespace {

// A Change without its texts, and its place in the table.
constexpr std::size_t kOverhead = sizeof(Change) + 100;

std::size_t text_bytes(const Record& record) {
  std::size_t bytes = 0;
  for (const std::string* text :
       {&record.header, &record.metadata, &record.content, &record.result_header,
        &record.result_metadata, &record.result_content, &record.stdout_text, &record.stderr_text,
        &record.execute_input, &record.execute_result, &record.error}) {
    bytes += text->size();
  }
  return bytes;
}

}  // namespace

void ChangeBatch::insert(Record record) {
  bytes_ += kOverhead + text_bytes(record);
  add_buffers(record.buffers);
  add_buffers(record.result_buffers);
  const auto [place, is_new] = places_.try_emplace(record.msg_id, changes_.size());
  if (is_new) changes_.emplace_back();
  Change& change = changes_[place->second];
  change = Change{};
  change.record = std::move(record);
}

void ChangeBatch::add_buffers(std::span<const Bytes> buffers) {
  for (const Bytes& buffer : buffers) {
    (buffer.size() < kLargeBuffer ? bytes_ : large_bytes_) += buffer.size();
  }
}

void ChangeBatch::erase(std::string_view msg_id) {
  Change& erased = change(msg_id);
  erased = Change{};
  erased.kind = Change::Kind::kErase;
  erased.record.msg_id = msg_id;
}

Change& ChangeBatch::change(std::string_view msg_id) {
  const auto found = places_.find(msg_id);
  if (found != places_.end()) return changes_[found->second];
  places_.emplace(std::string(msg_id), changes_.size());
  Change& change = changes_.emplace_back();
  change.kind = Change::Kind::kUpdate;
  change.record.msg_id = msg_id;
  bytes_ += kOverhead;
  return change;
}

}  // namespace engineroom::store
