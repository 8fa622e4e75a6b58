// base/json.h — JSON: reading is simdjson's, behind a parser with bounded memory (JsonReader);
// writing needs little, so it is ours (JsonWriter).
//
// JsonWriter appends compact JSON to a string it owns. It inserts commas by itself; the caller is
// responsible for calling begin_/end_ in pairs and key() before each value in an object (asserted).
//
//   JsonWriter w;
//   w.begin_object().key("id").value(3).key("names").begin_array().value("a").end_array().end_object();
//   w.take()  // {"id":3,"names":["a"]}
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

// Whoever looks into an element includes <simdjson.h>, which takes a compiler long.
namespace simdjson::dom {
class element;
class parser;
}  // namespace simdjson::dom

namespace engineroom {

class JsonWriter {
 public:
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);  // escaped; bytes that are not UTF-8 become U+FFFD
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag);
  JsonWriter& value(std::int64_t number);
  JsonWriter& value(std::uint64_t number);
  JsonWriter& value(unsigned number) { return value(static_cast<std::uint64_t>(number)); }
  JsonWriter& value(int number) { return value(static_cast<std::int64_t>(number)); }
  JsonWriter& value(double number);  // NaN and infinities, which JSON has not, become null
  JsonWriter& null();
  JsonWriter& raw(std::string_view json);  // REQUIRES: `json` is one valid JSON value

  const std::string& str() const { return out_; }
  std::string take();

 private:
  void before_value();

  std::string out_;
  std::vector<bool> needs_comma_;  // one entry per open object or array
  bool after_key_ = false;
};

// `text` as a quoted JSON string.
std::string json_quote(std::string_view text);
// The same, appended to `out`.
void append_json_quoted(std::string& out, std::string_view text);

// True if `text` nests objects and arrays at most `max_depth` deep (strings are skipped correctly).
// A cheap scan, run before a parser sees bytes from outside.
bool json_depth_within(std::string_view text, std::size_t max_depth);

// A simdjson DOM parser for repeated use by one thread. Its buffers grow with the largest text, so
// they are given back before the next parse once a text needed more than kKeptBytes.
//
//   Result<simdjson::dom::element> root = reader.parse(text);
//   std::string_view status;
//   if (root.ok() && root.value()["status"].get(status) == simdjson::SUCCESS) …
//
// The element, and every view taken from it, is valid until the next parse() or the reader's end.
class JsonReader {
 public:
  static constexpr std::size_t kKeptBytes = 1u << 20;

  // A parse takes about six times its text in memory, hence the limit.
  explicit JsonReader(std::size_t max_bytes = 64u << 20);
  ~JsonReader();
  JsonReader(JsonReader&& other) noexcept;
  JsonReader& operator=(JsonReader&& other) noexcept;

  // `text` needs no padding. kMalformed if it is not JSON, kResourceExhausted beyond the limit or
  // 1,024 levels.
  Result<simdjson::dom::element> parse(std::string_view text);

 private:
  std::size_t max_bytes_;
  std::unique_ptr<simdjson::dom::parser> parser_;
};

}  // namespace engineroom
