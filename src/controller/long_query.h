// controller/long_query.h — a client's question about many records, answered in steps.
//
// The loop that answers also passes on every task, so an answer must not keep it for long. Each
// step is a few milliseconds' work (store/store.h); Queries lets the questions take turns with each
// other and with all else. A question that one step answers is answered at once.
//
// What such a question sees: the records that there are when its first step is made, each as it is
// in its own step. So a task may end between the two, and one that is purged in between is missing.
//
// Threads: the loop thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/message_maker.h"
#include "store/store.h"

namespace engineroom::controller {

struct Answer {
  std::string type;
  std::string content;
  Frames buffers = {};
};

class LongQuery {
 public:
  // A reply is no larger: it is held in memory, here and by whoever asked.
  static constexpr std::size_t kMaxReplyBytes = std::size_t{512} << 20;

  // What a step is made with. `checker` is for texts out of the store.
  struct Turn {
    store::Store& store;
    JsonReader& checker;
    Time now;
  };

  // "result_reply"
  explicit LongQuery(std::string reply_type) : reply_type_(std::move(reply_type)) {}
  virtual ~LongQuery() = default;
  LongQuery(const LongQuery&) = delete;
  LongQuery& operator=(const LongQuery&) = delete;

  // A step; the answer when there is one, which ends it.
  virtual std::optional<Answer> step(const Turn& turn) = 0;

  Answer reply(std::string content, Frames buffers = {}) const {
    return {reply_type_, std::move(content), std::move(buffers)};
  }
  Answer failure(const RemoteError& error) const { return reply(to_content(error)); }
  Answer failure(const Status& status) const { return failure({"ValueError", status.message()}); }
  // `what` are too many, and what to do.
  Answer too_large(const std::string& what, const std::string& remedy) const;

 private:
  std::string reply_type_;
};

using LongQueryPointer = std::unique_ptr<LongQuery>;

}  // namespace engineroom::controller
