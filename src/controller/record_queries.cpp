#include "controller/record_queries.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/clock.h"

namespace engineroom::controller {
namespace {

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

class ReplyWriter {
 public:
  ReplyWriter(const Keys& keys, JsonReader& checker) : keys_(keys), checker_(checker) {
    w_.begin_object().key("status").value("ok").key("records").begin_array();
  }

  void add(const store::Record& record) {
    w_.begin_object();
    for (const Field field : keys_.fields) write_field(w_, checker_, record, field);
    w_.end_object();
    if (keys_.buffers) add(record.buffers, lengths_);
    if (keys_.result_buffers) add(record.result_buffers, result_lengths_);
  }

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

  const Keys& keys_;
  JsonReader& checker_;
  JsonWriter w_;
  Frames buffers_;
  std::vector<std::size_t> lengths_;
  std::vector<std::size_t> result_lengths_;
};

}  // namespace

void write_json(JsonWriter& w, JsonReader& checker, std::string_view text) {
  if (!text.empty() && checker.parse(text).ok()) {
    w.raw(text);
  } else {
    w.null();
  }
}

Result<RecordsReply> find_records(const store::Store& store, JsonReader& checker,
                                  const JsonObject& content) {
  Result<store::Query> query = store::Query::parse(content.json("query", "{}"));
  if (!query.ok()) return query.status();
  const Result<Keys> keys = read_keys(content);
  if (!keys.ok()) return keys.status();
  ReplyWriter writer(keys.value(), checker);
  const Status status = store.select(query.value(), [&writer](const store::Record& record) {
    writer.add(record);
    return true;
  });
  if (!status.ok()) return status;
  return writer.finish();
}

}  // namespace engineroom::controller
