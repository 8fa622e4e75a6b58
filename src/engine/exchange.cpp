#include "engine/exchange.h"

#include <algorithm>
#include <utility>

#include "engine/control.h"
#include "wire/dependency_error.h"

namespace engineroom::engine {
namespace {

constexpr const char* kLost = "its engine does not have it any more";

Duration grace_of(const std::string& id) {
  return wire::is_host_buffer(id) ? Exchange::kBufferGrace : Exchange::kGrace;
}

}  // namespace

Exchange::Exchange(Workbench& bench, Peers& peers, KeepOptions keep, Relay::Send send, Share share)
    : bench_(bench),
      peers_(peers),
      results_(keep, [&bench] { bench.io_wake().notify(); }),
      inputs_([this](std::string_view msg_id) { return results_.find(msg_id); }),
      buffers_(ResultShelf::kMaxResults, keep.memory_bytes),
      arrivals_(
          [this](std::string_view id) { return buffers_.find(id); }, peers.uuid(),
          peers.is_encrypted() ? Arrivals::kEncryptedBytesPerSecond : Arrivals::kBytesPerSecond),
      send_(std::move(send)),
      share_(std::move(share)),
      relay_(send_, [this](const std::string& id) {
        if (!wire::is_host_buffer(id)) return inputs_.find_waiting(id);
        // For others, too: whatever became of the requests here.
        return askers_.contains(id) ? id : arrivals_.find_waiting(id);
      }) {}

// ---- requests whose buffers are with other engines of this host ----

void Exchange::deliver(std::shared_ptr<Request> request, Time now) {
  keep_buffers(*request, now);
  const bool is_plain = request->host_buffers.empty() && arrivals_.empty();
  if (is_plain || request->channel == Channel::kControl ||
      bench_.is_aborted(request->header.msg_id)) {
    return pass_on(std::move(request), now);
  }
  Arrivals::Effects effects;
  arrivals_.add(std::move(request), now, effects);
  perform(effects, now);
}

// Those that came with it.
void Exchange::keep_buffers(Request& request, Time now) {
  for (const wire::HostBuffer& buffer : request.host_buffers) {
    if (!buffer.holder) keep_buffer(buffer.id, request.message.buffers[buffer.at], now);
  }
}

void Exchange::keep_buffer(const std::string& id, Bytes& buffer, Time now) {
  Frames frames = {buffer};
  // Others wait for it: then this engine, too, looks at what they are given.
  if (askers_.contains(id)) share_(frames);
  buffer = frames.front();
  const auto kept = std::make_shared<Kept>(Kept{true, {}, std::move(frames)});
  buffers_.put(id, kept);
  answer_askers(id, kept, {});
  give_buffer({id, kept, {}}, now);
}

// For another engine.
KeptPtr Exchange::find_shared(const std::string& id) {
  KeptPtr kept = buffers_.find(id);
  if (!kept || transport::is_shared(kept->buffers.front())) return kept;
  Frames frames = kept->buffers;
  share_(frames);
  if (!transport::is_shared(frames.front())) return kept;
  kept = std::make_shared<Kept>(Kept{true, {}, std::move(frames)});
  buffers_.put(id, kept);
  return kept;
}

void Exchange::perform(Arrivals::Effects& effects, Time now) {
  for (std::shared_ptr<Request>& request : effects.ready) pass_on(std::move(request), now);
  for (const Arrivals::Effects::Failure& failure : effects.failed) reject_incomplete(failure);
  for (const wire::HostBuffer& buffer : effects.fetch) fetch_buffer(buffer, now);
  if (effects.complete.empty()) return;
  JsonWriter w;
  w.begin_object().key("msg_ids").begin_array();
  for (const std::string& msg_id : effects.complete) w.value(msg_id);
  send_("complete_notice", w.end_array().end_object().take(), {});
}

void Exchange::reject_incomplete(const Arrivals::Effects::Failure& failure) {
  answer_error(failure.request,
               error_content("InputLost",
                             "a large argument that another engine of this host was "
                             "sent cannot be had: " +
                                 failure.why));
}

void Exchange::fetch_buffer(const wire::HostBuffer& buffer, Time now) {
  // On its way, by another connection.
  if (buffer.holder->uuid == peers_.uuid()) return;
  const std::string& address = buffer.holder->peer;
  if (!peers_.ask(address, buffer.id, now, buffer.holder->is_relayed)) {
    fetch_elsewhere(buffer.id, address, now);
  }
}

// The engine at this address has failed, if it is the one that is asked.
void Exchange::fetch_elsewhere(const std::string& id, std::string_view address, Time now) {
  std::optional<std::string> failed = arrivals_.on_failed(id, address);
  if (failed) relay_.ask(id, false, now, *std::move(failed));
}

// The controller says that another engine gets it. Those that have asked this one for it ask the
// controller, too: engines that wait do not wait for each other in turn.
void Exchange::follow(const Answer& answer, Time now) {
  answer_askers(answer.msg_id, nullptr, kLost);
  Arrivals::Effects effects;
  arrivals_.on_elsewhere(answer.msg_id, *answer.elsewhere, now, effects);
  perform(effects, now);
}

// To those that wait for it on other engines; and the next request that needs it finds it here.
void Exchange::offer_buffer(const std::string& id, const KeptPtr& kept) {
  buffers_.put(id, kept);
  if (!askers_.contains(id)) return;
  // The shelf may have no room for it.
  const KeptPtr shared = find_shared(id);
  answer_askers(id, shared ? shared : kept, {});
}

void Exchange::give_buffer(const Answer& answer, Time now) {
  const std::string& id = answer.msg_id;
  const bool is_one = answer.kept && answer.kept->ok && answer.kept->buffers.size() == 1;
  if (!arrivals_.is_wanted(id) && !askers_.contains(id)) return;
  Arrivals::Effects effects;
  if (is_one) offer_buffer(id, answer.kept);
  if (!is_one) answer_askers(id, nullptr, answer.why);
  if (answer.kept) {
    // If others were given it, this engine looks at the same memory.
    const KeptPtr kept = buffers_.find(id);
    arrivals_.on_buffer(id, kept ? kept : answer.kept, effects);
  } else {
    arrivals_.on_missing(id, answer.why, effects);
  }
  perform(effects, now);
}

void Exchange::drop_incomplete() {
  arrivals_.take_all();
  buffers_.clear();
  // They are told by that controller, too.
  std::erase_if(askers_, [](const auto& item) { return wire::is_host_buffer(item.first); });
}

// ---- requests whose inputs are with others ----

void Exchange::pass_on(std::shared_ptr<Request> request, Time now) {
  // Aborts may overtake the requests that they are for.
  if (request->inputs.empty() || bench_.is_aborted(request->header.msg_id)) {
    return bench_.deliver(std::move(request));
  }
  Inputs::Effects effects;
  inputs_.park(std::move(request), effects);
  perform(effects, now);
}

void Exchange::perform(Inputs::Effects& effects, Time now) {
  for (std::shared_ptr<Request>& request : effects.ready) bench_.deliver(std::move(request));
  for (const Inputs::Effects::Failure& failure : effects.failed) reject(failure);
  for (const InputPlace& place : effects.fetch) fetch(place, now);
}

void Exchange::reject(const Inputs::Effects::Failure& failure) {
  answer_error(failure.request,
               failure.kept
                   ? wire::dependency_error(failure.input, failure.kept->content.view(), json_)
                   : error_content("InputLost", "the result of task '" + failure.input +
                                                    "' cannot be had: " + failure.why));
}

void Exchange::answer_error(const std::shared_ptr<Request>& request, std::string content) {
  Reply reply;
  reply.request = request;
  reply.outcome = Outcome::kError;
  reply.started = iso8601_now();
  reply.content = Bytes(std::move(content));
  bench_.answer(std::move(reply));
}

void Exchange::fetch(const InputPlace& place, Time now) {
  // Not kept, so it has not finished if it is ours.
  if (place.is_here && !results_.is_lost(place.msg_id)) return wait_here(place.msg_id, {{}, now});
  if (place.is_here) return fetch_relayed(place.msg_id, true, now);
  if (!peers_.ask(place.address, place.msg_id, now)) fetch_relayed(place.msg_id, false, now);
}

void Exchange::fetch_relayed(const std::string& msg_id, bool recorded, Time now) {
  if (inputs_.is_wanted(msg_id)) relay_.ask(msg_id, recorded, now);
}

void Exchange::wait_here(const std::string& msg_id, Asker asker) {
  askers_[msg_id].push_back(std::move(asker));
}

bool Exchange::is_kept(const Reply& reply) {
  const Request& request = *reply.request;
  return request.kind == RequestKind::kApply && request.ours && !request.is_coalescing &&
         reply.outcome != Outcome::kAborted && reply.dependencies_met;
}

void Exchange::keep(const Reply& reply) {
  const std::string& msg_id = reply.request->header.msg_id;
  const bool ok = reply.outcome == Outcome::kOk;
  const auto kept = std::make_shared<Kept>(Kept{ok, ok ? Bytes() : reply.content, reply.buffers});
  results_.put(msg_id, kept);
  if (!askers_.empty() && answer_askers(msg_id, kept, {})) give({msg_id, kept, {}}, Clock::now());
}

bool Exchange::answer_askers(const std::string& msg_id, const KeptPtr& kept,
                             const std::string& why) {
  const auto found = askers_.find(msg_id);
  if (found == askers_.end()) return false;
  const std::vector<Asker> askers = std::move(found->second);
  askers_.erase(found);
  bool is_ours = false;
  for (const Asker& asker : askers) {
    if (const auto* peer = std::get_if<Peers::Question>(&asker.who)) {
      peers_.answer(*peer, kept, why);
    } else if (const auto* relayed = std::get_if<Relay::Question>(&asker.who)) {
      relay_.answer(*relayed, kept, why);
    } else {
      is_ours = true;
    }
  }
  return is_ours;
}

// To the requests that wait for it.
void Exchange::give(const Answer& answer, Time now) {
  if (wire::is_host_buffer(answer.msg_id)) return give_buffer(answer, now);
  if (!inputs_.is_wanted(answer.msg_id)) return;
  Inputs::Effects effects;
  if (answer.kept) {
    inputs_.on_result(answer.msg_id, answer.kept, effects);
  } else {
    inputs_.on_missing(answer.msg_id, answer.why, effects);
  }
  perform(effects, now);
}

void Exchange::serve(Time now) {
  results_.on_turn();
  serve_questions(now);
  serve_answers(now);
  look_after_buffers(now);
  relay_.on_time(now);
  give_up_late(now);
}

// After answers: what has been said and not been read yet counts.
void Exchange::look_after_buffers(Time now) {
  Arrivals::Due due = arrivals_.take_due(now);
  for (const wire::HostBuffer& buffer : due.probe) fetch_buffer(buffer, now);
  for (Arrivals::Failed& failed : due.failed) {
    relay_.ask(failed.id, false, now, std::move(failed.holder));
  }
}

void Exchange::serve_buffer_question(Peers::Question question, Time now) {
  const std::string id = question.msg_id;
  if (const KeptPtr kept = find_shared(id)) return peers_.answer(question, kept, {});
  peers_.say_coming(question);
  const bool is_relayed = question.is_relayed;
  std::vector<Asker>& askers = askers_[id];
  std::erase_if(askers, [&question](const Asker& asker) {
    const auto* peer = std::get_if<Peers::Question>(&asker.who);
    return peer != nullptr && peer->is_same(question);
  });
  askers.push_back({std::move(question), now});
  if (is_relayed) relay_.ask(id, false, now);
}

void Exchange::serve_questions(Time now) {
  while (std::optional<Peers::Question> question = peers_.next_question()) {
    if (wire::is_host_buffer(question->msg_id)) {
      serve_buffer_question(*std::move(question), now);
    } else if (const KeptPtr kept = results_.find(question->msg_id)) {
      peers_.answer(*question, kept, {});
    } else if (results_.is_lost(question->msg_id)) {
      peers_.answer(*question, nullptr, kLost);
    } else {
      const std::string msg_id = question->msg_id;
      wait_here(msg_id, {*std::move(question), now});
    }
  }
}

void Exchange::serve_answers(Time now) {
  std::vector<Peers::Received> answers;
  peers_.take_answers(now, answers);
  for (const auto& [answer, address, is_gone, is_coming] : answers) {
    if (!is_gone) arrivals_.on_heard(address);
    if (is_coming) continue;
    if (!answer.kept && wire::is_host_buffer(answer.msg_id)) {
      fetch_elsewhere(answer.msg_id, address, now);
      continue;
    }
    if (!answer.kept) {
      // The controller knows whether that engine is there; one that says that it has nothing need
      // not be asked again.
      fetch_relayed(answer.msg_id, !is_gone, now);
      continue;
    }
    keep_small(answer);
    give(answer, now);
  }
}

void Exchange::on_relayed_question(const wire::Message& message, Time now) {
  const std::optional<Relay::Question> question = relay_.read_question(message);
  if (!question) return;
  if (const KeptPtr kept = results_.find(question->msg_id)) {
    return relay_.answer(*question, kept, {});
  }
  if (results_.is_lost(question->msg_id)) return relay_.answer(*question, nullptr, kLost);
  // Asked again, as it takes so long.
  std::vector<Asker>& askers = askers_[question->msg_id];
  std::erase_if(askers, [&question](const Asker& asker) {
    const auto* relayed = std::get_if<Relay::Question>(&asker.who);
    return relayed != nullptr && relayed->is_same(*question);
  });
  askers.push_back({*question, now});
}

void Exchange::on_relayed_answer(const wire::Message& message, Time now) {
  const std::optional<Answer> answer = relay_.on_answer(message, now);
  if (!answer) return;
  if (answer->elsewhere) return follow(*answer, now);
  keep_small(*answer);
  give(*answer, now);
}

// Others here may need it, too; what is large is kept by who made it, and soon fetched again.
void Exchange::keep_small(const Answer& answer) {
  if (answer.kept && answer.kept->bytes() < kCopiedBytes) results_.put(answer.msg_id, answer.kept);
}

// What nobody is going to make here is not there any more, or was never here.
void Exchange::give_up_late(Time now) {
  std::vector<std::string> late;
  for (auto& [msg_id, askers] : askers_) {
    if (askers.empty() || now - askers.front().since < grace_of(msg_id)) continue;
    if (!is_expected(msg_id)) late.push_back(msg_id);
    for (Asker& asker : askers) asker.since = now;
  }
  for (const std::string& msg_id : late) {
    if (answer_askers(msg_id, nullptr, kLost)) {
      fetch_relayed(msg_id, true, now);
    }
  }
}

bool Exchange::is_expected(const std::string& msg_id) const {
  return inputs_.holds(msg_id) || bench_.holds(msg_id) || arrivals_.holds(msg_id);
}

std::optional<Time> Exchange::deadline() const {
  std::optional<Time> first = peers_.deadline();
  for (const auto& due : {relay_.deadline(), arrivals_.deadline()}) {
    if (due) first = first ? std::min(*first, *due) : *due;
  }
  for (const auto& [msg_id, askers] : askers_) {
    if (askers.empty()) continue;
    const Time due = askers.front().since + grace_of(msg_id);
    first = first ? std::min(*first, due) : due;
  }
  return first;
}

void Exchange::abort(const std::vector<std::string>& msg_ids, Time now) {
  bench_.abort(msg_ids);
  deliver_parked(msg_ids, now);
}

void Exchange::deliver_parked(const std::vector<std::string>& msg_ids, Time now) {
  Arrivals::Effects effects;
  for (std::shared_ptr<Request>& request : arrivals_.take(msg_ids, effects)) {
    bench_.deliver(std::move(request));
  }
  for (std::shared_ptr<Request>& request : inputs_.take(msg_ids)) {
    bench_.deliver(std::move(request));
  }
  perform(effects, now);
}

void Exchange::abort_all() {
  deliver_aborted(arrivals_.take_all());
  deliver_aborted(inputs_.take_all());
  bench_.abort_all();
}

// Said first: else Python, which waits for work, might take one of them as it is.
void Exchange::deliver_aborted(std::vector<std::shared_ptr<Request>> requests) {
  std::vector<std::string> msg_ids;
  for (const auto& request : requests) msg_ids.push_back(request->header.msg_id);
  bench_.abort(msg_ids);
  for (std::shared_ptr<Request>& request : requests) bench_.deliver(std::move(request));
}

void Exchange::drop_all() {
  drop_incomplete();
  inputs_.take_all();
  relay_.clear();
  bench_.drop_all();
}

std::vector<std::string> Exchange::held() const {
  std::vector<std::string> ids = bench_.held();
  for (std::string& msg_id : inputs_.msg_ids()) ids.push_back(std::move(msg_id));
  for (std::string& msg_id : arrivals_.msg_ids()) ids.push_back(std::move(msg_id));
  return ids;
}

void Exchange::release(const std::vector<std::string>& msg_ids) {
  for (const std::string& msg_id : msg_ids) {
    results_.drop(msg_id);
    buffers_.drop(msg_id);
  }
}

}  // namespace engineroom::engine
