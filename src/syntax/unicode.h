// syntax/unicode.h — UTF-8, and which characters may be in names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace engineroom::syntax {

// One character of a text. A size of 0 says that the bytes are not UTF-8.
struct Character {
  char32_t code = 0;
  std::size_t size = 0;  // bytes
};

// REQUIRES: `text` is not empty.
Character decode_utf8(std::string_view text);

// Surrogates are encoded like any other character, as the value of a Python string may hold them.
void append_utf8(std::string& out, char32_t code);

// "U+201C"
std::string code_point_name(char32_t code);

// For characters beyond ASCII. Everything that is no punctuation, symbol, space or emoji is
// accepted: coarser than Unicode's tables, but what is wrong here is never a valid name.
bool may_be_in_name(char32_t code);

// The ASCII text that was probably meant by a character that editors and word processors put in its
// place; empty if unknown.
std::string_view ascii_for(char32_t code);

}  // namespace engineroom::syntax
