// bindings/front_end.cpp — engineroom._compiler.translate: Cython text to C++ text.
#include "bindings/front_end.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/gil.h"
#include "session/translate.h"

namespace nb = nanobind;

namespace engineroom::bindings {
namespace {

using session::Message;
using session::Translation;

syntax::LanguageLevel level_from_python(const std::string& level) {
  if (level == "2") return syntax::LanguageLevel::k2;
  if (level == "3") return syntax::LanguageLevel::k3;
  if (level == "3str") return syntax::LanguageLevel::k3Str;
  throw nb::value_error("level must be '2', '3' or '3str'");
}

// As Python's own unicodedata has it; the GIL is not held.
std::optional<char32_t> character_by_name(std::string_view name) {
  const nb::gil_scoped_acquire gil;
  try {
    const nb::object lookup = nb::module_::import_("unicodedata").attr("lookup");
    const nb::object found = lookup(nb::str(name.data(), name.size()));
    if (nb::len(found) != 1) return std::nullopt;
    return static_cast<char32_t>(PyUnicode_ReadChar(found.ptr(), 0));
  } catch (const nb::python_error&) {
    return std::nullopt;  // KeyError
  }
}

Translation translate(std::string text, std::string file, std::string module,
                      const std::string& level, std::map<std::string, std::string> directives,
                      std::vector<std::string> pxd_path,
                      const std::vector<std::string>& known_names, std::string own_pxd) {
  const session::Request request = {.text = std::move(text),
                                    .file = std::move(file),
                                    .module = std::move(module),
                                    .level = level_from_python(level),
                                    .directives = std::move(directives),
                                    .pxd_path = std::move(pxd_path),
                                    .known_names = {known_names.begin(), known_names.end()},
                                    .own_pxd = std::move(own_pxd),
                                    .character_by_name = character_by_name};
  const GilReleased released;
  return session::translate(request);
}

}  // namespace

void bind_front_end(nb::module_& m) {
  using nb::literals::operator""_a;
  nb::class_<Message>(m, "Message")
      .def_prop_ro("severity", [](const Message& self) { return to_string(self.severity); })
      .def_ro("code", &Message::code)
      .def_ro("file", &Message::file)
      .def_ro("line", &Message::line)
      .def_ro("column", &Message::column)
      .def_ro("end_line", &Message::end_line)
      .def_ro("end_column", &Message::end_column)
      .def_ro("message", &Message::text)
      .def_ro("hint", &Message::hint)
      .def("__str__", [](const Message& self) { return self.rendered; });
  nb::class_<Translation>(m, "Translation")
      .def_ro("ok", &Translation::ok)
      .def_ro("messages", &Translation::messages)
      .def_ro("syntax", &Translation::syntax_text)
      .def_ro("types", &Translation::types_text)
      .def_ro("cpp", &Translation::cpp)
      .def_ro("exec_symbol", &Translation::exec_symbol)
      .def_ro("headers", &Translation::headers);
  m.def("translate", &translate, "text"_a, nb::kw_only(), "file"_a = "<cell>", "module"_a = "cell",
        "level"_a = "3", "directives"_a = std::map<std::string, std::string>(),
        "pxd_path"_a = std::vector<std::string>(), "known_names"_a = std::vector<std::string>(),
        "own_pxd"_a = "");
}

}  // namespace engineroom::bindings
