#include "emit/writer.h"

#include <utility>

namespace engineroom::emit {

void Writer::line(std::string text) {
  lines_.push_back({std::move(text), indent_, source_line_, source_});
}

void Writer::open(const std::string& text) {
  line(text.empty() ? "{" : text + " {");
  ++indent_;
}

void Writer::close(const std::string& text) {
  --indent_;
  line(text);
}

void Writer::next(const std::string& text) {
  close(text);
  ++indent_;
}

void Writer::label(const std::string& name) { lines_.push_back({name + ":", 0, 0, source_}); }

void Writer::enclose_since(std::size_t mark) {
  for (std::size_t i = mark; i < lines_.size(); ++i) ++lines_[i].indent;
  const std::uint32_t first = mark < lines_.size() ? lines_[mark].source_line : source_line_;
  lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(mark), {"{", indent_, first, source_});
  line("}");
}

void Writer::insert(std::size_t mark, std::string text) {
  const std::uint32_t line = mark < lines_.size() ? lines_[mark].source_line : source_line_;
  lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(mark),
                {std::move(text), indent_, line, source_});
}

void Writer::append(const Writer& other) {
  for (const Line& line : other.lines_)
    lines_.push_back({line.text, line.indent + indent_, line.source_line, line.source});
}

}  // namespace engineroom::emit
