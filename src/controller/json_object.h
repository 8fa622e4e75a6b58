// controller/json_object.h — the few fields that the controller reads out of a message's JSON
// frames.
//
// A thin view over simdjson's object: a missing field and one of the wrong type are both "nullopt",
// because to the controller they are the same thing. Valid as long as the parse it came from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "base/json.h"

namespace engineroom::controller {

class JsonObject {
 public:
  explicit JsonObject(simdjson::dom::object object) : object_(object) {}

  std::optional<std::string_view> text(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<simdjson::dom::array> array(std::string_view key) const;
  std::optional<JsonObject> object(std::string_view key) const;
  std::optional<simdjson::dom::element> element(std::string_view key) const;
  // The strings of an array, or the one string that stands for it; anything else in it is left out.
  std::vector<std::string> texts(std::string_view key) const;
  // The value as JSON text, `fallback` if absent.
  std::string json(std::string_view key, std::string_view fallback = "null") const;

 private:
  simdjson::dom::object object_;
};

// nullopt if `json` is no JSON object. Valid until `reader` parses again.
std::optional<JsonObject> read_object(JsonReader& reader, std::string_view json);

// `text`, or null if it is no JSON: records hold what came over the wire, and that must not spoil a
// whole reply.
void write_json(JsonWriter& w, JsonReader& checker, std::string_view text);

}  // namespace engineroom::controller
