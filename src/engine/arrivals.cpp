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
      wanted.source = source_of(*buffer.holder, now);
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

// Who waited for it.
std::vector<Arrivals::ArrivalPtr> Arrivals::forget(const std::string& id) {
  const auto found = wanted_.find(id);
  if (found == wanted_.end()) return {};
  std::vector<ArrivalPtr> arrivals = std::move(found->second.arrivals);
  wanted_.erase(found);
  if (wanted_.empty()) watched_.clear();
  return arrivals;
}

void Arrivals::on_buffer(const std::string& id, const KeptPtr& kept, Effects& effects) {
  for (const ArrivalPtr& arrival : forget(id)) fill(*arrival, id, kept, effects);
  advance_all(effects);
}

void Arrivals::on_missing(const std::string& id, const std::string& why, Effects& effects) {
  for (const ArrivalPtr& arrival : forget(id)) {
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

// ---- who is asked ----

Duration Arrivals::probe_interval(const wire::HostBuffer::Holder& holder) const {
  return kProbe + from_seconds(static_cast<double>(holder.bytes) /
                               static_cast<double>(kProbes * bytes_per_second_));
}

Arrivals::Source Arrivals::source_of(const wire::HostBuffer::Holder& holder, Time now) {
  if (holder.uuid != self_) {
    const Duration interval = probe_interval(holder);
    const auto [watch, is_new] = watched_.try_emplace(holder.peer);
    // What is known of it is as old as the last question.
    const bool is_old = now >= watch->second.probe + interval;
    if (is_new || is_old) watch->second = {now + interval};
  }
  return {holder, now + from_seconds(holder.patience)};
}

Arrivals::Source* Arrivals::find_source(const std::string& id, std::string_view address) {
  const auto found = wanted_.find(id);
  if (found == wanted_.end() || !found->second.source) return nullptr;
  Source& source = *found->second.source;
  return source.holder.peer == address ? &source : nullptr;
}

void Arrivals::on_heard(const std::string& address) {
  if (const auto watch = watched_.find(address); watch != watched_.end()) {
    watch->second.unanswered = 0;
  }
}

std::optional<std::string> Arrivals::on_failed(const std::string& id, std::string_view address) {
  const Source* source = find_source(id, address);
  if (source == nullptr) return std::nullopt;
  std::string uuid = source->holder.uuid;
  wanted_.at(id).source.reset();
  return uuid;
}

void Arrivals::on_elsewhere(const std::string& id, const wire::HostBuffer::Holder& holder, Time now,
                            Effects& effects) {
  if (!is_wanted(id)) return;
  wanted_.at(id).source = source_of(holder, now);
  effects.fetch.push_back({0, id, holder});
}

Arrivals::Due Arrivals::take_due(Time now) {
  Due due;
  for (auto& [id, wanted] : wanted_) {
    if (!wanted.source) continue;
    const Source& source = *wanted.source;
    const auto watch = watched_.find(source.holder.peer);
    const bool is_probed = watch != watched_.end() && now >= watch->second.probe;
    const bool is_silent = is_probed && watch->second.unanswered >= kProbes;
    if (!is_wanted(id)) {
      wanted.source.reset();
    } else if (is_silent || now >= source.due) {
      due.failed.push_back({id, source.holder.uuid});
      wanted.source.reset();
    } else if (is_probed) {
      // Counted by questions, not by the clock: then this engine was not stopped meanwhile, either.
      ++watch->second.unanswered;
      watch->second.probe = now + probe_interval(source.holder);
      due.probe.push_back({0, id, source.holder});
    }
  }
  return due;
}

std::optional<Time> Arrivals::deadline() const {
  std::optional<Time> first;
  for (const auto& [id, wanted] : wanted_) {
    if (!wanted.source) continue;
    Time due = wanted.source->due;
    const auto watch = watched_.find(wanted.source->holder.peer);
    if (watch != watched_.end()) due = std::min(due, watch->second.probe);
    first = first ? std::min(*first, due) : due;
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
  watched_.clear();
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
