// sema/directives.h — Cython's directives: settings that hold for a text, a function or a block.
#pragma once

#include <string_view>

namespace engineroom::sema {

// Those with an effect here. All others of Cython are known, and change nothing.
struct Directives {
  bool boundscheck = true;
  bool wraparound = true;
  bool initializedcheck = true;
  bool nonecheck = false;
  bool cdivision = false;
  bool cpow = false;
  bool is_cpow_given = false;  // else ** is C's where its result is assigned to a C number
  bool overflowcheck = false;
  bool annotation_typing = true;
  bool legacy_implicit_noexcept = false;
  bool freethreading_compatible = false;  // no word of parallel sections with the GIL
  bool parallel_checks = true;
  bool strict_parallel_checks = false;
  bool true_division = true;  // follows from the language level
  // Is 7 / 2 of C integers 3.5? By C's rules it is 3, at every language level.
  bool is_division_true() const { return true_division && !cdivision; }
  bool remove_unreachable = true;  // else what is never reached has to be right, too
  bool warn_unreachable = true;
  bool warn_maybe_uninitialized = false;
  bool warn_undeclared = false;
  bool warn_unused = false;
  bool warn_unused_arg = false;
  bool warn_unused_result = false;
  enum class Infer { kSafe, kAlways, kNever } infer_types = Infer::kSafe;

  enum class Set { kOk, kUnknown, kBadValue, kUnsupported };
  // `value` as in a comment: "True", "False", or text.
  Set set(std::string_view name, std::string_view value);
};

}  // namespace engineroom::sema
