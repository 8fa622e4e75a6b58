// controller/receipts.h — which replies have been received, to be told to the engines now and then:
// they keep a reply until then, and send it again to a controller that was started anew.
//
// Pure: time is an argument. Threads: the loop thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "controller/registry.h"

namespace engineroom::controller {

class Receipts {
 public:
  static constexpr Duration kEvery = std::chrono::milliseconds(100);
  static constexpr std::size_t kMany = 512;

  void note(std::string_view engine_uuid, std::string msg_id, Time now) {
    auto found = waiting_.find(engine_uuid);
    if (found == waiting_.end()) found = waiting_.try_emplace(std::string(engine_uuid)).first;
    std::vector<std::string>& msg_ids = found->second;
    msg_ids.push_back(std::move(msg_id));
    if (!due_) due_ = now + kEvery;
    if (msg_ids.size() >= kMany) due_ = now;
  }
  void forget(const std::string& engine_uuid) { waiting_.erase(engine_uuid); }

  std::optional<Time> next_deadline() const { return due_; }
  // What is to be told, by engine; nothing before next_deadline().
  StringMap<std::vector<std::string>> take(Time now) {
    if (!due_ || now < *due_) return {};
    due_.reset();
    return std::exchange(waiting_, {});
  }

 private:
  StringMap<std::vector<std::string>> waiting_;
  std::optional<Time> due_;
};

}  // namespace engineroom::controller
