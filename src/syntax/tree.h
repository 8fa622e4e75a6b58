// syntax/tree.h — the syntax tree of one text.
//
//   Sources sources;
//   SourceId cell = sources.add("cell.pyx", text);
//   Diagnostics diagnostics;
//   Tree tree = parse(sources, cell, {}, diagnostics);        // syntax/parse.h
//   for (const Stmt* stmt : tree.module->body) ...
//
// A Tree owns its nodes. It refers to the text, so the Sources must outlive it.
#pragma once

#include <cstdint>
#include <string_view>

#include "syntax/arena.h"
#include "syntax/ctype.h"
#include "syntax/expr.h"
#include "syntax/node.h"
#include "syntax/pattern.h"
#include "syntax/source.h"
#include "syntax/stmt.h"

namespace engineroom::syntax {

enum class LanguageLevel : std::uint8_t {
  k2,
  k3,
  k3Str,  // as 3, but "" is str: bytes where C wants a char*
};

enum class FileKind : std::uint8_t {
  kPyx,  // implementation; also cells
  kPxd,  // declarations shared between modules
  kPxi,  // included into one of the others
  kPy,   // Python only; C types are given by annotations
};

// "# cython: key=value" or "# distutils: key = value" before the first statement.
struct Directive {
  SourceRange range;  // of key=value
  std::string_view key;
  std::string_view value;  // without blanks around it; "" if there was no `=`
};

struct Module {
  SourceRange range;
  FileKind file_kind = FileKind::kPyx;
  // The one in effect: of the text's own directive, else of the options.
  LanguageLevel level = LanguageLevel::k3;
  List<Directive> directives;  // cython
  List<Directive> distutils;
  Block body;
  // False if there is text that no rule of the grammar made something of. What errors were reported
  // then hide what other mistakes there are; otherwise the next stage finds those too.
  bool is_whole = true;
};

struct Tree {
  Arena arena;
  const Module* module = nullptr;  // never null once parsed, also if there were errors
};

}  // namespace engineroom::syntax
