// engine/arrivals.h — requests of which a buffer is still on its way to this host, and all that
// came after them.
//
// A large buffer that several engines of a host are given comes to one of them, and the others get
// it from there (docs/dev/host_buffers.md). Until a request has all of its buffers it waits here;
// and so does whatever came later by the same way (direct, balanced, broadcast: each a connection
// of its own), because requests run in the order in which they came. Those that came another way
// overtake, as they always may.
//
// A pure state machine: it says what is to be fetched and which requests are ready; exchange.h does
// it. Threads: the I/O thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "engine/request.h"
#include "engine/result_shelf.h"

namespace engineroom::engine {

class Arrivals {
 public:
  // In the order in which it came about.
  struct Effects {
    std::vector<wire::HostBuffer> fetch;          // then on_buffer() or on_missing()
    std::vector<std::shared_ptr<Request>> ready;  // with all their buffers, in their order
    struct Failure {
      std::shared_ptr<Request> request;
      std::string why;
    };
    std::vector<Failure> failed;
    // Requests that the controller need not keep buffers for any more.
    std::vector<std::string> complete;
  };

  // A buffer that is here; null if it is not.
  using Find = std::function<KeptPtr(std::string_view id)>;
  explicit Arrivals(Find find) : find_(std::move(find)) {}

  // If so, what needs no buffers need not come here.
  bool empty() const { return lines_.empty(); }
  void add(std::shared_ptr<Request> request, Time now, Effects& effects);
  void on_buffer(const std::string& id, const KeptPtr& kept, Effects& effects);
  void on_missing(const std::string& id, const std::string& why, Effects& effects);
  // Buffers that have not come in time, each once: to be asked for elsewhere, too.
  std::vector<std::string> take_overdue(Time now);
  std::optional<Time> deadline() const;

  // Takes out the requests with these ids, or all, in their order.
  std::vector<std::shared_ptr<Request>> take(const std::vector<std::string>& msg_ids,
                                             Effects& effects);
  std::vector<std::shared_ptr<Request>> take_all();

  std::vector<std::string> msg_ids() const;
  bool holds(std::string_view msg_id) const;
  bool is_wanted(const std::string& id) const { return !find_waiting(id).empty(); }
  // The id of a request that waits for this buffer; "" if none does any more.
  std::string find_waiting(const std::string& id) const;

 private:
  struct Arrival {
    std::shared_ptr<Request> request;
    std::size_t missing = 0;
    bool has_ended = false;  // taken out or failed: what still comes for it is of no use
  };
  using ArrivalPtr = std::shared_ptr<Arrival>;
  using Line = std::deque<ArrivalPtr>;
  struct Wanted {
    std::vector<ArrivalPtr> arrivals;
    std::optional<Time> due;  // until it is overdue
  };

  void look_for_buffers(const ArrivalPtr& arrival, Time now, Effects& effects);
  static void fill(Arrival& arrival, const std::string& id, const KeptPtr& kept, Effects& effects);
  static void fail(Arrival& arrival, const std::string& why, Effects& effects);
  void advance_all(Effects& effects);
  static void advance(Line& line, Effects& effects);

  const Find find_;
  std::unordered_map<std::string, Line> lines_;     // by the way they came; none is empty
  std::unordered_map<std::string, Wanted> wanted_;  // by the buffer's id
};

}  // namespace engineroom::engine
