#include "engine/arrivals.h"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

namespace engineroom::engine {
namespace {

std::string way_of(const Request& request) {
  const Frames& identities = request.message.identities;
  return identities.empty() ? std::string() : identities.front().str();
}

// What was meant; anything else would be taken for an argument.
bool is_it(const wire::HostBuffer& buffer, const KeptPtr& kept) {
  return kept->ok && kept->buffers.size() == 1 &&
         kept->buffers.front().size() == buffer.holder->bytes;
}

}  // namespace

void Arrivals::add(std::shared_ptr<Request> request, Time now, Effects& effects) {
  auto arrival = std::make_shared<Arrival>(Arrival{std::move(request)});
  Line& line = lines_[way_of(*arrival->request)];
  line.push_back(arrival);
  look_for_buffers(arrival, now, effects);
  advance_all(effects);
}

void Arrivals::look_for_buffers(const ArrivalPtr& arrival, Time now, Effects& effects) {
  const std::vector<wire::HostBuffer>& buffers = arrival->request->host_buffers;
  if (buffers.empty()) return;
  arrival->missing = static_cast<std::size_t>(std::count_if(
      buffers.begin(), buffers.end(), [](const wire::HostBuffer& each) { return each.holder; }));
  if (arrival->missing == 0) effects.complete.push_back(arrival->request->header.msg_id);
  for (const wire::HostBuffer& buffer : buffers) {
    if (!buffer.holder || arrival->has_ended) continue;
    if (const KeptPtr kept = find_(buffer.id)) {
      fill(*arrival, buffer.id, kept, effects);
      continue;
    }
    Wanted& wanted = wanted_[buffer.id];
    if (wanted.arrivals.empty()) {
      wanted.due = now + from_seconds(buffer.holder->patience);
      effects.fetch.push_back(buffer);
    }
    wanted.arrivals.push_back(arrival);
  }
}

// Wherever the request has it. A buffer that is in its place has no holder any more.
void Arrivals::fill(Arrival& arrival, const std::string& id, const KeptPtr& kept,
                    Effects& effects) {
  if (arrival.has_ended || arrival.missing == 0) return;
  for (wire::HostBuffer& buffer : arrival.request->host_buffers) {
    if (buffer.id != id || !buffer.holder) continue;
    if (!is_it(buffer, kept)) return fail(arrival, "another one has its name", effects);
    arrival.request->message.buffers[buffer.at] = kept->buffers.front();
    buffer.holder.reset();
    --arrival.missing;
  }
  if (arrival.missing == 0) effects.complete.push_back(arrival.request->header.msg_id);
}

void Arrivals::fail(Arrival& arrival, const std::string& why, Effects& effects) {
  arrival.has_ended = true;
  effects.failed.push_back({arrival.request, why});
}

void Arrivals::on_buffer(const std::string& id, const KeptPtr& kept, Effects& effects) {
  const auto found = wanted_.find(id);
  if (found == wanted_.end()) return;
  const Wanted wanted = std::move(found->second);
  wanted_.erase(found);
  for (const ArrivalPtr& arrival : wanted.arrivals) fill(*arrival, id, kept, effects);
  advance_all(effects);
}

void Arrivals::on_missing(const std::string& id, const std::string& why, Effects& effects) {
  const auto found = wanted_.find(id);
  if (found == wanted_.end()) return;
  const Wanted wanted = std::move(found->second);
  wanted_.erase(found);
  for (const ArrivalPtr& arrival : wanted.arrivals) {
    if (!arrival->has_ended) fail(*arrival, why, effects);
  }
  advance_all(effects);
}

void Arrivals::advance_all(Effects& effects) {
  for (auto line = lines_.begin(); line != lines_.end();) {
    advance(line->second, effects);
    line = line->second.empty() ? lines_.erase(line) : std::next(line);
  }
}

void Arrivals::advance(Line& line, Effects& effects) {
  while (!line.empty() && (line.front()->has_ended || line.front()->missing == 0)) {
    if (!line.front()->has_ended) effects.ready.push_back(std::move(line.front()->request));
    line.pop_front();
  }
}

std::vector<std::string> Arrivals::take_overdue(Time now) {
  std::vector<std::string> overdue;
  for (auto& [id, wanted] : wanted_) {
    if (!wanted.due || now < *wanted.due) continue;
    wanted.due.reset();
    if (is_wanted(id)) overdue.push_back(id);
  }
  return overdue;
}

std::optional<Time> Arrivals::deadline() const {
  std::optional<Time> first;
  for (const auto& [id, wanted] : wanted_) {
    if (wanted.due) first = first ? std::min(*first, *wanted.due) : *wanted.due;
  }
  return first;
}

std::vector<std::shared_ptr<Request>> Arrivals::take(const std::vector<std::string>& msg_ids,
                                                     Effects& effects) {
  std::vector<std::shared_ptr<Request>> taken;
  if (lines_.empty()) return taken;
  const std::unordered_set<std::string_view> meant(msg_ids.begin(), msg_ids.end());
  for (auto& [way, line] : lines_) {
    for (const ArrivalPtr& arrival : line) {
      if (arrival->has_ended || !meant.contains(arrival->request->header.msg_id)) continue;
      arrival->has_ended = true;
      taken.push_back(arrival->request);
    }
  }
  advance_all(effects);
  return taken;
}

std::vector<std::shared_ptr<Request>> Arrivals::take_all() {
  std::vector<std::shared_ptr<Request>> taken;
  for (const auto& [way, line] : lines_) {
    for (const ArrivalPtr& arrival : line) {
      if (!arrival->has_ended) taken.push_back(arrival->request);
    }
  }
  lines_.clear();
  wanted_.clear();
  return taken;
}

std::vector<std::string> Arrivals::msg_ids() const {
  std::vector<std::string> ids;
  for (const auto& [way, line] : lines_) {
    for (const ArrivalPtr& arrival : line) {
      if (!arrival->has_ended) ids.push_back(arrival->request->header.msg_id);
    }
  }
  return ids;
}

bool Arrivals::holds(std::string_view msg_id) const {
  return std::any_of(lines_.begin(), lines_.end(), [msg_id](const auto& item) {
    return std::any_of(item.second.begin(), item.second.end(), [msg_id](const ArrivalPtr& each) {
      return !each->has_ended && each->request->header.msg_id == msg_id;
    });
  });
}

std::string Arrivals::find_waiting(const std::string& id) const {
  const auto found = wanted_.find(id);
  if (found == wanted_.end()) return {};
  for (const ArrivalPtr& arrival : found->second.arrivals) {
    if (!arrival->has_ended) return arrival->request->header.msg_id;
  }
  return {};
}

}  // namespace engineroom::engine
