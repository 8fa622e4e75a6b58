// engine/inputs.h — requests that wait for the results that they are given.
//
// A pure state machine: a request is parked until each of its inputs is here, has failed, or cannot
// be had. It says what is to be fetched and which requests are ready; exchange.h does it. While a
// request waits here, others run: nothing of this touches Python.
//
// Threads: the I/O thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/request.h"
#include "engine/result_shelf.h"

namespace engineroom::engine {

class Inputs {
 public:
  // In the order in which it came about.
  struct Effects {
    std::vector<InputPlace> fetch;                // then on_result() or on_missing()
    std::vector<std::shared_ptr<Request>> ready;  // all inputs are here
    struct Failure {
      std::shared_ptr<Request> request;
      std::string input;
      KeptPtr kept;     // what the input said; null: it cannot be had,
      std::string why;  // because of this
    };
    std::vector<Failure> failed;
  };

  // A result that is here; null if it is not.
  using Find = std::function<KeptPtr(std::string_view msg_id)>;
  explicit Inputs(Find find) : find_(std::move(find)) {}

  // REQUIRES: the request has inputs.
  void park(std::shared_ptr<Request> request, Effects& effects);
  void on_result(const std::string& input, const KeptPtr& kept, Effects& effects);
  void on_missing(const std::string& input, const std::string& why, Effects& effects);

  // Takes out the requests with these ids, or all.
  std::vector<std::shared_ptr<Request>> take(const std::vector<std::string>& msg_ids);
  std::vector<std::shared_ptr<Request>> take_all();

  std::vector<std::string> msg_ids() const;
  // A request with this id waits here.
  bool holds(const std::string& msg_id) const { return parked_.contains(msg_id); }
  bool is_wanted(const std::string& input) const { return waiting_.contains(input); }
  // The id of a request that waits for this input; "" if none does any more.
  std::string find_waiting(const std::string& input) const;

 private:
  struct Parked {
    std::shared_ptr<Request> request;
    std::size_t missing = 0;
    bool ended = false;  // taken out, ready or failed: what still comes for it is of no use
  };
  using ParkedPtr = std::shared_ptr<Parked>;

  std::vector<ParkedPtr> take_waiting(const std::string& input);
  void end(Parked& parked);

  const Find find_;
  std::unordered_map<std::string, ParkedPtr> parked_;                // by the request's id
  std::unordered_map<std::string, std::vector<ParkedPtr>> waiting_;  // by the input's id
};

}  // namespace engineroom::engine
