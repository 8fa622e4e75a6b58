#include "controller/records_query.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "base/clock.h"
#include "controller/user_messages.h"
#include "store/query.h"
#include "store/selection.h"

namespace engineroom::controller {
namespace {

constexpr const char* kReply = "db_reply";

using store::Field;
using store::FieldKind;

// Which fields of each record are asked for.
struct Keys {
  std::vector<Field> fields;
  bool buffers = false;
  bool result_buffers = false;
};

Result<Keys> read_keys(const JsonObject& content) {
  Keys keys;
  const auto asked = content.element("keys");
  if (!asked || asked->is_null()) {
    for (const Field field : store::all_fields()) {
      if (kind_of(field) != FieldKind::kBuffers) keys.fields.push_back(field);
    }
    return keys;
  }
  keys.fields.push_back(Field::kMsgId);
  for (const std::string& name : content.texts("keys")) {
    const auto field = store::parse_field(name);
    if (!field) {
      return Status{ErrorCode::kInvalidArgument, "keys: records have no field '" + name + "'"};
    }
    keys.buffers = keys.buffers || *field == Field::kBuffers;
    keys.result_buffers = keys.result_buffers || *field == Field::kResultBuffers;
    const bool is_new =
        std::find(keys.fields.begin(), keys.fields.end(), *field) == keys.fields.end();
    if (is_new && kind_of(*field) != FieldKind::kBuffers) keys.fields.push_back(*field);
  }
  return keys;
}

void write_field(JsonWriter& w, JsonReader& checker, const store::Record& record, Field field) {
  w.key(to_string(field));
  switch (kind_of(field)) {
    case FieldKind::kText:
      if (const auto text = text_of(record, field)) {
        w.value(*text);
      } else {
        w.null();
      }
      return;
    case FieldKind::kDate:
      if (const auto date = date_of(record, field)) {
        w.value(iso8601(*date));
      } else {
        w.null();
      }
      return;
    case FieldKind::kJson:
      return write_json(w, checker, json_of(record, field));
    case FieldKind::kBuffers:
      return;
  }
}

struct RecordsReply {
  std::string content;
  Frames buffers;
};

class ReplyWriter {
 public:
  explicit ReplyWriter(Keys keys) : keys_(std::move(keys)) {
    w_.begin_object().key("status").value("ok").key("records").begin_array();
  }

  void add(const store::Record& record, JsonReader& checker) {
    w_.begin_object();
    for (const Field field : keys_.fields) write_field(w_, checker, record, field);
    w_.end_object();
    if (keys_.buffers) add(record.buffers, lengths_);
    if (keys_.result_buffers) add(record.result_buffers, result_lengths_);
  }

  std::size_t bytes() const { return w_.str().size() + buffer_bytes_; }

  RecordsReply finish() {
    w_.end_array();
    write_lengths("buffer_lens", keys_.buffers, lengths_);
    write_lengths("result_buffer_lens", keys_.result_buffers, result_lengths_);
    w_.end_object();
    return {w_.take(), std::move(buffers_)};
  }

 private:
  void add(const Frames& buffers, std::vector<std::size_t>& lengths) {
    lengths.push_back(buffers.size());
    buffers_.insert(buffers_.end(), buffers.begin(), buffers.end());
    for (const Bytes& buffer : buffers) buffer_bytes_ += buffer.size();
  }

  void write_lengths(std::string_view key, bool wanted, const std::vector<std::size_t>& lengths) {
    w_.key(key);
    if (!wanted) {
      w_.null();
      return;
    }
    w_.begin_array();
    for (const std::size_t length : lengths) w_.value(std::uint64_t{length});
    w_.end_array();
  }

