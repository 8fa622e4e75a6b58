#include "syntax/unicode.h"

#include <array>
#include <cstdio>

namespace engineroom::syntax {
namespace {

struct CodeRange {
  char32_t first;
  char32_t last;
};

// Punctuation, symbols, spaces, private use and emoji; ascending. Letters that lie within are
// carved out (U+00AA, U+00B5, U+00B7, U+00BA, U+203F, U+2054, ...).
constexpr CodeRange kNotInNames[] = {
    {0x80, 0xA9},     {0xAB, 0xB4},       {0xB6, 0xB6},       {0xB8, 0xB9},       {0xBB, 0xBF},
    {0xD7, 0xD7},     {0xF7, 0xF7},       {0x1680, 0x1680},   {0x2000, 0x200B},   {0x200E, 0x203E},
    {0x2041, 0x2053}, {0x2055, 0x2070},   {0x2074, 0x207E},   {0x2080, 0x208F},   {0x20A0, 0x20CF},
    {0x2190, 0x2BFF}, {0x2E00, 0x2E7F},   {0x3000, 0x3004},   {0x3008, 0x3020},   {0xD800, 0xF8FF},
    {0xFD3E, 0xFD3F}, {0xFE10, 0xFE1F},   {0xFE30, 0xFE32},   {0xFE50, 0xFE6F},   {0xFEFF, 0xFEFF},
    {0xFF01, 0xFF0F}, {0xFF1A, 0xFF20},   {0xFF3B, 0xFF3E},   {0xFF40, 0xFF40},   {0xFF5B, 0xFF65},
    {0xFFE0, 0xFFFF}, {0x1F000, 0x1FAFF}, {0xE0000, 0xE00FF}, {0xF0000, 0x10FFFF}};

struct Lookalike {
  char32_t code;
  std::string_view ascii;
};

constexpr Lookalike kLookalikes[] = {
    {0xA0, " "},    {0xB4, "'"},     {0xD7, "*"},   {0xF7, "/"},    {0x2007, " "},  {0x2009, " "},
    {0x200B, ""},   {0x2010, "-"},   {0x2011, "-"}, {0x2012, "-"},  {0x2013, "-"},  {0x2014, "-"},
    {0x2018, "'"},  {0x2019, "'"},   {0x201A, "'"}, {0x201B, "'"},  {0x201C, "\""}, {0x201D, "\""},
    {0x201E, "\""}, {0x2026, "..."}, {0x202F, " "}, {0x2032, "'"},  {0x2033, "\""}, {0x2192, "->"},
    {0x2212, "-"},  {0x2215, "/"},   {0x2217, "*"}, {0x2260, "!="}, {0x2264, "<="}, {0x2265, ">="},
    {0x3000, " "},  {0xFEFF, ""},    {0xFF08, "("}, {0xFF09, ")"},  {0xFF0C, ","},  {0xFF1A, ":"},
    {0xFF1B, ";"},  {0xFF1D, "="}};

}  // namespace

Character decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  std::size_t size = 0;
  if (lead >= 0xC2 && lead <= 0xDF) size = 2;
  if (lead >= 0xE0 && lead <= 0xEF) size = 3;
  if (lead >= 0xF0 && lead <= 0xF4) size = 4;
  if (size == 0 || text.size() < size) return {};

  char32_t code = lead & (0xFFu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (overlong || surrogate || code > 0x10FFFF) return {};
  return {code, size};
}

void append_utf8(std::string& out, char32_t code) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

std::string code_point_name(char32_t code) {
  std::array<char, 16> text;
  const int size = std::snprintf(text.data(), text.size(), "U+%04X", static_cast<unsigned>(code));
  return std::string(text.data(), static_cast<std::size_t>(size));
}

bool may_be_in_name(char32_t code) {
  for (const CodeRange& range : kNotInNames) {
    if (code < range.first) return true;
    if (code <= range.last) return false;
  }
  return true;
}

std::string_view ascii_for(char32_t code) {
  for (const Lookalike& lookalike : kLookalikes) {
    if (lookalike.code == code) return lookalike.ascii;
  }
  return {};
}

}  // namespace engineroom::syntax
