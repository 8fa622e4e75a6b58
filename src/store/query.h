// store/query.h — which records a db_request asks for, in the manner of MongoDB.
//
//   {"engine_uuid": "…", "submitted": {"$gte": "2026-11-21T05:57:34Z"}, "header.msg_type": "…"}
//
// All conditions must hold. A value is equality; an object of operators is each of them:
//
//   $eq $ne                equal, or not; null is equal to a field that is missing
//   $lt $lte $gt $gte      order of dates, texts and numbers; a missing field is in no order
//   $in $nin               equal to one of a list, or to none
//   $all                   the field's list has each of these
//   $mod: [d, r]           the field's number divided by d leaves r (as Python's %)
//   $exists: true          the field is not null (false: it is)
//   $glob                  a shell pattern (* ? [seq] [!seq]), case-sensitive, as Python's fnmatch
//
// Dates are ISO 8601 texts. Behind a JSON field a path may follow, name by name: "metadata.label".
// An object that holds no operator is compared as a whole.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <simdjson.h>

#include "base/json.h"
#include "base/status.h"
#include "store/record.h"
#include "store/record_fields.h"

namespace engineroom::store {

enum class Operator : std::uint8_t {
  kEq,
  kNe,
  kLt,
  kLte,
  kGt,
  kGte,
  kIn,
  kNin,
  kAll,
  kMod,
  kExists,
  kGlob,
};

struct Condition {
  Field field = Field::kMsgId;
  std::vector<std::string> path;  // below a JSON field
  Operator op = Operator::kEq;
  simdjson::dom::element operand;
  // The operand of a date field, or each date of its list. A null is nullopt.
  std::vector<std::optional<WallTime>> dates;
  // Of $in and $nin: the texts of the list, which may be many.
  std::shared_ptr<const std::unordered_set<std::string_view>> texts;
};

class Query {
 public:
  // Matches every record.
  Query();
  Query(Query&&) noexcept;
  Query& operator=(Query&&) noexcept;
  ~Query();

  // kInvalidArgument names the condition and what would be right.
  static Result<Query> parse(std::string_view json);
  // Matches the records with these ids.
  static Query of_ids(std::span<const std::string> msg_ids);

  bool matches(const Record& record) const;
  const std::vector<Condition>& conditions() const { return conditions_; }
  // Whoever asks wants no buffers, which may be large and are then not read from a database, unless
  // a condition is about them.
  void leave_out_buffers();
  bool wants_buffers() const { return wants_buffers_; }
  // If only records of certain ids can match: these, in no order, without repetition.
  std::optional<std::vector<std::string>> msg_ids() const;

 private:
  Status add(std::string_view key, simdjson::dom::element value);
  Status add(Condition condition, std::string_view key, std::string_view op);

  bool wants_buffers_ = true;
  std::vector<Condition> conditions_;
  // The operands live in here; the other one is for the fields of records.
  std::unique_ptr<simdjson::dom::parser> operands_;
  std::unique_ptr<JsonReader> fields_;
};

}  // namespace engineroom::store
