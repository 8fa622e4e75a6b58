// engineroom/value.h — values as they travel between C++ and functions on engines: those of JSON,
// with integers apart from floating-point numbers, as in Python.
//
//   Value point = Value::Dict{{"x", 1.5}, {"tags", Value::List{"a", 2, nullptr}}};
//   point.as_dict().at("x").as_double();
//
// NaN and the infinities are not among them; nor are integers beyond 64 bits.
//
// Threads: a plain value, like std::string.
#pragma once

#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engineroom/status.h"

namespace engineroom {

class Value {
 public:
  using List = std::vector<Value>;
  using Dict = std::map<std::string, Value, std::less<>>;

  // From C++ values, implicitly: Value is what C++ arguments of remote functions become.
  // NOLINTBEGIN(google-explicit-constructor)
  Value() = default;
  Value(std::nullptr_t) {}
  Value(bool flag) : data_(flag) {}
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool> && !std::same_as<Integer, char>)
  Value(Integer number) : data_(static_cast<std::int64_t>(number)) {}
  Value(double number) : data_(number) {}
  Value(const char* text) : data_(std::string(text)) {}
  Value(std::string_view text) : data_(std::string(text)) {}
  Value(std::string text) : data_(std::move(text)) {}
  Value(List list) : data_(std::move(list)) {}
  Value(Dict dict) : data_(std::move(dict)) {}
  // NOLINTEND(google-explicit-constructor)

  bool is_null() const { return holds<std::monostate>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_int() const { return holds<std::int64_t>(); }
  bool is_double() const { return holds<double>(); }
  bool is_number() const { return is_int() || is_double(); }
  bool is_string() const { return holds<std::string>(); }
  bool is_list() const { return holds<List>(); }
  bool is_dict() const { return holds<Dict>(); }

  // REQUIRES: the value is that; as_double() takes any number.
  bool as_bool() const { return get<bool>(); }
  std::int64_t as_int() const { return get<std::int64_t>(); }
  double as_double() const { return is_int() ? static_cast<double>(as_int()) : get<double>(); }
  const std::string& as_string() const { return get<std::string>(); }
  const List& as_list() const { return get<List>(); }
  const Dict& as_dict() const { return get<Dict>(); }

  friend bool operator==(const Value&, const Value&) = default;

  // Compact. NaN and infinities are written as null.
  std::string to_json() const;
  // kMalformed if it is no JSON, or holds a number that Value has not.
  static Result<Value> from_json(std::string_view json);

 private:
  template <typename T>
  bool holds() const {
    return std::holds_alternative<T>(data_);
  }
  template <typename T>
  const T& get() const {
    assert(holds<T>());
    return *std::get_if<T>(&data_);
  }

  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Dict> data_;
};

}  // namespace engineroom
