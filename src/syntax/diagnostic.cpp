#include "syntax/diagnostic.h"

#include <algorithm>

namespace engineroom::syntax {
namespace {

// Longer lines are cut for display.
constexpr std::size_t kMaxShown = 160;

// The line and, below it, a caret with a tilde for each further character of the range.
void append_excerpt(std::string& out, const Source& source, SourceRange range) {
  const std::size_t line = source.line_of(range.begin);
  const std::string_view text = source.line_text(line);
  const std::size_t begin =
      std::min<std::size_t>(range.begin - source.line_start(line), text.size());
  const std::size_t end =
      std::clamp<std::size_t>(range.end - source.line_start(line), begin, text.size());
  if (text.size() > kMaxShown) return;

  out += "    ";
  out += text;
  out += "\n    ";
  for (std::size_t i = 0; i < begin; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    out += text[i] == '\t' ? '\t' : ' ';
  }
  out += '^';
  for (std::size_t i = begin + 1; i < end; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) out += '~';
  }
  out += '\n';
}

}  // namespace

const char* to_string(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      return "note";
  }
  return "";
}

std::string in_quotes(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '\'';
  out += text;
  out += '\'';
  return out;
}

bool Diagnostics::has_errors_in(SourceId source) const {
  const auto first = error_places_.lower_bound({source, 0});
  return first != error_places_.end() && first->first == source;
}

Diagnostics::Added Diagnostics::add(Diagnostic diagnostic) {
  if (diagnostic.severity == Severity::kError) {
    if (n_errors_ >= kMaxErrors) return Added(nullptr);
    if (!error_places_.insert({diagnostic.range.source, diagnostic.range.begin}).second)
      return Added(nullptr);
    ++n_errors_;
  }
  diagnostics_.push_back(std::move(diagnostic));
  return Added(&diagnostics_.back());
}

void Diagnostics::sort_since(std::size_t n) {
  const auto begin = diagnostics_.begin() + static_cast<std::ptrdiff_t>(n);
  std::stable_sort(begin, diagnostics_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(a.range.source, a.range.begin) < std::pair(b.range.source, b.range.begin);
  });
}

void Diagnostics::rewind_to(std::size_t n) {
  while (diagnostics_.size() > n) {
    const Diagnostic& last = diagnostics_.back();
    if (last.severity == Severity::kError) {
      error_places_.erase({last.range.source, last.range.begin});
      --n_errors_;
    }
    diagnostics_.pop_back();
  }
}

std::string render(const Diagnostic& diagnostic, const Sources& sources) {
  std::string out = sources.describe(diagnostic.range) + ": " + to_string(diagnostic.severity) +
                    ": " + diagnostic.message + " [" + std::string(diagnostic.code) + "]\n";
  append_excerpt(out, sources[diagnostic.range.source], diagnostic.range);
  if (!diagnostic.hint.empty()) out += "  hint: " + diagnostic.hint + "\n";
  for (const RelatedPlace& place : diagnostic.related) {
    out += "  " + sources.describe(place.range) + ": " + place.message + "\n";
    append_excerpt(out, sources[place.range.source], place.range);
  }
  return out;
}

std::string render(const Diagnostics& diagnostics, const Sources& sources) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics.all()) out += render(diagnostic, sources);
  return out;
}

}  // namespace engineroom::syntax
