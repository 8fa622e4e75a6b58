#include "store/postgres_text.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace engineroom::store {
namespace {

unsigned char byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

bool is_continuation(unsigned char byte) { return (byte & 0xc0) == 0x80; }

// How many bytes the character at the front takes; zero if that is no character, or NUL.
std::size_t character_size(std::string_view text) {
  const unsigned char lead = byte_at(text, 0);
  if (lead == 0) return 0;
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  // Shorter forms exist, or it would be a surrogate or beyond Unicode.
  const unsigned char second = byte_at(text, 1);
  if (lead < 0xc2 || lead > 0xf4 || (lead == 0xe0 && second < 0xa0) ||
      (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
      (lead == 0xf4 && second > 0x8f)) {
    return 0;
  }
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_continuation(byte_at(text, i))) return 0;
  }
  return size;
}

// U+10FF00 to U+10FFFF.
constexpr std::string_view kEscape = "\xf4\x8f";

bool is_escape(std::string_view character) {
  return character.size() == 4 && character.starts_with(kEscape) && byte_at(character, 2) >= 0xbc;
}

void append_escape(std::string& out, unsigned char byte) {
  out += kEscape;
  out.push_back(static_cast<char>(0xbc + (byte >> 6)));
  out.push_back(static_cast<char>(0x80 + (byte & 0x3f)));
}

char escaped_byte(std::string_view escape) {
  return static_cast<char>((byte_at(escape, 2) - 0xbc) << 6 | (byte_at(escape, 3) & 0x3f));
}

// Printable or a usual control character: no look at the bits needed.
bool is_plain(char c) { return static_cast<signed char>(c) > 0; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string escape_text(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto special = std::find_if_not(bytes.begin(), bytes.end(), is_plain);
    out.append(bytes.begin(), special);
    bytes.remove_prefix(static_cast<std::size_t>(special - bytes.begin()));
    if (bytes.empty()) break;
    const std::size_t size = character_size(bytes);
    const std::string_view character = bytes.substr(0, std::max<std::size_t>(size, 1));
    if (size == 0 || is_escape(character)) {
      for (const char byte : character) append_escape(out, static_cast<unsigned char>(byte));
    } else {
      out += character;
    }
    bytes.remove_prefix(character.size());
  }
  return out;
}

std::string unescape_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (true) {
    const std::size_t at = text.find(kEscape);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at);
    const std::string_view character = text.substr(0, 4);
    if (is_escape(character)) {
      out.push_back(escaped_byte(character));
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
}

void append_bytea(std::string& out, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\x";
  const std::size_t begin = out.size();
  out.resize(begin + 2 * bytes.size());
  char* at = out.data() + begin;
  for (const char byte : bytes) {
    *at++ = kDigits[static_cast<unsigned char>(byte) >> 4];
    *at++ = kDigits[static_cast<unsigned char>(byte) & 15];
  }
}

Result<std::string> parse_bytea(std::string_view text) {
  const Status malformed(ErrorCode::kMalformed, "the database gave bytes in an unknown form");
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return malformed;
  text.remove_prefix(2);
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return malformed;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

void ArrayText::next() {
  if (out_.size() > 1) out_.push_back(',');
}

void ArrayText::add_null() {
  next();
  out_ += "NULL";
}

void ArrayText::add_text(std::string_view bytes) {
  next();
  out_.push_back('"');
  for (const char c : escape_text(bytes)) {
    if (c == '"' || c == '\\') out_.push_back('\\');
    out_.push_back(c);
  }
  out_.push_back('"');
}

void ArrayText::add_bytea(std::string_view bytes) {
  next();
  out_ += "\"\\";  // the array's own escape for bytea's backslash
  append_bytea(out_, bytes);
  out_.push_back('"');
}

void ArrayText::add_number(std::int64_t number) {
  next();
  out_ += std::to_string(number);
}

void ArrayText::add_flag(bool flag) {
  next();
  out_.push_back(flag ? 't' : 'f');
}

std::string ArrayText::take() {
  out_.push_back('}');
  return std::move(out_);
}

}  // namespace engineroom::store
