#include "sema/directives.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace engineroom::sema {
namespace {

// Accepted without effect: they tune what is not there, or the C code of another compiler.
constexpr std::array<std::string_view, 49> kWithoutEffect = {
    "always_allow_keywords",
    "auto_cpdef",
    "auto_pickle",
    "autotestdict",
    "autotestdict.all",
    "autotestdict.cdef",
    "binding",
    "c_api_binop_methods",
    "callspec",
    "ccomplex",
    "cdivision_warnings",
    "collection_type",
    "control_flow.dot_annotate_defs",
    "control_flow.dot_output",
    "cpp_locals",
    "defaults",
    "embedsignature",
    "embedsignature.format",
    "emit_code_comments",
    "fast_getattr",
    "fast_gil",
    "final",
    "formal_grammar",
    "freelist",
    "internal",
    "language_level",
    "linetrace",
    "no_gc",
    "no_gc_clear",
    "optimize.inline_defnode_calls",
    "optimize.unpack_method_calls",
    "optimize.unpack_method_calls_in_pyinit",
    "optimize.use_switch",
    "overflowcheck.fold",
    "preliminary_late_includes_cy28",
    "profile",
    "py2_import",
    "set_initial_path",
    "show_performance_hints",
    "subinterpreters_compatible",
    "test_assert_c_code_has",
    "test_assert_path_exists",
    "test_body_needs_exception_handling",
    "test_fail_if_path_exists",
    "total_ordering",
    "type_version_tag",
    "unraisable_tracebacks"};

std::optional<bool> to_bool(std::string_view text) {
  if (text == "True") return true;
  if (text == "False") return false;
  return std::nullopt;
}

}  // namespace

Directives::Set Directives::set(std::string_view name, std::string_view value) {
  const std::pair<std::string_view, bool*> flags[] = {
      {"boundscheck", &boundscheck},
      {"wraparound", &wraparound},
      {"initializedcheck", &initializedcheck},
      {"nonecheck", &nonecheck},
      {"cdivision", &cdivision},
      {"cpow", &cpow},
      {"overflowcheck", &overflowcheck},
      {"annotation_typing", &annotation_typing},
      {"legacy_implicit_noexcept", &legacy_implicit_noexcept},
      {"freethreading_compatible", &freethreading_compatible},
      {"parallel_checks", &parallel_checks},
      {"remove_unreachable", &remove_unreachable},
      {"strict_parallel_checks", &strict_parallel_checks},
      {"warn.maybe_uninitialized", &warn_maybe_uninitialized},
      {"warn.undeclared", &warn_undeclared},
      {"warn.unreachable", &warn_unreachable},
      {"warn.unused", &warn_unused},
      {"warn.unused_arg", &warn_unused_arg},
      {"warn.unused_result", &warn_unused_result}};
  for (const auto& [known, flag] : flags) {
    if (name != known) continue;
    const std::optional<bool> on = to_bool(value);
    if (!on) return Set::kBadValue;
    *flag = *on;
    is_cpow_given = is_cpow_given || flag == &cpow;
    return Set::kOk;
  }
  if (name == "infer_types") {
    const std::optional<bool> on = to_bool(value);
    if (!on && value != "None") return Set::kBadValue;
    infer_types = !on ? Infer::kSafe : *on ? Infer::kAlways : Infer::kNever;
    return Set::kOk;
  }
  // What char * is as an object; bytes, without these.
  if (name == "c_string_type" && value != "bytes") return Set::kUnsupported;
  if (name == "c_string_encoding" && !value.empty()) return Set::kUnsupported;
  const bool is_known =
      std::find(kWithoutEffect.begin(), kWithoutEffect.end(), name) != kWithoutEffect.end() ||
      name.starts_with("warn.") || name.starts_with("test_") || name.starts_with("c_string_");
  return is_known ? Set::kOk : Set::kUnknown;
}

}  // namespace engineroom::sema