  Keys keys_;
  JsonWriter w_;
  Frames buffers_;
  std::size_t buffer_bytes_ = 0;
  std::vector<std::size_t> lengths_;
  std::vector<std::size_t> result_lengths_;
};

// ---- ids as a user knows them ----

bool names_a_task(std::string_view key) {
  return key == "msg_id" || key == "resubmitted" || key == "header.msg_id";
}

// An operand that is compared with ids: a text, or a list of texts. (A common prefix changes no
// order, and means itself in a pattern.)
void write_operand(JsonWriter& w, simdjson::dom::element operand, const Scope& scope) {
  std::string_view text;
  simdjson::dom::array list;
  simdjson::dom::object operators;
  if (operand.get(text) == simdjson::SUCCESS) {
    w.value(scope.inside(text));
  } else if (operand.get(list) == simdjson::SUCCESS) {
    w.begin_array();
    for (const simdjson::dom::element each : list) write_operand(w, each, scope);
    w.end_array();
  } else if (operand.get(operators) == simdjson::SUCCESS) {
    w.begin_object();
    for (const simdjson::dom::key_value_pair each : operators) {
      write_operand(w.key(each.key), each.value, scope);
    }
    w.end_object();
  } else {
    w.raw(simdjson::minify(operand));
  }
}

// The query as the store is to get it. What is no query stays as it is: the store says what is
// wrong with it.
std::string inner_query(const JsonObject& content, const Scope& scope) {
  const std::string query = content.json("query", "{}");
  simdjson::dom::object conditions;
  const auto given = content.element("query");
  if (scope.is_everything() || (given && given->get(conditions) != simdjson::SUCCESS)) return query;
  JsonWriter w;
  w.begin_object();
  bool has_id = false;
  if (given) {
    for (const simdjson::dom::key_value_pair each : conditions) {
      w.key(each.key);
      has_id = has_id || each.key == "msg_id";
      if (names_a_task(each.key)) {
        write_operand(w, each.value, scope);
      } else {
        w.raw(simdjson::minify(each.value));
      }
    }
  }
  // For speed alone: what is not theirs is left out below in any case.
  if (!has_id) {
    w.key("msg_id").begin_object().key("$glob").value(scope.prefix() + "*").end_object();
  }
  w.end_object();
  return w.take();
}

// As its user knows it; nullopt if it is somebody else's.
std::optional<store::Record> outer_record(store::Record record, const Scope& scope) {
  const auto msg_id = scope.outside(record.msg_id);
  if (!msg_id) return std::nullopt;
  record.header = unmarked_header(record.header, scope);
  record.resubmitted = std::string(scope.outside(record.resubmitted).value_or(""));
  record.msg_id = std::string(*msg_id);
  return record;
}

}  // namespace

struct RecordsQuery::State {
  State(store::Query parsed, Keys keys, Scope whose)
      : query(std::move(parsed)),
        selection(query),
        writer(std::move(keys)),
        scope(std::move(whose)) {}

  store::Query query;
  store::Selection selection;
  ReplyWriter writer;
  Scope scope;
};

RecordsQuery::RecordsQuery(std::unique_ptr<State> state)
    : LongQuery(kReply), state_(std::move(state)) {}
RecordsQuery::~RecordsQuery() = default;

Result<LongQueryPointer> RecordsQuery::parse(const JsonObject& content, Scope scope) {
  Result<store::Query> query = store::Query::parse(inner_query(content, scope));
  if (!query.ok()) return query.status();
  Result<Keys> keys = read_keys(content);
  if (!keys.ok()) return keys.status();
  if (!keys.value().buffers && !keys.value().result_buffers) query.value().leave_out_buffers();
  return LongQueryPointer(
      new RecordsQuery(std::make_unique<State>(query.take(), keys.take(), std::move(scope))));
}

std::optional<Answer> RecordsQuery::step(const Turn& turn) {
  State& state = *state_;
  const auto add = [&](const store::Record& record) {
    if (state.scope.is_everything()) {
      state.writer.add(record, turn.checker);
    } else if (const auto theirs = outer_record(record, state.scope)) {
      state.writer.add(*theirs, turn.checker);
    }
    return state.writer.bytes() <= kMaxReplyBytes;
  };
  if (Status status = state.selection.step(turn.store, add); !status.ok()) return failure(status);
  if (state.writer.bytes() > kMaxReplyBytes) {
    return too_large("the records found",
                     "ask for fewer, such as those submitted since a time, or for some of their "
                     "keys");
  }
  if (!state.selection.is_done()) return std::nullopt;
  RecordsReply found = state.writer.finish();
  return reply(std::move(found.content), std::move(found.buffers));
}

}  // namespace engineroom::controller
