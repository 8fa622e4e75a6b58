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
#include "controller/long_query.h"
#include "controller/resubmit_query.h"
#include "controller/user_scope.h"

namespace engineroom::controller {

class Queries {
 public:
  Queries(Core& core, ResubmitQuery::Resubmit resubmit)
      : core_(core), resubmit_(std::move(resubmit)) {}

  // Long ones that are answered at a time; more are refused.
  static constexpr std::size_t kMaxQueries = 100;

  // Answers any request but registrations and shutdown_request; what is about many records perhaps
  // later (long_query.h).
  void on_request(const wire::Message& request, const wire::Header& header, Time now);

  // A step of one long query. They take turns, and messages come in between: it is due now.
  void on_time(Time now);
  std::optional<Time> next_deadline() const {
    return asked_.empty() ? std::nullopt : std::optional(Time{});
  }

 private:
  // Whom a reply goes to, and what it answers.
  struct Asker {
    Frames identities;
    Bytes parent_header;
  };
  struct Asked {
    Asker asker;
    LongQueryPointer query;
  };

  void reply(const Asker& asker, Answer answer);
  // By value: the parser may be needed for other texts while the content is read. None: later.
  std::optional<Answer> answer(const wire::Message& request, const wire::Header& header, Time now);

  Answer connection() const;
  Answer queue_status(const JsonObject& content, const Scope& scope);
  // Null: it is no long query, or `refusal` says why not.
  LongQueryPointer long_query(const std::string& type, const JsonObject& content, Scope scope,
                              std::optional<Answer>& refusal) const;
  // A step at once; the answer, if that was all.
  std::optional<Answer> begin(const wire::Message& request, LongQueryPointer query, Time now);

  void write_queue(JsonWriter& w, const Engine& engine, const Scope& scope, bool verbose) const;

  Core& core_;
  ResubmitQuery::Resubmit resubmit_;
  // For texts out of the store, while core_.json holds the request.
  JsonReader checker_;
  std::deque<Asked> asked_;
};

}  // namespace engineroom::controller
