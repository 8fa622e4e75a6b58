// store/postgres_text.h — bytes as texts that PostgreSQL takes, and arrays of them.
//
// A text in PostgreSQL is valid UTF-8 without NUL; what tasks print and clients send need not be.
// So a byte that no text may hold is written as a character of Unicode's last private area,
// U+10FF00 + byte, and a character of that area as its four bytes: every string of bytes has one
// text, and comes back as it was. Equality is preserved, order is not.
//
// Many rows go as one statement whose parameters are columns: arrays, as texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace engineroom::store {

std::string escape_text(std::string_view bytes);
std::string unescape_text(std::string_view text);

// \x6162… as PostgreSQL writes and reads bytea.
void append_bytea(std::string& out, std::string_view bytes);
// kMalformed
Result<std::string> parse_bytea(std::string_view text);

// One column of several rows: {"a",NULL,"b"}.
class ArrayText {
 public:
  void add_null();
  void add_text(std::string_view bytes);  // escaped here
  void add_bytea(std::string_view bytes);
  void add_number(std::int64_t number);
  void add_flag(bool flag);

  // Once.
  std::string take();

 private:
  void next();

  std::string out_ = "{";
};

}  // namespace engineroom::store
