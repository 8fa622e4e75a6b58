// syntax/source.h — the texts of one compilation, and places in them.
//
// One compilation reads several texts: the cell, the .pxd files that it cimports, included files.
// A place is therefore a text's id and two byte offsets; lines and columns are computed only when a
// person is shown something. Sources only grows, and a text never moves once it is added, so views
// of a text stay valid as long as the Sources lives.
//
// Threads: fill a Sources from one thread; reading it from several is safe while none adds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace engineroom::syntax {

enum class SourceId : std::uint32_t {};

// The bytes [begin, end) of one text. Empty ranges (begin == end) mark a point between bytes.
struct SourceRange {
  SourceId source{};
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  bool empty() const { return begin == end; }
  friend bool operator==(const SourceRange&, const SourceRange&) = default;
};

// From the start of `first` to the end of `last`. REQUIRES: both are in the same text.
inline SourceRange join(SourceRange first, SourceRange last) {
  return {first.source, first.begin, last.end};
}

// As people count: both from 1, the column in characters (code points), not bytes.
struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
};

class Source {
 public:
  // `name` is what messages show: a path, or a cell's name. `text` is UTF-8.
  Source(std::string name, std::string text);

  const std::string& name() const { return name_; }
  std::string_view text() const { return text_; }
  // Whether it declares an encoding other than UTF-8: what is text() was other bytes in the file.
  bool was_recoded() const { return was_recoded_; }

  // Offsets beyond the text count as its end.
  Position position_of(std::uint32_t offset) const;
  // 1-based.
  std::size_t line_of(std::uint32_t offset) const;
  std::size_t n_lines() const { return line_starts_.size(); }
  // The line without its line end. REQUIRES: 1 <= line <= n_lines().
  std::string_view line_text(std::size_t line) const;
  // The offset of the line's first byte. REQUIRES: 1 <= line <= n_lines().
  std::uint32_t line_start(std::size_t line) const { return line_starts_[line - 1]; }

 private:
  std::string name_;
  std::string text_;
  bool was_recoded_ = false;
  std::vector<std::uint32_t> line_starts_;  // ascending, the first is 0
};

class Sources {
 public:
  // Takes bytes as read from a file: text whose first two lines declare it as Latin-1 (PEP 263) is
  // converted. Everything else is taken as UTF-8; the lexer reports what is not.
  SourceId add(std::string name, std::string bytes);
  // Takes UTF-8, whatever it declares. A byte order mark is dropped.
  SourceId add_utf8(std::string name, std::string text);

  const Source& operator[](SourceId id) const { return sources_[static_cast<std::size_t>(id)]; }
  std::size_t size() const { return sources_.size(); }

  // The text of a range.
  std::string_view text_of(SourceRange range) const {
    return (*this)[range.source].text().substr(range.begin, range.end - range.begin);
  }
  // "cell.pyx:3:14", of the start of the range.
  std::string describe(SourceRange range) const;

 private:
  std::deque<Source> sources_;  // a deque: texts must not move
};

}  // namespace engineroom::syntax
