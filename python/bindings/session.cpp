// bindings/session.cpp — engineroom._compiler: Cython to native code, alone or in a session of
// cells.
#include "bindings/session.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/set.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/gil.h"
#include "session/session.h"

namespace nb = nanobind;

namespace engineroom::bindings {
namespace {

using jit::CompileJob;
using jit::Compiler;
using session::Cell;
using session::LineNote;
using session::Message;
using session::Request;
using session::Session;

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

Request request_from_python(std::string text, std::string file, std::string module,
                            const std::string& level, std::map<std::string, std::string> directives,
                            std::vector<std::string> pxd_path,
                            const std::vector<std::string>& known_names, std::string own_pxd,
                            bool wants_notes, std::string init_symbol, std::string traceback_file,
                            bool wants_stub) {
  return {.text = std::move(text),
          .file = std::move(file),
          .module = std::move(module),
          .level = level_from_python(level),
          .directives = std::move(directives),
          .pxd_path = std::move(pxd_path),
          .known_names = {known_names.begin(), known_names.end()},
          .own_pxd = std::move(own_pxd),
          .character_by_name = character_by_name,
          .wants_notes = wants_notes,
          .wants_stub = wants_stub,
          .init_symbol = std::move(init_symbol),
          .traceback_file = std::move(traceback_file)};
}

// The front end alone.
Cell translate(const Request& request) {
  const GilReleased released;
  Cell cell;
  cell.translation = session::translate(request);
  cell.ok = cell.translation.ok;
  return cell;
}

Cell compile(Compiler& compiler, const Request& request, const CompileJob& job) {
  const GilReleased released;
  return session::compile(compiler, request, job);
}

Cell compile_in(Session& session, const Request& request, const CompileJob& job) {
  const GilReleased released;
  return session.compile(request, job);
}

Cell compile_after(Session& session, const std::vector<Cell>& earlier, const Request& request,
                   const CompileJob& job) {
  const GilReleased released;
  return session.compile_after(earlier, request, job);
}

// The address of what runs the cell's statements.
std::uintptr_t entry(const Cell& cell) {
  return reinterpret_cast<std::uintptr_t>(cell.program.symbol(cell.translation.exec_symbol));
}

// In the order of the stages; `total` is the time of all.
nb::dict cell_timings_ms(const Cell& cell) {
  const session::Translation::Timings& front = cell.translation.timings;
  nb::dict result;
  const auto put = [&](const char* name, Duration time) { result[name] = to_seconds(time) * 1e3; };
  put("syntax", front.syntax);
  put("sema", front.sema);
  put("emit", front.emit);
  result.update(timings_ms(cell.report));
  put("total", front.syntax + front.sema + front.emit + cell.report.timings.total);
  return result;
}

void bind_message(nb::module_& m) {
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
}

void bind_note(nb::module_& m) {
  nb::class_<LineNote>(m, "LineNote")
      .def_ro("line", &LineNote::line)
      .def_ro("weight", &LineNote::weight)
      .def_ro("text", &LineNote::text)
      .def_ro("hint", &LineNote::hint);
}

void bind_cell(nb::module_& m) {
  nb::class_<Cell>(m, "Cell")
      .def_ro("ok", &Cell::ok)
      .def_ro("id", &Cell::id)
      .def_ro("uses", &Cell::uses)
      .def_prop_ro("messages", [](const Cell& self) { return self.translation.messages; })
      .def_prop_ro("syntax", [](const Cell& self) { return self.translation.syntax_text; })
      .def_prop_ro("types", [](const Cell& self) { return self.translation.types_text; })
      .def_prop_ro("cpp", [](const Cell& self) { return self.translation.cpp; })
      .def_prop_ro("lines", [](const Cell& self) { return self.translation.lines; })
      .def_prop_ro("notes", [](const Cell& self) { return self.translation.notes; })
      .def_prop_ro("stub", [](const Cell& self) { return self.translation.stub; })
      .def_prop_ro("headers", [](const Cell& self) { return self.translation.headers; })
      .def_prop_ro("dependencies", [](const Cell& self) { return self.translation.dependencies; })
      .def_prop_ro("loaded_names", [](const Cell& self) { return self.translation.loaded_names; })
      .def_prop_ro("bound_names", [](const Cell& self) { return self.translation.bound_names; })
      .def_prop_ro("uses_openmp", [](const Cell& self) { return self.translation.uses_openmp; })
      .def_prop_ro("distutils", [](const Cell& self) { return self.translation.distutils; })
      .def_prop_ro("diagnostics", [](const Cell& self) { return self.report.diagnostics; })
      .def_prop_ro("error", [](const Cell& self) { return self.status.message(); })
      .def_prop_ro("ir", [](const Cell& self) { return self.report.ir; })
      .def_prop_ro("assembly", [](const Cell& self) { return self.report.assembly; })
      .def_prop_ro("from_cache", [](const Cell& self) { return self.report.from_cache; })
      .def_prop_ro("timings_ms", &cell_timings_ms)
      .def_prop_ro("program", [](const Cell& self) { return self.program; })
      .def_prop_ro("entry", &entry, "The address of int exec(PyObject* globals, PyObject* home).");
}

}  // namespace

void bind_session(nb::module_& m) {
  using nb::literals::operator""_a;
  bind_message(m);
  bind_note(m);
  bind_cell(m);
  nb::class_<Request>(m, "Request")
      .def(
          "__init__",
          [](Request* self, std::string text, std::string file, std::string module,
             const std::string& level, std::map<std::string, std::string> directives,
             std::vector<std::string> pxd_path, const std::vector<std::string>& known_names,
             std::string own_pxd, bool wants_notes, std::string init_symbol,
             std::string traceback_file, bool wants_stub) {
            new (self) Request(request_from_python(
                std::move(text), std::move(file), std::move(module), level, std::move(directives),
                std::move(pxd_path), known_names, std::move(own_pxd), wants_notes,
                std::move(init_symbol), std::move(traceback_file), wants_stub));
          },
          "text"_a, nb::kw_only(), "file"_a = "<cell>", "module"_a = "cell", "level"_a = "3",
          "directives"_a = std::map<std::string, std::string>(),
          "pxd_path"_a = std::vector<std::string>(), "known_names"_a = std::vector<std::string>(),
          "own_pxd"_a = "", "wants_notes"_a = false, "init_symbol"_a = "", "traceback_file"_a = "",
          "wants_stub"_a = false);
  nb::class_<CompileJob>(m, "Job").def(
      "__init__",
      [](CompileJob* self, std::vector<std::string> include_dirs, std::vector<std::string> flags,
         int optimization, bool openmp, std::vector<std::string> libraries,
         std::vector<std::string> library_dirs, bool use_cache, bool want_ir, bool want_assembly) {
        new (self) CompileJob{.source = {},
                              .include_dirs = std::move(include_dirs),
                              .flags = std::move(flags),
                              .optimization = optimization,
                              .openmp = openmp,
                              .libraries = std::move(libraries),
                              .library_dirs = std::move(library_dirs),
                              .use_cache = use_cache,
                              .want_ir = want_ir,
                              .want_assembly = want_assembly};
      },
      nb::kw_only(), "include_dirs"_a = std::vector<std::string>(),
      "flags"_a = std::vector<std::string>(), "optimization"_a = 2, "openmp"_a = false,
      "libraries"_a = std::vector<std::string>(), "library_dirs"_a = std::vector<std::string>(),
      "use_cache"_a = true, "want_ir"_a = false, "want_assembly"_a = false);
  m.def("translate", &translate, "request"_a, "The stages up to C++.");
  m.def("compile", &compile, "compiler"_a, "request"_a, "job"_a, "A text of no session.");
  nb::class_<Session>(m, "Session")
      .def(nb::init<std::shared_ptr<Compiler>>(), "compiler"_a)
      .def("compile", &compile_in, "request"_a, "job"_a)
      .def("compile_after", &compile_after, "earlier"_a, "request"_a, "job"_a)
      .def("keep", &Session::keep, "cell"_a);
}

}  // namespace engineroom::bindings
