#include "store/sql.h"

#include "store/database.h"
#include "store/query.h"

#include <cstring>
#include <optional>

#include <simdjson.h>

namespace engineroom::store {
namespace {

using simdjson::dom::element;

// Fields that are a column of text or a time.
bool is_plain(const Condition& condition) {
  const FieldKind kind = kind_of(condition.field);
  return kind == FieldKind::kText || kind == FieldKind::kDate;
}

const char* sign_of(Operator op) {
  switch (op) {
    case Operator::kEq:
      return " = ";
    case Operator::kLt:
      return " < ";
    case Operator::kLte:
      return " <= ";
    case Operator::kGt:
      return " > ";
    case Operator::kGte:
      return " >= ";
    default:
      return nullptr;
  }
}

class Translator {
 public:
  explicit Translator(TextOrder order) : order_(order) {}

  void add(const Condition& condition) {
    if (!is_plain(condition)) return;
    const std::string column = to_string(condition.field);
    if (condition.op == Operator::kExists) {
      const bool exists = condition.operand.get_bool().value_unsafe();
      return add(column + (exists ? " IS NOT NULL" : " IS NULL"));
    }
    if (condition.op == Operator::kIn) return add_in(condition, column);
    const char* sign = sign_of(condition.op);
    if (sign == nullptr) return;
    const bool is_ordering = condition.op != Operator::kEq;
    if (is_ordering && order_ == TextOrder::kOther &&
        kind_of(condition.field) == FieldKind::kText) {
      return;
    }
    if (condition.operand.is_null()) {
      return add(condition.op == Operator::kEq ? column + " IS NULL" : "FALSE");
    }
    if (const auto value = operand(condition, condition.operand, 0)) {
      add(column + sign + bind(*value));
    } else {
      add("FALSE");  // a number is never equal to a text
    }
  }

  SqlCondition take() {
    if (out_.text.empty()) out_.text = "TRUE";
    return std::move(out_);
  }

 private:
  // PostgreSQL and SQLite both take tens of thousands of parameters; a longer list is looked
  // through here.
  static constexpr std::size_t kMaxList = 10'000;

  void add_in(const Condition& condition, const std::string& column) {
    const simdjson::dom::array list = condition.operand.get_array().value_unsafe();
    if (list.size() > kMaxList) return;
    std::string text = column + " IN (";
    bool has_null = false;
    bool has_value = false;
    std::size_t index = 0;
    for (const element each : list) {
      const auto value = operand(condition, each, index++);
      has_null = has_null || each.is_null();
      if (!value) continue;
      if (has_value) text += ", ";
      text += bind(*value);
      has_value = true;
    }
    text += ")";
    if (!has_value) return add(has_null ? column + " IS NULL" : "FALSE");
    add(has_null ? "(" + text + " OR " + column + " IS NULL)" : text);
  }

  static std::optional<SqlValue> operand(const Condition& condition, element value,
                                         std::size_t index) {
    if (kind_of(condition.field) == FieldKind::kDate) {
      if (index >= condition.dates.size() || !condition.dates[index]) return std::nullopt;
      return to_micros(*condition.dates[index]);
    }
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return std::nullopt;
    return std::string(text);
  }

  std::string bind(SqlValue value) {
    out_.values.push_back(std::move(value));
    return "$" + std::to_string(out_.values.size());
  }

  void add(const std::string& text) {
    if (!out_.text.empty()) out_.text += " AND ";
    out_.text += text;
  }

  TextOrder order_;
  SqlCondition out_;
};

void append_number(std::string& out, std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(number >> shift));
}

std::optional<std::uint64_t> take_number(std::string_view& blob) {
  if (blob.size() < 8) return std::nullopt;
  std::uint64_t number = 0;
  for (int i = 7; i >= 0; --i) number = number << 8 | static_cast<unsigned char>(blob[i]);
  blob.remove_prefix(8);
  return number;
}

// `frame_of(bytes)` makes a frame of them.
template <typename FrameOf>
Result<Frames> unpack(std::string_view blob, FrameOf frame_of) {
  const auto malformed = [] {
    return Status(ErrorCode::kMalformed, "buffers of a record are damaged");
  };
  Frames frames;
  if (blob.empty()) return frames;
  const auto count = take_number(blob);
  if (!count || *count > blob.size() / 8) return malformed();
  std::string_view sizes = blob.substr(0, *count * 8);
  blob.remove_prefix(sizes.size());
  while (const auto size = take_number(sizes)) {
    if (*size > blob.size()) return malformed();
    frames.push_back(frame_of(blob.substr(0, *size)));
    blob.remove_prefix(*size);
  }
  if (!blob.empty()) return malformed();
  return frames;
}

}  // namespace

SqlCondition to_sql(const Query& query, TextOrder order) {
  Translator translator(order);
  for (const Condition& condition : query.conditions()) translator.add(condition);
  return translator.take();
}

SqlCondition to_sql(const Query& query, const Span& span, TextOrder order) {
  SqlCondition condition = to_sql(query, order);
  const auto add = [&condition](const char* comparison, const std::optional<WallTime>& when) {
    if (!when) return;
    condition.values.emplace_back(to_micros(*when));
    condition.text += comparison + std::to_string(condition.values.size());
  };
  add(" AND submitted > $", span.after);
  add(" AND submitted <= $", span.until);
  return condition;
}

std::string columns_without_buffers() {
  std::string text = kTaskColumns;
  for (const std::string_view name : {" buffers,", " result_buffers,"}) {
    text.replace(text.find(name), name.size(), " NULL,");
  }
  return text;
}

QueueKind parse_queue(std::string_view name) {
  for (const QueueKind queue : {QueueKind::kMux, QueueKind::kBroadcast}) {
    if (name == to_string(queue)) return queue;
  }
  return QueueKind::kTask;
}

std::int64_t to_micros(WallTime when) {
  return std::chrono::floor<std::chrono::microseconds>(when.time_since_epoch()).count();
}

WallTime from_micros(std::int64_t micros) { return WallTime(std::chrono::microseconds(micros)); }

std::string pack_sizes(const Frames& frames) {
  std::string out;
  if (frames.empty()) return out;
  append_number(out, frames.size());
  for (const Bytes& frame : frames) append_number(out, frame.size());
  return out;
}

std::size_t packed_size(const Frames& frames) {
  std::size_t size = frames.empty() ? 0 : 8 * (frames.size() + 1);
  for (const Bytes& frame : frames) size += frame.size();
  return size;
}

std::string pack_frames(const Frames& frames) {
  std::string out;
  out.reserve(packed_size(frames));
  out += pack_sizes(frames);
  for (const Bytes& frame : frames) out += frame.view();
  return out;
}

Result<Frames> unpack_frames(std::string_view blob) {
  return unpack(blob, [](std::string_view frame) { return Bytes::copy_of(frame); });
}

Result<Frames> unpack_frames(const Bytes& blob) {
  return unpack(blob.view(), [&blob](std::string_view frame) {
    return Bytes(blob.owner(), frame.data(), frame.size());
  });
}

}  // namespace engineroom::store
