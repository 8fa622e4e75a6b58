#include "engine/spill.h"

#include <utility>

namespace engineroom::engine {

std::optional<Spill::Write> Spill::add(const std::string& msg_id, KeptPtr kept) {
  drop(msg_id);
  const std::uint64_t size = kept->bytes();
  if (size > max_bytes_ || writing_bytes_ + size > max_writing_) {
    lost_.push_back(msg_id);
    return std::nullopt;
  }
  while (bytes_ + size > max_bytes_) lose(entries_.begin());
  const std::uint64_t number = ++next_number_;
  entries_.push_back({msg_id, number, size, kept, {}});
  const Place place = std::prev(entries_.end());
  by_id_.emplace(place->msg_id, place);
  writing_.emplace(number, place);
  bytes_ += size;
  writing_bytes_ += size;
  return Write{number, std::move(kept)};
}

void Spill::on_written(std::uint64_t number, Spilled spilled) {
  const auto found = writing_.find(number);
  if (found == writing_.end()) return;  // dropped meanwhile
  const Place place = found->second;
  if (!spilled.extent) return lose(place);
  writing_.erase(found);
  writing_bytes_ -= place->bytes;
  place->kept = nullptr;
  place->spilled = std::move(spilled);
}

Spill::Found Spill::find(std::string_view msg_id) {
  const auto found = by_id_.find(msg_id);
  if (found == by_id_.end()) return {};
  const Place place = found->second;
  entries_.splice(entries_.end(), entries_, place);
  if (place->kept) return {place->kept, nullptr};
  return {nullptr, &place->spilled};
}

void Spill::drop(std::string_view msg_id) {
  if (const auto found = by_id_.find(msg_id); found != by_id_.end()) remove(found->second);
}

void Spill::lose(Place place) {
  lost_.push_back(place->msg_id);
  remove(place);
}

void Spill::remove(Place place) {
  if (writing_.erase(place->number) > 0) writing_bytes_ -= place->bytes;
  bytes_ -= place->bytes;
  by_id_.erase(place->msg_id);
  entries_.erase(place);
}

}  // namespace engineroom::engine
