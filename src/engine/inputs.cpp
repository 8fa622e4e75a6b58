#include "engine/inputs.h"

#include <utility>

namespace engineroom::engine {

void Inputs::park(std::shared_ptr<Request> request, Effects& effects) {
  auto parked = std::make_shared<Parked>();
  parked->request = request;
  request->input_results.resize(request->inputs.size());
  for (std::size_t i = 0; i < request->inputs.size(); ++i) {
    const std::string& input = request->inputs[i].msg_id;
    KeptPtr kept = find_(input);
    if (kept && !kept->ok) return effects.failed.push_back({request, input, kept, {}});
    request->input_results[i] = kept;
    if (!kept) ++parked->missing;
  }
  if (parked->missing == 0) return effects.ready.push_back(std::move(request));
  parked_[request->header.msg_id] = parked;
  for (std::size_t i = 0; i < request->inputs.size(); ++i) {
    if (request->input_results[i]) continue;
    std::vector<ParkedPtr>& waiting = waiting_[request->inputs[i].msg_id];
    if (waiting.empty()) effects.fetch.push_back(request->inputs[i]);
    waiting.push_back(parked);
  }
}

void Inputs::on_result(const std::string& input, const KeptPtr& kept, Effects& effects) {
  for (const ParkedPtr& parked : take_waiting(input)) {
    if (parked->ended) continue;
    Request& request = *parked->request;
    if (!kept->ok) {
      end(*parked);
      effects.failed.push_back({parked->request, input, kept, {}});
      continue;
    }
    // An input that is named twice waits twice, and the first time gets both.
    for (std::size_t i = 0; i < request.inputs.size(); ++i) {
      if (request.inputs[i].msg_id != input || request.input_results[i]) continue;
      request.input_results[i] = kept;
      --parked->missing;
    }
    if (parked->missing > 0) continue;
    end(*parked);
    effects.ready.push_back(parked->request);
  }
}

void Inputs::on_missing(const std::string& input, const std::string& why, Effects& effects) {
  for (const ParkedPtr& parked : take_waiting(input)) {
    if (parked->ended) continue;
    end(*parked);
    effects.failed.push_back({parked->request, input, nullptr, why});
  }
}

std::vector<std::shared_ptr<Request>> Inputs::take(const std::vector<std::string>& msg_ids) {
  std::vector<std::shared_ptr<Request>> taken;
  for (const std::string& msg_id : msg_ids) {
    const auto found = parked_.find(msg_id);
    if (found == parked_.end()) continue;
    const ParkedPtr parked = found->second;
    end(*parked);
    taken.push_back(parked->request);
  }
  return taken;
}

std::vector<std::shared_ptr<Request>> Inputs::take_all() {
  std::vector<std::shared_ptr<Request>> taken;
  for (const auto& [msg_id, parked] : parked_) {
    parked->ended = true;
    taken.push_back(parked->request);
  }
  parked_.clear();
  waiting_.clear();
  return taken;
}

std::vector<Inputs::ParkedPtr> Inputs::take_waiting(const std::string& input) {
  const auto found = waiting_.find(input);
  if (found == waiting_.end()) return {};
  std::vector<ParkedPtr> waiting = std::move(found->second);
  waiting_.erase(found);
  return waiting;
}

void Inputs::end(Parked& parked) {
  parked.ended = true;
  parked_.erase(parked.request->header.msg_id);
}

std::string Inputs::find_waiting(const std::string& input) const {
  const auto found = waiting_.find(input);
  if (found == waiting_.end()) return {};
  for (const ParkedPtr& parked : found->second) {
    if (!parked->ended) return parked->request->header.msg_id;
  }
  return {};
}

std::vector<std::string> Inputs::msg_ids() const {
  std::vector<std::string> ids;
  for (const auto& [msg_id, parked] : parked_) ids.push_back(msg_id);
  return ids;
}

}  // namespace engineroom::engine
