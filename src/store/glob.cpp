#include "store/glob.h"

#include <cstddef>
#include <string>

namespace engineroom::store {
namespace {

using Text = std::u32string_view;

std::u32string decode(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (length == 1 || i + length > text.size()) {
      out.push_back(lead);
      ++i;
      continue;
    }
    char32_t code = lead & (0xffu >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3fu);
    }
    out.push_back(code);
    i += length;
  }
  return out;
}

// Does the sequence that `pattern` begins with, behind its '[', hold `c`? Sets `size` to what it
// takes up with its ']'; zero if it is not closed, when the '[' is an ordinary character.
bool sequence_holds(Text pattern, char32_t c, std::size_t& size) {
  const bool is_negated = pattern.starts_with(U'!');
  const std::size_t begin = is_negated ? 1 : 0;
  // A ']' in the first place is an ordinary member.
  const std::size_t end = pattern.find(U']', begin + 1);
  size = end == Text::npos ? 0 : end + 1;
  if (size == 0) return false;
  bool holds = false;
  for (std::size_t i = begin; i < end; ++i) {
    if (i + 2 < end && pattern[i + 1] == U'-') {
      holds = holds || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 2;
    } else {
      holds = holds || pattern[i] == c;
    }
  }
  return holds != is_negated;
}

// How much of the pattern the character takes; zero: it does not match.
std::size_t match_one(Text pattern, char32_t c) {
  if (pattern.front() == U'?') return 1;
  if (pattern.front() == U'[') {
    std::size_t size = 0;
    const bool holds = sequence_holds(pattern.substr(1), c, size);
    if (size > 0) return holds ? size + 1 : 0;
  }
  return pattern.front() == c ? 1 : 0;
}

// On a mismatch only the last '*' takes one character more: earlier ones need not be tried again.
bool matches(Text text, Text pattern) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = Text::npos;
  std::size_t star_at = 0;
  while (at < text.size()) {
    if (in < pattern.size() && pattern[in] == U'*') {
      star = in++;
      star_at = at;
      continue;
    }
    const std::size_t taken = in < pattern.size() ? match_one(pattern.substr(in), text[at]) : 0;
    if (taken > 0) {
      in += taken;
      ++at;
    } else if (star != Text::npos) {
      in = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of(U'*', in) == Text::npos;
}

}  // namespace

bool matches_glob(std::string_view text, std::string_view pattern) {
  return matches(decode(text), decode(pattern));
}

}  // namespace engineroom::store
