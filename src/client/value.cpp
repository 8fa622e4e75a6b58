#include "engineroom/value.h"

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

// Depth is bounded by the parser. False if a number is none of ours.
bool read(simdjson::dom::element element, Value& out) {
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::NULL_VALUE:
      return true;
    case Type::BOOL:
      out = bool(element);
      return true;
    case Type::INT64:
      out = std::int64_t(element);
      return true;
    case Type::UINT64:
      return false;
    case Type::DOUBLE:
      out = double(element);
      return true;
    case Type::STRING:
      out = std::string_view(element);
      return true;
    case Type::ARRAY: {
      Value::List list;
      for (const simdjson::dom::element item : simdjson::dom::array(element)) {
        if (!read(item, list.emplace_back())) return false;
      }
      out = std::move(list);
      return true;
    }
    case Type::OBJECT: {
      Value::Dict dict;
      for (const simdjson::dom::key_value_pair field : simdjson::dom::object(element)) {
        if (!read(field.value, dict[std::string(field.key)])) return false;
      }
      out = std::move(dict);
      return true;
    }
  }
  return false;
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
  Value value;
  if (!read(root.value(), value))
    return Status(ErrorCode::kMalformed, "JSON with an integer beyond 64 bits");
  return value;
}

}  // namespace engineroom
