// emit/writer.h — lines of C++ with their indentation, and which line of the source each is for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace engineroom::emit {

class Writer {
 public:
  struct Line {
    std::string text;
    int indent = 0;
    std::uint32_t source_line = 0;
    std::uint32_t source = 0;  // which text the line is of: a syntax::SourceId
  };

  // What following lines are for; 0 for nothing in the source.
  void set_source_line(std::uint32_t line) { source_line_ = line; }
  std::uint32_t source_line() const { return source_line_; }
  void set_source(std::uint32_t source) { source_ = source; }

  void line(std::string text);
  // A line that opens a block, and the line that closes it.
  void open(const std::string& text);
  void close(const std::string& text = "}");
  // A line that closes one block and opens the next: "} else {".
  void next(const std::string& text);
  // At the left margin of the function.
  void label(const std::string& name);

  // A place between lines.
  std::size_t mark() const { return lines_.size(); }
  // The lines since the mark become a block.
  void enclose_since(std::size_t mark);
  void insert(std::size_t mark, std::string text);
  void append(const Writer& other);

  const std::vector<Line>& lines() const { return lines_; }

 private:
  std::vector<Line> lines_;
  int indent_ = 0;
  std::uint32_t source_line_ = 0;
  std::uint32_t source_ = 0;
};

}  // namespace engineroom::emit
