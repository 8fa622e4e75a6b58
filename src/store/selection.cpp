#include "store/selection.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>

namespace engineroom::store {

Result<bool> read_some(const Store& store, std::vector<std::string>& ids,
                       const Store::Visit& visit) {
  std::unordered_set<std::string> seen;
  std::size_t bytes = 0;
  bool is_through = true;
  const Status status = store.find_each(ids, [&](const Record& record) {
    if (bytes >= kBytesPerStep) {
      is_through = false;
      return false;
    }
    bytes += record.bytes();
    seen.insert(record.msg_id);
    return visit(record);
  });
  if (!status.ok()) return status;
  std::erase_if(ids, [&seen](const std::string& id) { return seen.contains(id); });
  return is_through;
}

Selection::Selection(const Query& query) : query_(query) {
  std::optional<std::vector<std::string>> ids = query.msg_ids();
  names_ids_ = ids.has_value();
  // One step reads them all, and in order.
  if (ids) (ids->size() > kRecordsPerStep ? unlisted_ : reading_) = *std::move(ids);
}

Status Selection::step(const Store& store, const Store::Visit& visit) {
  if (!names_ids_) return store.select_some(query_, position_, visit);
  if (!std::exchange(position_.has_begun, true)) store.flush();
  return unlisted_.empty() ? read_next(store, visit) : list_next(store);
}

Status Selection::list_next(const Store& store) {
  const std::size_t count = std::min(kListedPerStep, unlisted_.size());
  const auto some = std::span(unlisted_).last(count);
  Result<std::vector<Listed>> found = store.list(some);
  if (!found.ok()) return found.status();
  std::move(found.value().begin(), found.value().end(), std::back_inserter(listed_));
  unlisted_.resize(unlisted_.size() - count);
  if (!unlisted_.empty()) return {};
  std::sort(listed_.begin(), listed_.end(),
            [](const Listed& a, const Listed& b) { return a.submitted < b.submitted; });
  return {};
}

Status Selection::read_next(const Store& store, const Store::Visit& visit) {
  while (reading_.size() < kRecordsPerStep && next_ < listed_.size()) {
    reading_.push_back(std::move(listed_[next_++].msg_id));
  }
  bool is_over = false;
  const Result<bool> is_through = read_some(store, reading_, [&](const Record& record) {
    is_over = query_.matches(record) && !visit(record);
    return !is_over;
  });
  if (!is_through.ok()) return is_through.status();
  if (is_through.value()) reading_.clear();
  position_.at_end = is_over || (reading_.empty() && next_ == listed_.size());
  return {};
}

}  // namespace engineroom::store
