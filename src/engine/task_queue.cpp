#include "engine/task_queue.h"

#include <algorithm>
#include <utility>

namespace engineroom::engine {

bool TaskQueue::add(RequestPtr request) {
  if (request->channel == Channel::kControl) {
    control_.push_back(std::move(request));
    return true;
  }
  if (!aborted_.empty() && aborted_.erase(request->header.msg_id) > 0) return false;
  shell_.push_back(std::move(request));
  return true;
}

RequestPtr TaskQueue::take() {
  std::deque<RequestPtr>& queue = control_.empty() ? shell_ : control_;
  if (queue.empty()) return nullptr;
  RequestPtr request = std::move(queue.front());
  queue.pop_front();
  return request;
}

std::vector<RequestPtr> TaskQueue::abort(const std::vector<std::string>& msg_ids) {
  std::unordered_set<std::string> wanted(msg_ids.begin(), msg_ids.end());
  std::vector<RequestPtr> hits =
      take_out([&](const Request& request) { return wanted.erase(request.header.msg_id) > 0; });
  for (const std::string& msg_id : wanted) remember(msg_id);
  return hits;
}

std::vector<RequestPtr> TaskQueue::abort_all() {
  return take_out([](const Request&) { return true; });
}

std::vector<RequestPtr> TaskQueue::abort_executes(std::string_view session) {
  return take_out([&](const Request& request) {
    return request.kind == RequestKind::kExecute && request.header.session == session;
  });
}

bool TaskQueue::holds(std::string_view msg_id) const {
  return std::any_of(shell_.begin(), shell_.end(), [msg_id](const RequestPtr& request) {
    return request->header.msg_id == msg_id;
  });
}

std::vector<std::string> TaskQueue::msg_ids() const {
  std::vector<std::string> ids;
  for (const std::deque<RequestPtr>* queue : {&control_, &shell_}) {
    for (const RequestPtr& request : *queue) ids.push_back(request->header.msg_id);
  }
  return ids;
}

void TaskQueue::forget_aborts() {
  aborted_.clear();
  aborted_order_.clear();
}

void TaskQueue::clear() {
  control_.clear();
  shell_.clear();
}

template <typename Predicate>
std::vector<RequestPtr> TaskQueue::take_out(Predicate hit) {
  std::vector<RequestPtr> hits;
  std::deque<RequestPtr> kept;
  for (RequestPtr& request : shell_) {
    (hit(*request) ? hits.emplace_back() : kept.emplace_back()) = std::move(request);
  }
  shell_ = std::move(kept);
  return hits;
}

void TaskQueue::remember(const std::string& msg_id) {
  if (!aborted_.insert(msg_id).second) return;
  aborted_order_.push_back(msg_id);
  if (aborted_order_.size() <= max_remembered_) return;
  aborted_.erase(aborted_order_.front());
  aborted_order_.pop_front();
}

}  // namespace engineroom::engine
