// syntax/parse.h — text to syntax tree.
//
// The parser never fails: what it cannot read is reported and stands in the tree as ErrorStmt,
// ErrorExpr or CErrorType, so that one call reports all the mistakes of a text. Compile nothing
// from a tree whose diagnostics have errors.
//
// Neither deep nesting nor a large text can overflow the stack or run long: both have a limit,
// which gives a diagnostic. Time is linear in the size of the text.
//
// Threads: any number of parses may run at once, each with its own Diagnostics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "syntax/diagnostic.h"
#include "syntax/source.h"
#include "syntax/tree.h"

namespace engineroom::syntax {

struct ParseOptions {
  FileKind file_kind = FileKind::kPyx;
  // Used unless the text says "# cython: language_level=...".
  LanguageLevel level = LanguageLevel::k3;
  // How deep brackets, operators that group to the right, blocks and types may be nested. Each
  // level costs the parser at most 4 KiB of stack.
  int max_depth = 400;
  // How high the tree of an expression may be. Higher than the above, as a sum of a thousand terms
  // is a tree of a thousand levels.
  int max_height = 2000;
  std::size_t max_bytes = 16u << 20;
  // What "\\N{name}" stands for, nothing if there is no such character. The names are too many to
  // be kept here: LLVM has them, and so has Python. Without this function such a name is an error.
  std::function<std::optional<char32_t>(std::string_view)> character_by_name;
};

Tree parse(const Sources& sources, SourceId id, const ParseOptions& options,
           Diagnostics& diagnostics);

}  // namespace engineroom::syntax
