// controller/queries.h — what clients ask on the registration channel: who is there, what is
// queued, what came of it.
//
// Every request gets one reply with the request's header as its parent; one that cannot be answered
// gets a "hub_error". The shapes are those of stock ipyparallel (reference:
// docs/dev/controller.md), whose client is the judge.
//
// A user of a cluster (user_scope.h) is told of their own tasks alone, by the ids that they know:
// those of others are unknown.
//
// Threads: the loop thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/core.h"
#include "controller/json_object.h"
#include "controller/record_queries.h"
#include "controller/user_scope.h"

namespace engineroom::controller {

class Queries {
 public:
  // Runs the task of a record again, and says under which id.
  using Resubmit = std::function<Result<std::string>(const store::Record& record, Time now)>;

  Queries(Core& core, Resubmit resubmit) : core_(core), resubmit_(std::move(resubmit)) {}

  // Queries of records that are answered at a time; more are refused.
  static constexpr std::size_t kMaxQueries = 100;

  // Answers any request but registrations and shutdown_request; queries of records perhaps later.
  void on_request(const wire::Message& request, const wire::Header& header, Time now);

  // A step of one query of records. They take turns, and messages come in between: it is due now.
  void on_time();
  std::optional<Time> next_deadline() const {
    return record_queries_.empty() ? std::nullopt : std::optional(Time{});
  }

 private:
  struct Answer {
    std::string type;
    std::string content;
    Frames buffers = {};
  };
  // Whom a reply goes to, and what it answers.
  struct Asker {
    Frames identities;
    Bytes parent_header;
  };
  struct RecordsAsked {
    Asker asker;
    RecordsQuery query;
  };

  void reply(const Asker& asker, Answer answer);
  // By value: the parser may be needed for other texts while the content is read. None: later.
  std::optional<Answer> answer(const wire::Message& request, const wire::Header& header, Time now);

  Answer connection() const;
  Answer queue_status(const JsonObject& content, const Scope& scope);
  Answer results(const JsonObject& content, const Scope& scope);
  Answer history(const Scope& scope) const;
  std::optional<Answer> records(const wire::Message& request, const JsonObject& content,
                                const Scope& scope);
  // A step; the answer when there is one.
  std::optional<Answer> advance(RecordsQuery& query);
  Answer resubmit(const JsonObject& content, const Scope& scope, Time now);
  Answer purge(const JsonObject& content, const Scope& scope);

  void write_queue(JsonWriter& w, const Engine& engine, const Scope& scope, bool verbose) const;
  bool write_result(JsonWriter& w, Frames& buffers, const std::string& msg_id, const Scope& scope);
  void purge_all(const Scope& scope);
  void purge_engine(std::string_view uuid, const Scope& scope);

  Core& core_;
  Resubmit resubmit_;
  // For texts out of the store, while core_.json holds the request.
  JsonReader checker_;
  std::deque<RecordsAsked> record_queries_;
};

}  // namespace engineroom::controller
