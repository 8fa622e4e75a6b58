// engine/arrivals.h — requests of which a buffer is still on its way to this host, and all that
// came after them.
//
// A large buffer that several engines of a host are given comes to one of them, and the others get
// it from there (docs/dev/host_buffers.md). Until a request has all of its buffers it waits here;
// and so does whatever came later by the same way (direct, balanced, broadcast: each a connection
// of its own), because requests run in the order in which they came. Those that came another way
// overtake, as they always may.
//
// The engine that has a buffer, or is being sent it, is asked again and again for one of those that
// it should have, and says each time that it is coming. One that does not, four times in a row, has
// stopped: then, or when it is gone, or when all of this takes too long, the controller is asked,
// and gives the bytes or says who else gets them:
//
//   asks an engine ──(failed: gone, silent, does not have it, takes too long)──► asks the
//   controller
//         ▲                                                                             │
//         └───────────────────────── on_elsewhere(): another engine ────────────────────┘
//
// A pure state machine: it says what is to be fetched and which requests are ready; exchange.h does
// it. Threads: the I/O thread only.
#pragma once

#include <cstddef>
#include <cstdint>
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
  // How often an engine is asked again. Without an answer to so many questions it has stopped.
  static constexpr Duration kProbe = std::chrono::milliseconds(500);
  static constexpr int kProbes = 4;
  // It is given longer for what is larger, as it may be busy with just that (signatures, copies);
  // much longer where the bytes themselves, encrypted, are before its next word.
  static constexpr std::uint64_t kBytesPerSecond = std::uint64_t{256} << 20;
  static constexpr std::uint64_t kEncryptedBytesPerSecond = std::uint64_t{16} << 20;

  // In the order in which it came about.
  struct Effects {
    std::vector<wire::HostBuffer> fetch;          // from its holder: on_…() say what became of it
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
  // `self`: this engine's uuid.
  Arrivals(Find find, std::string self, std::uint64_t bytes_per_second = kBytesPerSecond)
      : find_(std::move(find)), self_(std::move(self)), bytes_per_second_(bytes_per_second) {}

  // If so, what needs no buffers need not come here.
  bool empty() const { return lines_.empty(); }
  void add(std::shared_ptr<Request> request, Time now, Effects& effects);
  void on_buffer(const std::string& id, const KeptPtr& kept, Effects& effects);
  void on_missing(const std::string& id, const std::string& why, Effects& effects);
  // The engine at this address has said something.
  void on_heard(const std::string& address);
  // It does not have it, or is gone. Its uuid, if it is the one that is asked: the controller is to
  // be, now.
  std::optional<std::string> on_failed(const std::string& id, std::string_view address);
  // The controller says who gets it.
  void on_elsewhere(const std::string& id, const wire::HostBuffer::Holder& holder, Time now,
                    Effects& effects);

  struct Failed {
    std::string id;
    std::string holder;  // uuid
  };
  struct Due {
    std::vector<wire::HostBuffer> probe;  // to be asked for once more: one of each engine
    std::vector<Failed> failed;           // each once: the controller is to be asked
  };
  Due take_due(Time now);
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
  // Who is asked for a buffer.
  struct Source {
    wire::HostBuffer::Holder holder;
    Time due{};  // to have given it
  };
  // Of an engine that is asked.
  struct Watch {
    Time probe{};
    int unanswered = 1;
  };
  struct Wanted {
    std::vector<ArrivalPtr> arrivals;
    std::optional<Source> source;  // none: the controller
  };

  Duration probe_interval(const wire::HostBuffer::Holder& holder) const;
  Source source_of(const wire::HostBuffer::Holder& holder, Time now);
  Source* find_source(const std::string& id, std::string_view address);
  void look_for_buffers(const ArrivalPtr& arrival, Time now, Effects& effects);
  std::vector<ArrivalPtr> forget(const std::string& id);
  static void fill(Arrival& arrival, const std::string& id, const KeptPtr& kept, Effects& effects);
  static void fail(Arrival& arrival, const std::string& why, Effects& effects);
  void advance_all(Effects& effects);
  static void advance(Line& line, Effects& effects);

  const Find find_;
  const std::string self_;
  const std::uint64_t bytes_per_second_;
  std::unordered_map<std::string, Line> lines_;     // by the way they came; none is empty
  std::unordered_map<std::string, Wanted> wanted_;  // by the buffer's id
  // By address; not this engine itself, which gets what it is sent another way. Empty if wanted_
  // is.
  std::unordered_map<std::string, Watch> watched_;
};

}  // namespace engineroom::engine
