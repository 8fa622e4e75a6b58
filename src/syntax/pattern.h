// syntax/pattern.h — the patterns of `match`, as in Python's `ast`.
#pragma once

#include <cstdint>

#include "syntax/expr.h"
#include "syntax/node.h"

namespace engineroom::syntax {

enum class PatternKind : std::uint8_t {
  kMatchValue,
  kMatchSingleton,
  kMatchSequence,
  kMatchMapping,
  kMatchClass,
  kMatchStar,
  kMatchAs,
  kMatchOr,
};

struct Pattern {
  PatternKind kind;
  SourceRange range;
};

template <PatternKind K>
struct PatternOf : Pattern {
  static constexpr PatternKind kKind = K;
  explicit PatternOf(SourceRange where) : Pattern{K, where} {}
};

// Compared with ==: a number, a string, or a dotted name.
struct MatchValue : PatternOf<PatternKind::kMatchValue> {
  using PatternOf::PatternOf;
  const Expr* value = nullptr;
};

// Compared with `is`: None, True, False.
struct MatchSingleton : PatternOf<PatternKind::kMatchSingleton> {
  using PatternOf::PatternOf;
  const Expr* value = nullptr;
};

struct MatchSequence : PatternOf<PatternKind::kMatchSequence> {
  using PatternOf::PatternOf;
  List<const Pattern*> patterns;  // at most one MatchStar
};

struct MatchMappingItem {
  const Expr* key = nullptr;
  const Pattern* pattern = nullptr;
};

struct MatchMapping : PatternOf<PatternKind::kMatchMapping> {
  using PatternOf::PatternOf;
  List<MatchMappingItem> items;
  Identifier rest;  // of `**rest`; empty if none
};

struct MatchKeyword {
  Identifier name;
  const Pattern* pattern = nullptr;
};

// cls(pattern, name=pattern)
struct MatchClass : PatternOf<PatternKind::kMatchClass> {
  using PatternOf::PatternOf;
  const Expr* cls = nullptr;  // a name, dotted or not
  List<const Pattern*> patterns;
  List<MatchKeyword> keywords;
};

// *name within a sequence; the name is empty for *_.
struct MatchStar : PatternOf<PatternKind::kMatchStar> {
  using PatternOf::PatternOf;
  Identifier name;
};

// `pattern as name`; `name` alone if the pattern is null; `_` if both are missing.
struct MatchAs : PatternOf<PatternKind::kMatchAs> {
  using PatternOf::PatternOf;
  const Pattern* pattern = nullptr;
  Identifier name;
};

// a | b | c
struct MatchOr : PatternOf<PatternKind::kMatchOr> {
  using PatternOf::PatternOf;
  List<const Pattern*> patterns;
};

}  // namespace engineroom::syntax
