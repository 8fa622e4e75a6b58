#include "syntax/source.h"

#include <algorithm>
#include <utility>

namespace engineroom::syntax {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// The encoding that one of the first two lines declares (PEP 263), in lower case; empty if none.
std::string declared_encoding(std::string_view text) {
  for (int line = 0; line < 2 && !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view content = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t first = content.find_first_not_of(" \t\f\r");
    if (first == std::string_view::npos) continue;
    if (content[first] != '#') return "";
    std::size_t at = content.find("coding");
    if (at == std::string_view::npos) continue;
    at += 6;
    if (at >= content.size() || (content[at] != ':' && content[at] != '=')) continue;
    at = content.find_first_not_of(" \t", at + 1);
    std::string name;
    for (; at < content.size(); ++at) {
      const char c = content[at];
      const bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.';
      if (is_letter) {
        name += c;
      } else if (c >= 'A' && c <= 'Z') {
        name += static_cast<char>(c - 'A' + 'a');
      } else if (c == '-' || c == '_') {
        name += '-';
      } else {
        break;
      }
    }
    return name;
  }
  return "";
}

bool is_latin1(std::string_view encoding) {
  return encoding == "latin-1" || encoding == "latin1" || encoding == "iso-8859-1" ||
         encoding == "iso8859-1" || encoding == "l1";
}

bool is_utf8(std::string_view encoding) {
  return encoding.empty() || encoding.starts_with("utf-8") || encoding == "utf8" ||
         encoding == "ascii" || encoding == "us-ascii";
}

std::string utf8_from_latin1(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 8);
  for (const char c : bytes) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xC0 | (code >> 6));
      text += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
  return text;
}

}  // namespace

Source::Source(std::string name, std::string text)
    : name_(std::move(name)),
      text_(std::move(text)),
      was_recoded_(!is_utf8(declared_encoding(text_))) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    // "\r\n" ends a line at the "\n"; "\r" alone ends one too.
    const bool ends_line =
        text_[i] == '\n' || (text_[i] == '\r' && (i + 1 == text_.size() || text_[i + 1] != '\n'));
    if (ends_line) line_starts_.push_back(static_cast<std::uint32_t>(i + 1));
  }
}

std::size_t Source::line_of(std::uint32_t offset) const {
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  return static_cast<std::size_t>(after - line_starts_.begin());
}

Position Source::position_of(std::uint32_t offset) const {
  offset = std::min(offset, static_cast<std::uint32_t>(text_.size()));
  const std::size_t line = line_of(offset);
  std::size_t column = 1;
  for (std::uint32_t i = line_start(line); i < offset; ++i) {
    // Bytes 10xxxxxx continue a character.
    if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80) ++column;
  }
  return {line, column};
}

std::string_view Source::line_text(std::size_t line) const {
  const std::uint32_t begin = line_start(line);
  const std::size_t end = line < n_lines() ? line_start(line + 1) : text_.size();
  std::string_view text = std::string_view(text_).substr(begin, end - begin);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

SourceId Sources::add(std::string name, std::string bytes) {
  if (!bytes.starts_with(kByteOrderMark) && is_latin1(declared_encoding(bytes)))
    bytes = utf8_from_latin1(bytes);
  return add_utf8(std::move(name), std::move(bytes));
}

SourceId Sources::add_utf8(std::string name, std::string text) {
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  sources_.emplace_back(std::move(name), std::move(text));
  return static_cast<SourceId>(sources_.size() - 1);
}

std::string Sources::describe(SourceRange range) const {
  const Source& source = (*this)[range.source];
  const Position position = source.position_of(range.begin);
  return source.name() + ":" + std::to_string(position.line) + ":" +
         std::to_string(position.column);
}

}  // namespace engineroom::syntax
