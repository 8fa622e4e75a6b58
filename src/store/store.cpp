#include "store/store.h"

#include <utility>

#include "store/selection.h"

namespace engineroom::store {

Status Store::select(const Query& query, const Visit& visit) const {
  Selection selection(query);
  while (!selection.is_done()) {
    if (Status status = selection.step(*this, visit); !status.ok()) return status;
  }
  return {};
}

std::vector<std::string> Store::history() const {
  std::vector<std::string> ids;
  for (Position position; !position.at_end;) {
    Result<std::vector<Listed>> some = list_some(position);
    if (!some.ok()) break;
    for (Listed& each : some.value()) ids.push_back(std::move(each.msg_id));
  }
  return ids;
}

}  // namespace engineroom::store
