#include "controller/json_object.h"

namespace engineroom::controller {
namespace {

template <typename T>
std::optional<T> get(const simdjson::dom::object& object, std::string_view key) {
  T value;
  if (object.at_key(key).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string_view> JsonObject::text(std::string_view key) const {
  return get<std::string_view>(object_, key);
}

std::optional<bool> JsonObject::flag(std::string_view key) const { return get<bool>(object_, key); }

std::optional<std::int64_t> JsonObject::integer(std::string_view key) const {
  return get<std::int64_t>(object_, key);
}

std::optional<double> JsonObject::number(std::string_view key) const {
  return get<double>(object_, key);
}

std::optional<simdjson::dom::array> JsonObject::array(std::string_view key) const {
  return get<simdjson::dom::array>(object_, key);
}

std::optional<JsonObject> JsonObject::object(std::string_view key) const {
  const auto object = get<simdjson::dom::object>(object_, key);
  if (!object) return std::nullopt;
  return JsonObject(*object);
}

std::optional<simdjson::dom::element> JsonObject::element(std::string_view key) const {
  return get<simdjson::dom::element>(object_, key);
}

std::vector<std::string> JsonObject::texts(std::string_view key) const {
  std::vector<std::string> texts;
  if (const auto single = text(key)) texts.emplace_back(*single);
  if (const auto list = array(key)) {
    for (const simdjson::dom::element item : *list) {
      std::string_view value;
      if (item.get(value) == simdjson::SUCCESS) texts.emplace_back(value);
    }
  }
  return texts;
}

std::string JsonObject::json(std::string_view key, std::string_view fallback) const {
  const auto value = element(key);
  return value ? simdjson::minify(*value) : std::string(fallback);
}

std::optional<JsonObject> read_object(JsonReader& reader, std::string_view json) {
  Result<simdjson::dom::element> root = reader.parse(json);
  if (!root.ok()) return std::nullopt;
  simdjson::dom::object object;
  if (root.value().get(object) != simdjson::SUCCESS) return std::nullopt;
  return JsonObject(object);
}

void write_json(JsonWriter& w, JsonReader& checker, std::string_view text) {
  if (!text.empty() && checker.parse(text).ok()) {
    w.raw(text);
  } else {
    w.null();
  }
}

}  // namespace engineroom::controller
