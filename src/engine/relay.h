// engine/relay.h — the way for results by the controller, where engines do not reach each other.
//
// Engines of different hosts have no connection but the one to their controller, which passes
// questions and answers on (controller/result_relay.h), and has records of results that no engine
// has any more. Results come in pieces, of which few are on their way: the controller holds no more
// of them, and the connection that they use (the registration's) carries nothing that is in a
// hurry.
//
// Messages may be lost: the controller may be started anew, a connection may break. Whatever is not
// answered is asked for again after a while, more and more seldom, as a result may also simply not
// be there yet.
//
// Pure but for `send`. Threads: the I/O thread only.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <simdjson.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/result_shelf.h"
#include "engine/transfer.h"
#include "wire/message.h"

namespace engineroom::engine {

class Relay {
 public:
  // To the controller.
  using Send = std::function<void(std::string_view type, std::string content, Frames buffers)>;
  // The id of a request that waits here for this result; "" if none does.
  using FindTask = std::function<std::string(const std::string& msg_id)>;

  // Pieces on their way to this engine, besides the first, small one of each result.
  static constexpr std::size_t kAhead = 8;
  static constexpr Duration kAskAgain = std::chrono::seconds(10);
  static constexpr Duration kAskAgainAtMost = std::chrono::seconds(60);

  Relay(Send send, FindTask find_task) : send_(std::move(send)), find_task_(std::move(find_task)) {}

  // ---- our own questions ----

  // `recorded`: engines need not be asked. `failed`: the uuid of an engine that should have had it.
  void ask(const std::string& msg_id, bool recorded, Time now, std::string failed = {});
  // What has become of a result, once that is known.
  std::optional<Answer> on_answer(const wire::Message& message, Time now);
  // Everything that is not answered yet: there may be another controller.
  void ask_again(Time now);
  void clear();

  void on_time(Time now);
  std::optional<Time> deadline() const;

  // ---- those of others ----

  struct Question {
    std::string msg_id;
    std::string asker;
    std::uint64_t from = 0;
    std::uint64_t bytes = 0;

    bool is_same(const Question& other) const {
      return msg_id == other.msg_id && asker == other.asker && from == other.from;
    }
  };
  std::optional<Question> read_question(const wire::Message& message);
  // `kept` null: it is not to be had, because of `why`.
  void answer(const Question& question, const KeptPtr& kept, std::string_view why);

 private:
  struct Pending {
    std::string task;  // that needs it
    bool recorded = false;
    std::string failed;
    Transfer transfer;
    Time again{};
    Duration patience{};
  };
  using PendingPlace = std::unordered_map<std::string, Pending>::iterator;

  void send_question(const std::string& msg_id, const Pending& pending, Transfer::Range range);
  void send_outstanding(const std::string& msg_id, Pending& pending, Time now);
  std::optional<Answer> add_piece(PendingPlace place, const simdjson::dom::element& content,
                                  const Frames& buffers, Time now);
  Answer end(PendingPlace place, KeptPtr kept, std::string why);
  void ask_for_more();

  const Send send_;
  const FindTask find_task_;
  std::unordered_map<std::string, Pending> pending_;  // by the id of the result
  std::deque<std::string> begun_;                     // of which there may be more to ask for
  std::size_t ahead_ = 0;
  JsonReader json_;
};

}  // namespace engineroom::engine
