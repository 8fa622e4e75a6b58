// syntax/diagnostic.h — what the compiler has to say about a text.
//
// Every stage of the compiler reports through Diagnostics. A message says what is wrong in the
// words of someone who wrote the text, never of someone who wrote the parser; the hint says how to
// mend it. The range is the narrowest thing that is wrong.
//
//   diagnostics.error("undeclared-name", range, "undeclared name 'sqrt'")
//       .hint("did you mean 'from libc.math cimport sqrt'?");
//
// One mistake gives one message: a second error that starts where an earlier one started is
// dropped, and so is everything after kMaxErrors errors.
#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "syntax/source.h"

namespace engineroom::syntax {

enum class Severity {
  kError,    // nothing is compiled
  kWarning,  // compiled, but probably not what was meant
  kNote,     // advice, such as what would make the code faster
};

const char* to_string(Severity severity);

// 'text', as messages show what the user wrote.
std::string in_quotes(std::string_view text);

// Another place that explains a diagnostic: "'x' was declared here".
struct RelatedPlace {
  SourceRange range;
  std::string message;
};

struct Diagnostic {
  Severity severity = Severity::kError;
  // A stable name in kebab-case, for tests and for the user to search; a string literal.
  std::string_view code;
  SourceRange range;
  std::string message;  // no full stop at the end
  std::string hint;     // how to mend it; empty if nothing can be said
  std::vector<RelatedPlace> related;
};

class Diagnostics {
 public:
  static constexpr std::size_t kMaxErrors = 100;

  // Completes a diagnostic that was just added. Does nothing if it was dropped.
  class Added {
   public:
    explicit Added(Diagnostic* diagnostic) : diagnostic_(diagnostic) {}
    Added hint(std::string text) const {
      if (diagnostic_ != nullptr) diagnostic_->hint = std::move(text);
      return *this;
    }
    Added related(SourceRange range, std::string message) const {
      if (diagnostic_ != nullptr) diagnostic_->related.push_back({range, std::move(message)});
      return *this;
    }

   private:
    Diagnostic* diagnostic_;
  };

  Added error(std::string_view code, SourceRange range, std::string message) {
    return add({Severity::kError, code, range, std::move(message), {}, {}});
  }
  Added warning(std::string_view code, SourceRange range, std::string message) {
    return add({Severity::kWarning, code, range, std::move(message), {}, {}});
  }
  Added note(std::string_view code, SourceRange range, std::string message) {
    return add({Severity::kNote, code, range, std::move(message), {}, {}});
  }
  Added add(Diagnostic diagnostic);

  bool has_errors() const { return n_errors_ > 0; }
  std::size_t n_errors() const { return n_errors_; }
  bool has_errors_in(SourceId source) const;
  // In the order in which they were found.
  const std::deque<Diagnostic>& all() const { return diagnostics_; }

  // Sorts what was added since there were `n` diagnostics by its place in the text.
  void sort_since(std::size_t n);
  // Forgets what was added since there were `n` diagnostics: for a parser that tries one reading of
  // a text and then another.
  void rewind_to(std::size_t n);

 private:
  std::deque<Diagnostic> diagnostics_;  // a deque: Added holds pointers
  // Where errors start.
  std::set<std::pair<SourceId, std::uint32_t>> error_places_;
  std::size_t n_errors_ = 0;
};

// For a terminal, several lines with an end of line after each:
//
//   cell.pyx:3:14: error: undeclared name 'sqrt' [undeclared-name]
//       return x * sqrt(2)
//                  ^~~~
//     hint: did you mean 'from libc.math cimport sqrt'?
std::string render(const Diagnostic& diagnostic, const Sources& sources);
std::string render(const Diagnostics& diagnostics, const Sources& sources);

}  // namespace engineroom::syntax
