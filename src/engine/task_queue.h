// engine/task_queue.h — the requests that wait for Python, in order of arrival, and the ids of
// those that must never run.
//
// An abort may arrive before what it aborts: load-balanced tasks are aborted on every engine, also
// where they have not been sent to yet. So ids that match nothing are remembered, the last
// `max_remembered` of them.
//
// Pure; belongs to one thread or one mutex. Aborting looks at each queued request once.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/request.h"

namespace engineroom::engine {

class TaskQueue {
 public:
  explicit TaskQueue(std::size_t max_remembered = 65536) : max_remembered_(max_remembered) {}

  // False if the request was aborted before it came; it is then not queued, and its id forgotten.
  // Requests from the control channel overtake those from the shell.
  [[nodiscard]] bool add(RequestPtr request);
  // The next one to run, or null.
  RequestPtr take();

  // Each takes out and returns the requests it hits, in order. Control requests are never aborted.
  std::vector<RequestPtr> abort(const std::vector<std::string>& msg_ids);
  std::vector<RequestPtr> abort_all();
  // After an error, Jupyter clients expect the cells they have queued already not to run.
  std::vector<RequestPtr> abort_executes(std::string_view session);
  // Forgets the ids that matched nothing.
  void forget_aborts();
  // Forgets all that is queued, when nobody waits for the replies any more.
  void clear();

  bool holds(std::string_view msg_id) const;
  // The request with this id is not to run, should it come.
  bool is_aborted(const std::string& msg_id) const { return aborted_.contains(msg_id); }
  std::vector<std::string> msg_ids() const;
  bool empty() const { return control_.empty() && shell_.empty(); }
  std::size_t size() const { return control_.size() + shell_.size(); }

 private:
  template <typename Predicate>
  std::vector<RequestPtr> take_out(Predicate hit);
  void remember(const std::string& msg_id);

  std::size_t max_remembered_;
  std::deque<RequestPtr> control_;
  std::deque<RequestPtr> shell_;
  // Aborted ids of requests that have not come yet, and the order in which to forget them. The
  // order may hold ids that are in the set no more.
  std::unordered_set<std::string> aborted_;
  std::deque<std::string> aborted_order_;
};

}  // namespace engineroom::engine
