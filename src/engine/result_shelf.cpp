#include "engine/result_shelf.h"

#include <numeric>
#include <utility>

namespace engineroom::engine {

std::size_t Kept::bytes() const {
  return std::accumulate(buffers.begin(), buffers.end(), content.size(),
                         [](std::size_t sum, const Bytes& buffer) { return sum + buffer.size(); });
}

std::vector<ResultShelf::Evicted> ResultShelf::put(const std::string& msg_id, KeptPtr kept) {
  drop(msg_id);
  std::vector<Evicted> evicted;
  const std::size_t size = kept->bytes();
  if (size > max_bytes_ || max_results_ == 0) {
    evicted.push_back({msg_id, std::move(kept)});
    return evicted;
  }
  while (by_id_.size() >= max_results_ || bytes_ + size > max_bytes_) {
    evicted.push_back(entries_.front());
    remove(entries_.begin());
  }
  entries_.push_back({msg_id, std::move(kept)});
  const Place place = std::prev(entries_.end());
  by_id_.emplace(place->msg_id, place);
  bytes_ += size;
  return evicted;
}

KeptPtr ResultShelf::find(std::string_view msg_id) {
  const auto found = by_id_.find(msg_id);
  if (found == by_id_.end()) return nullptr;
  entries_.splice(entries_.end(), entries_, found->second);
  return found->second->kept;
}

void ResultShelf::drop(std::string_view msg_id) {
  if (const auto found = by_id_.find(msg_id); found != by_id_.end()) remove(found->second);
}

void ResultShelf::clear() {
  by_id_.clear();
  entries_.clear();
  bytes_ = 0;
}

void ResultShelf::remove(Place place) {
  bytes_ -= place->kept->bytes();
  by_id_.erase(place->msg_id);
  entries_.erase(place);
}

}  // namespace engineroom::engine
