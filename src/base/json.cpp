#include "base/json.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <utility>

#include <simdjson.h>

namespace engineroom {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Bytes that cannot be copied into a JSON string as they are: controls, quote, backslash, and all
// that is not ASCII, which is checked to be UTF-8 first.
constexpr std::array<bool, 256> kNeedsCare = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 256; ++c) table[c] = c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
  return table;
}();

// The length of the UTF-8 sequence that `text` (not empty) begins with, or 0 if it begins with
// none. Rejects overlong forms, surrogates and what is beyond U+10FFFF (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return within(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return within(1, low, high) && within(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return within(1, low, high) && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default: {
      const auto byte = static_cast<unsigned char>(c);
      out += "\\u00";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    }
  }
}

template <typename Integer>
void append_integer(std::string& out, Integer number) {
  std::array<char, 24> digits;
  const std::to_chars_result end =
      std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

}  // namespace

void append_json_quoted(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // start of the run not copied yet
  std::size_t i = 0;
  while (i < text.size()) {
    if (!kNeedsCare[static_cast<unsigned char>(text[i])]) {
      ++i;
      continue;
    }
    if (static_cast<unsigned char>(text[i]) >= 0x80) {
      if (const std::size_t length = utf8_length(text.substr(i)); length > 0) {
        i += length;
        continue;
      }
    }
    out.append(text, plain, i - plain);
    if (static_cast<unsigned char>(text[i]) >= 0x80) {
      out += kReplacement;
    } else {
      append_escape(out, text[i]);
    }
    plain = ++i;
  }
  out.append(text, plain, text.size() - plain);
  out += '"';
}

std::string json_quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_quoted(out, text);
  return out;
}

// ---- JsonWriter ----

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
  } else if (!needs_comma_.empty()) {
    if (needs_comma_.back()) out_ += ',';
    needs_comma_.back() = true;
  }
}

JsonWriter& JsonWriter::begin_object() {
  before_value();
  out_ += '{';
  needs_comma_.push_back(false);
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  assert(!needs_comma_.empty() && !after_key_);
  needs_comma_.pop_back();
  out_ += '}';
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  before_value();
  out_ += '[';
  needs_comma_.push_back(false);
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  assert(!needs_comma_.empty() && !after_key_);
  needs_comma_.pop_back();
  out_ += ']';
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  assert(!needs_comma_.empty() && !after_key_);
  before_value();
  append_json_quoted(out_, name);
  out_ += ':';
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  before_value();
  append_json_quoted(out_, text);
  return *this;
}

JsonWriter& JsonWriter::value(bool flag) { return raw(flag ? "true" : "false"); }

JsonWriter& JsonWriter::value(std::int64_t number) {
  before_value();
  append_integer(out_, number);
  return *this;
}

JsonWriter& JsonWriter::value(std::uint64_t number) {
  before_value();
  append_integer(out_, number);
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  std::array<char, 32> digits;
  const std::to_chars_result end =
      std::to_chars(digits.data(), digits.data() + digits.size(), number);
  const std::string_view text(digits.data(), static_cast<std::size_t>(end.ptr - digits.data()));
  raw(text);
  // 3.0 stays a floating-point number for readers that tell the two apart, as Python does.
  if (text.find_first_of(".e") == std::string_view::npos) out_ += ".0";
  return *this;
}

JsonWriter& JsonWriter::null() { return raw("null"); }

JsonWriter& JsonWriter::raw(std::string_view json) {
  before_value();
  out_ += json;
  return *this;
}

std::string JsonWriter::take() {
  assert(needs_comma_.empty() && !after_key_);
  return std::exchange(out_, {});
}

// ---- reading ----

bool json_depth_within(std::string_view text, std::size_t max_depth) {
  if (text.size() <= max_depth) return true;
  // Nearly every text has fewer brackets than the limit, even counting those in strings; this loop
  // is vectorised.
  const auto openers =
      std::count_if(text.begin(), text.end(), [](char c) { return c == '{' || c == '['; });
  if (static_cast<std::size_t>(openers) <= max_depth) return true;

  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_depth) return false;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return true;
}

JsonReader::JsonReader(std::size_t max_bytes)
    : max_bytes_(max_bytes), parser_(std::make_unique<simdjson::dom::parser>(max_bytes)) {}
JsonReader::~JsonReader() = default;
JsonReader::JsonReader(JsonReader&& other) noexcept = default;
JsonReader& JsonReader::operator=(JsonReader&& other) noexcept = default;

Result<simdjson::dom::element> JsonReader::parse(std::string_view text) {
  if (text.empty()) return Status(ErrorCode::kMalformed, "not JSON: empty");
  if (text.size() > max_bytes_) {
    return Status(ErrorCode::kResourceExhausted, "JSON text of " + std::to_string(text.size()) +
                                                     " bytes, limit " + std::to_string(max_bytes_));
  }
  if (parser_->capacity() > kKeptBytes && text.size() <= kKeptBytes)
    *parser_ = simdjson::dom::parser(max_bytes_);

  simdjson::dom::element root;
  const simdjson::error_code error = parser_->parse(text.data(), text.size()).get(root);
  if (error == simdjson::SUCCESS) return root;
  if (error == simdjson::CAPACITY || error == simdjson::DEPTH_ERROR ||
      error == simdjson::MEMALLOC) {
    return Status(ErrorCode::kResourceExhausted, simdjson::error_message(error));
  }
  return Status(ErrorCode::kMalformed, std::string("not JSON: ") + simdjson::error_message(error));
}

}  // namespace engineroom
