#include "controller/purge_query.h"

#include <algorithm>
#include <span>
#include <utility>

namespace engineroom::controller {
namespace {

std::string ok_content() { return R"({"status":"ok"})"; }

}  // namespace

PurgeQuery::PurgeQuery(const JsonObject& content, Engines engines, Scope scope)
    : LongQuery("purge_reply"),
      scope_(std::move(scope)),
      is_all_(content.text("msg_ids") == "all"),
      engines_(std::move(engines)) {
  if (!is_all_) msg_ids_ = scope_.inside(content.texts("msg_ids"));
}

std::optional<Answer> PurgeQuery::step(const Turn& turn) {
  if (is_all_) return purge_all(turn.store);
  if (n_checked_ < msg_ids_.size()) {
    if (std::optional<Answer> failed = check_some(turn.store)) return failed;
    // Few of them take no second step.
    if (msg_ids_.size() > store::kListedPerStep) return std::nullopt;
  }
  purge_some(turn.store);
  if (n_purged_ < msg_ids_.size()) return std::nullopt;
  return purge_engines(turn.store);
}

std::optional<Answer> PurgeQuery::purge_all(store::Store& store) {
  if (scope_.is_everything()) {
    store.purge_all();
    return reply(ok_content());
  }
  const auto some = store.list_some(position_);
  if (!some.ok()) return failure(some.status());
  std::vector<std::string> theirs;
  for (const store::Listed& each : some.value()) {
    const bool goes = scope_.outside(each.msg_id) && !store.is_pending(each.msg_id);
    if (goes) theirs.push_back(each.msg_id);
  }
  (void)store.purge(theirs);
  if (!position_.at_end) return std::nullopt;
  return reply(ok_content());
}

std::optional<Answer> PurgeQuery::check_some(const store::Store& store) {
  const std::size_t end = std::min(n_checked_ + store::kListedPerStep, msg_ids_.size());
  for (; n_checked_ < end; ++n_checked_) {
    const std::string& msg_id = msg_ids_[n_checked_];
    if (!store.is_pending(msg_id)) continue;
    const std::string name(scope_.outside(msg_id).value_or(""));
    return failure({"IndexError", "msg pending: '" + name + "'"});
  }
  return std::nullopt;
}

void PurgeQuery::purge_some(store::Store& store) {
  const std::size_t count = std::min(store::kListedPerStep, msg_ids_.size() - n_purged_);
  (void)store.purge(std::span(msg_ids_).subspan(n_purged_, count));
  n_purged_ += count;
}

Answer PurgeQuery::purge_engines(store::Store& store) {
  for (const std::string& uuid : engines_.uuids) {
    if (scope_.is_everything()) {
      store.purge_engine(uuid);
      continue;
    }
    std::vector<std::string> ids = store.tasks_of(uuid).completed;
    std::erase_if(ids, [this](const std::string& id) { return !scope_.outside(id); });
    (void)store.purge(ids);
  }
  if (!engines_.error.empty()) return failure({"IndexError", engines_.error});
  return reply(ok_content());
}

}  // namespace engineroom::controller
