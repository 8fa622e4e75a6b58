// controller/growth.h — a cluster that adapts: engines that may come, and engines that may go.
//
// Whoever starts engines as there is work for them (python/engineroom/cluster/adaptive.py) asks
// here, again and again:
//
//   adapt_request {"offer": {…} or null, "seconds": s}
//     → adapt_reply {"waiting": n, "unoffered": n, "outstanding": {"0": n, …}}
//   retire_request {"targets": [id, …], "most": n}
//     → retire_reply {"retired": [id, …]}
//
// The first promises engines that offer this (null: nobody knows what), for so many seconds; tasks
// that demand what no engine offers wait for them. Whoever dies makes no promise any more, and 0
// ends one. It is told how many tasks could start on such an engine now.
//
// The second ends engines that have nothing to do and that nobody needs, the first `most` of them.
// That is decided and done at once, here, where tasks are given to engines. So none is given to an
// engine between the decision and its end, which is what makes shrinking safe.
//
// Threads: the loop thread only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "controller/core.h"

namespace engineroom::controller {

class Growth {
 public:
  struct Actions {
    std::function<void(scheduler::Scheduler::Expected, Time)> expect;
    std::function<void(EngineId, Time)> retire;
  };

  Growth(Core& core, const scheduler::Scheduler& scheduler, Actions actions)
      : core_(core), scheduler_(scheduler), actions_(std::move(actions)) {}

  // Both write the reply's content.
  Result<std::string> on_adapt_requested(const wire::Message& request, Time now);
  Result<std::string> on_retire_requested(const wire::Message& request, Time now);

  // After a restart: what was promised is not known, so anything may come until then.
  void restore(Time until, Time now);

  void on_time(Time now);
  std::optional<Time> next_deadline() const;

 private:
  struct Promise {
    std::optional<scheduler::Amounts> offer;  // none: anything
    Time until;
  };

  void tell_scheduler(Time now);
  bool is_spare(const Engine& engine) const;
  std::string backlog_json(const std::optional<scheduler::Amounts>& offer) const;

  Core& core_;
  const scheduler::Scheduler& scheduler_;
  const Actions actions_;
  std::map<std::string, Promise> promises_;  // by the client's identity
};

}  // namespace engineroom::controller
