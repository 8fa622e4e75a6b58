// controller/result_relay.h — results that are arguments, for engines that do not reach the engine
// which has them: on another host, say, or gone.
//
// An engine asks for a piece of a result; the controller passes the question on to the engine that
// has it, and its answer back; what no engine has any more comes from the records. How large pieces
// are and how many are on their way is up to who asks (engine/transfer.h), so that what passes
// through here is bounded by that, and whoever waits for a gigabyte delays nobody.
//
//   asking engine                     controller                     engine that has it
//     result_request {id, task, …}  →   is it an input of a task       →  result_request {…, asker}
//                                       that this engine has?
//     result_reply, a piece         ←                                  ←  result_reply, a piece
//
// An engine gets nothing but the inputs of tasks that it was sent. Whatever is lost on the way is
// asked for again by who needs it.
//
// Large buffers that an engine should have been given by another one of its host (host_buffers.h)
// are asked for in the same way; the answer may be that a third one gets it, and is to be asked.
//
// Threads: the loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "controller/core.h"

namespace engineroom::controller {

class ResultRelay {
 public:
  // Who has the result `input` that `task`, which is with engine `at`, is given: null if no engine;
  // nullopt if that task is given no such thing.
  using FindHolder = std::function<std::optional<const Engine*>(
      std::string_view task, std::string_view input, EngineId at)>;

  // Largest piece that is asked for or given from the records, and questions that wait.
  static constexpr std::uint64_t kMaxPiece = 4u << 20;
  static constexpr std::size_t kMaxWaiting = 100'000;
  // Records that are being read: not fetched anew for each piece.
  static constexpr std::size_t kKeptBytes = std::size_t{256} << 20;
  static constexpr Duration kKeptFor = std::chrono::seconds(5);

  ResultRelay(Core& core, FindHolder find_holder)
      : core_(core), find_holder_(std::move(find_holder)) {}

  void on_question(const wire::Message& message, Time now);
  void on_answer(wire::Message message, Time now);
  void on_engine_lost(const Engine& engine, Time now);

  void on_time(Time now);
  std::optional<Time> next_deadline() const;

 private:
  struct Piece {
    std::string id;
    std::uint64_t from = 0;
    std::uint64_t bytes = 0;
  };
  // By who asks, for what, from where.
  using Key = std::tuple<std::string, std::string, std::uint64_t>;
  struct Waiting {
    EngineId holder;
    std::uint64_t bytes;
  };
  // A result in the records.
  struct Recorded {
    std::string id;
    bool ok;
    std::string content;
    Frames buffers;
    Time used;
    std::size_t bytes() const;
  };

  void pass_on(const Engine& asker, const Engine& holder, const Piece& piece);
  void answer_from_buffers(const Engine& asker, const Piece& piece, std::string_view failed);
  void answer_with_place(const Engine& asker, const Piece& piece,
                         const wire::HostBuffer::Holder& holder);
  void answer_from_records(const Engine& asker, const Piece& piece, Time now);
  void answer(const Engine& asker, const Piece& piece, std::string_view status,
              std::string_view why);
  void tell(const Engine& asker, std::string content, Frames buffers);
  const Recorded* find_recorded(const std::string& id, Time now);

  Core& core_;
  const FindHolder find_holder_;
  std::map<Key, Waiting> waiting_;
  std::deque<Recorded> recorded_;  // least recently used first
};

}  // namespace engineroom::controller
