#include "controller/history_query.h"

#include <utility>

namespace engineroom::controller {

HistoryQuery::HistoryQuery(Scope scope) : LongQuery("history_reply"), scope_(std::move(scope)) {
  w_.begin_object().key("status").value("ok").key("history").begin_array();
}

std::optional<Answer> HistoryQuery::step(const Turn& turn) {
  const auto some = turn.store.list_some(position_);
  if (!some.ok()) return failure(some.status());
  for (const store::Listed& each : some.value()) {
    if (const auto msg_id = scope_.outside(each.msg_id)) w_.value(*msg_id);
  }
  if (w_.str().size() > kMaxReplyBytes) {
    return too_large("the ids of all records",
                     "purge some, or ask with db_query for those submitted since a time");
  }
  if (!position_.at_end) return std::nullopt;
  w_.end_array().end_object();
  return reply(w_.take());
}

}  // namespace engineroom::controller
