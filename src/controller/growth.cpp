#include "controller/growth.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "controller/json_object.h"
#include "controller/resources.h"

namespace engineroom::controller {
namespace {

// Of clients that promise engines.
constexpr std::size_t kMaxPromises = 100;
constexpr double kMaxSeconds = 86'400;

Status bad(std::string_view what) { return {ErrorCode::kInvalidArgument, std::string(what)}; }

}  // namespace

Result<std::string> Growth::on_adapt_requested(const wire::Message& request, Time now) {
  const auto content = read_object(core_.json, request.content.view());
  const auto seconds = content ? content->number("seconds") : std::nullopt;
  if (!seconds || !(*seconds >= 0 && *seconds <= kMaxSeconds)) {
    return bad("seconds must be a number from 0 to 86400");
  }
  const auto amounts = read_amounts(*content, "offer");
  if (!amounts) return bad("offer must be null or an object of numbers, none negative");
  const auto element = content->element("offer");
  std::optional<Amounts> offer;
  if (element && !element->is_null()) offer = *amounts;

  const std::string client = request.identities.front().str();
  if (*seconds == 0) {
    promises_.erase(client);
  } else if (promises_.size() < kMaxPromises || promises_.contains(client)) {
    promises_[client] = {offer, now + from_seconds(*seconds)};
  } else {
    return bad("too many clients promise engines");
  }
  tell_scheduler(now);
  return backlog_json(offer);
}

std::string Growth::backlog_json(const std::optional<Amounts>& offer) const {
  const scheduler::Scheduler::Backlog backlog = scheduler_.backlog_for(offer);
  JsonWriter w;
  w.begin_object().key("status").value("ok");
  w.key("waiting").value(std::uint64_t{backlog.waiting});
  w.key("unoffered").value(std::uint64_t{backlog.unoffered});
  w.key("outstanding").begin_object();
  for (const auto& [id, engine] : core_.registry.all()) {
    if (!engine.is_registered) continue;
    const store::EngineCounts counts = core_.store.counts(engine.uuid);
    // One that is awaited has said nothing yet, and takes nothing.
    const std::uint64_t least = engine.is_awaited ? 1 : 0;
    w.key(std::to_string(number(id))).value(std::max(counts.queue + counts.tasks, least));
  }
  w.end_object().end_object();
  return w.take();
}

Result<std::string> Growth::on_retire_requested(const wire::Message& request, Time now) {
  const auto content = read_object(core_.json, request.content.view());
  const auto list = content ? content->array("targets") : std::nullopt;
  if (!list) return bad("targets must be a list of engine ids");
  std::vector<EngineId> targets;
  for (const simdjson::dom::element element : *list) {
    std::int64_t id = 0;
    if (element.get(id) != simdjson::SUCCESS) return bad("targets must be a list of engine ids");
    if (id >= 0 && id <= std::numeric_limits<int>::max()) {
      targets.push_back(EngineId{static_cast<int>(id)});
    }
  }
  std::int64_t most = content->integer("most").value_or(std::numeric_limits<int>::max());

  JsonWriter w;
  w.begin_object().key("status").value("ok").key("retired").begin_array();
  for (const EngineId id : targets) {
    const Engine* engine = core_.registry.find(id);
    if (most <= 0 || engine == nullptr || !is_spare(*engine)) continue;
    w.value(number(id));
    --most;
    actions_.retire(id, now);
  }
  w.end_array().end_object();
  return w.take();
}

bool Growth::is_spare(const Engine& engine) const {
  if (!engine.is_registered || engine.is_awaited) return false;
  const store::EngineCounts counts = core_.store.counts(engine.uuid);
  return counts.queue + counts.tasks == 0 && scheduler_.is_spare(engine.id);
}

void Growth::restore(Time until, Time now) {
  promises_[""] = {std::nullopt, until};
  tell_scheduler(now);
}

void Growth::tell_scheduler(Time now) {
  scheduler::Scheduler::Expected expected;
  for (const auto& [client, promise] : promises_) {
    if (promise.offer) {
      expected.offers.push_back(*promise.offer);
    } else {
      expected.anything = true;
    }
  }
  actions_.expect(std::move(expected), now);
}

void Growth::on_time(Time now) {
  const std::size_t ended =
      std::erase_if(promises_, [now](const auto& item) { return item.second.until <= now; });
  if (ended > 0) tell_scheduler(now);
}

std::optional<Time> Growth::next_deadline() const {
  std::optional<Time> next;
  for (const auto& [client, promise] : promises_) {
    next = next ? std::min(*next, promise.until) : promise.until;
  }
  return next;
}

}  // namespace engineroom::controller
