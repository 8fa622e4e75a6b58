#include "engineroom/value.h"

#include <optional>
#include <utility>

#include <simdjson.h>

#include "base/json.h"

namespace engineroom {
namespace {

void write(JsonWriter& w, const Value& value) {
  if (value.is_null()) {
    w.null();
  } else if (value.is_bool()) {
    w.value(value.as_bool());
  } else if (value.is_int()) {
    w.value(value.as_int());
  } else if (value.is_double()) {
    w.value(value.as_double());
  } else if (value.is_string()) {
    w.value(value.as_string());
  } else if (value.is_list()) {
    w.begin_array();
    for (const Value& item : value.as_list()) write(w, item);
    w.end_array();
  } else {
    w.begin_object();
    for (const auto& [key, item] : value.as_dict()) write(w.key(key), item);
    w.end_object();
  }
}

std::optional<Value> read(simdjson::dom::element element);

std::optional<Value> read_list(const simdjson::dom::array& array) {
  Value::List list;
  for (const simdjson::dom::element item : array) {
    std::optional<Value> value = read(item);
    if (!value) return std::nullopt;
    list.push_back(std::move(*value));
  }
  return Value(std::move(list));
}

std::optional<Value> read_dict(const simdjson::dom::object& object) {
  Value::Dict dict;
  for (const simdjson::dom::key_value_pair field : object) {
    std::optional<Value> value = read(field.value);
    if (!value) return std::nullopt;
    dict.insert_or_assign(std::string(field.key), std::move(*value));
  }
  return Value(std::move(dict));
}

// Depth is bounded by the parser. Nullopt if a number is none of ours.
std::optional<Value> read(simdjson::dom::element element) {
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::NULL_VALUE:
      return Value();
    case Type::BOOL:
      return Value(bool(element));
    case Type::INT64:
      return Value(std::int64_t(element));
    case Type::UINT64:
      return std::nullopt;
    case Type::DOUBLE:
      return Value(double(element));
    case Type::STRING:
      return Value(std::string_view(element));
    case Type::ARRAY:
      return read_list(simdjson::dom::array(element));
    case Type::OBJECT:
      return read_dict(simdjson::dom::object(element));
  }
  return std::nullopt;
}

}  // namespace

std::string Value::to_json() const {
  JsonWriter w;
  write(w, *this);
  return w.take();
}

Result<Value> Value::from_json(std::string_view json) {
  JsonReader reader;
  Result<simdjson::dom::element> root = reader.parse(json);
  if (!root.ok()) return root.status();
  std::optional<Value> value = read(root.value());
  if (!value) return Status(ErrorCode::kMalformed, "JSON with an integer beyond 64 bits");
  return std::move(*value);
}

}  // namespace engineroom
