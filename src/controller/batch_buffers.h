// controller/batch_buffers.h — large buffers that a client sends once for all requests of one call.
//
// A call of a direct view for 16 engines is 16 requests that follow each other on one connection.
// A client that has no lane (transport/lane.h) sends what they have in common with the first of
// them only; the others have empty frames in its place, which are filled here before anything else
// happens to them. So no other part knows of it.
//
//   "batch": {"id": …, "at": [position…], "others": n}   of the first: n others will take these
//   "batch": {"id": …, "at": [position…]}                of the others
//
// Pure: time is an argument. Threads: the loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/json.h"
#include "wire/message.h"

namespace engineroom::controller {

class BatchBuffers {
 public:
  // Of one client, whose threads may have several calls on their way; the oldest is forgotten.
  static constexpr std::size_t kMaxOfClient = 64;
  // Requests of a call follow each other; one that failed before it was sent never comes.
  static constexpr Duration kKeptFor = std::chrono::minutes(2);

  // A request of a client: remembers or fills in its buffers. False if they are not here.
  bool complete(wire::Message& request, JsonReader& json, Time now);

  void on_time(Time now);
  std::optional<Time> next_deadline() const;

  std::size_t size() const { return batches_.size(); }

 private:
  struct Batch {
    std::string client;
    std::string id;
    std::map<std::size_t, Bytes> buffers;  // by position
    std::uint64_t others = 0;
    Time used{};
  };
  struct Said;

  static std::optional<Said> read(const wire::Message& request, JsonReader& json);
  void remember(const wire::Message& request, const Said& said, Time now);
  bool fill(wire::Message& request, const Said& said, Time now);

  std::deque<Batch> batches_;  // least recently used first
};

}  // namespace engineroom::controller
