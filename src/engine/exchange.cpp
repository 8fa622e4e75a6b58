#include "engine/exchange.h"

#include <algorithm>
#include <utility>

#include "engine/control.h"
#include "wire/dependency_error.h"

namespace engineroom::engine {
namespace {

constexpr const char* kLost = "its engine does not have it any more";

}  // namespace

Exchange::Exchange(Workbench& bench, Peers& peers, KeepOptions keep, Relay::Send send)
    : bench_(bench),
      peers_(peers),
      results_(std::move(keep), [&bench] { bench.io_wake().notify(); }),
      inputs_([this](std::string_view msg_id) { return results_.find(msg_id); }),
      relay_(std::move(send),
             [this](const std::string& msg_id) { return inputs_.find_waiting(msg_id); }) {}

void Exchange::deliver(std::shared_ptr<Request> request, Time now) {
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
  Reply reply;
  reply.request = failure.request;
  reply.outcome = Outcome::kError;
  reply.started = iso8601_now();
  reply.content = Bytes(
      failure.kept ? wire::dependency_error(failure.input, failure.kept->content.view(), json_)
                   : error_content("InputLost", "the result of task '" + failure.input +
                                                    "' cannot be had: " + failure.why));
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
  relay_.on_time(now);
  give_up_late(now);
}

void Exchange::serve_questions(Time now) {
  while (std::optional<Peers::Question> question = peers_.next_question()) {
    if (const KeptPtr kept = results_.find(question->msg_id)) {
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
  for (const auto& [answer, is_gone] : answers) {
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
    if (askers.empty() || now - askers.front().since < kGrace) continue;
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
  return inputs_.holds(msg_id) || bench_.holds(msg_id);
}

std::optional<Time> Exchange::deadline() const {
  std::optional<Time> first = peers_.deadline();
  if (const auto again = relay_.deadline()) first = first ? std::min(*first, *again) : *again;
  for (const auto& [msg_id, askers] : askers_) {
    if (askers.empty()) continue;
    const Time due = askers.front().since + kGrace;
    first = first ? std::min(*first, due) : due;
  }
  return first;
}

void Exchange::abort(const std::vector<std::string>& msg_ids) {
  bench_.abort(msg_ids);
  deliver_parked(msg_ids);
}

void Exchange::deliver_parked(const std::vector<std::string>& msg_ids) {
  for (std::shared_ptr<Request>& request : inputs_.take(msg_ids)) {
    bench_.deliver(std::move(request));
  }
}

void Exchange::abort_all() {
  for (std::shared_ptr<Request>& request : inputs_.take_all()) bench_.deliver(std::move(request));
  bench_.abort_all();
}

void Exchange::drop_all() {
  inputs_.take_all();
  relay_.clear();
  bench_.drop_all();
}

std::vector<std::string> Exchange::held() const {
  std::vector<std::string> ids = bench_.held();
  for (std::string& msg_id : inputs_.msg_ids()) ids.push_back(std::move(msg_id));
  return ids;
}

void Exchange::release(const std::vector<std::string>& msg_ids) {
  for (const std::string& msg_id : msg_ids) results_.drop(msg_id);
}

}  // namespace engineroom::engine
