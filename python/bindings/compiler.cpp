// bindings/compiler.cpp — engineroom._compiler: C++ text to code in this process.
//
// A module of its own, because it alone needs Clang and LLVM; python/engineroom/_jit.py imports it
// at the first compilation.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/gil.h"
#include "bindings/session.h"
#include "engineroom/version.h"
#include "jit/cache_directory.h"
#include "jit/compiler.h"

namespace nb = nanobind;

namespace engineroom::bindings {
namespace {

using jit::CompileJob;
using jit::Compiler;
using jit::CompileReport;
using jit::Diagnostic;
using jit::HeaderSet;
using jit::Program;

// What compile() returns.
struct Compiled {
  Program program;
  CompileReport report;
};

const char* name_of(jit::Severity severity) {
  switch (severity) {
    case jit::Severity::kNote:
      return "note";
    case jit::Severity::kWarning:
      return "warning";
    case jit::Severity::kError:
      break;
  }
  return "error";
}

}  // namespace

nb::dict timings_ms(const CompileReport& report) {
  nb::dict result;
  const auto put = [&](const char* name, Duration time) { result[name] = to_seconds(time) * 1e3; };
  put("header", report.timings.header);
  put("front_end", report.timings.front_end);
  put("optimize", report.timings.optimize);
  put("generate", report.timings.generate);
  put("link", report.timings.link);
  put("total", report.timings.total);
  return result;
}

namespace {

// CompileError(message) with `diagnostics`, for mistakes in the text; ImportError for symbols that
// are defined nowhere; OSError for the rest.
[[noreturn]] void raise(const Status& status, const CompileReport& report) {
  if (status.code() == ErrorCode::kInvalidArgument) {
    const nb::object type = nb::module_::import_("engineroom._compiler").attr("CompileError");
    nb::object error = type(status.message());
    error.attr("diagnostics") = nb::cast(report.diagnostics);
    PyErr_SetObject(type.ptr(), error.ptr());
    throw nb::python_error();
  }
  PyErr_SetString(status.code() == ErrorCode::kNotFound ? PyExc_ImportError : PyExc_OSError,
                  status.message().c_str());
  throw nb::python_error();
}

Compiled compile(Compiler& compiler, std::string source, std::string name,
                 std::vector<std::string> include_dirs, std::vector<std::string> flags,
                 int optimization, bool openmp, std::vector<Program> link,
                 std::vector<std::string> libraries, std::vector<std::string> library_dirs,
                 bool use_cache, bool want_ir, bool want_assembly) {
  const CompileJob job = {.source = std::move(source),
                          .name = std::move(name),
                          .include_dirs = std::move(include_dirs),
                          .flags = std::move(flags),
                          .optimization = optimization,
                          .openmp = openmp,
                          .link = std::move(link),
                          .libraries = std::move(libraries),
                          .library_dirs = std::move(library_dirs),
                          .use_cache = use_cache,
                          .want_ir = want_ir,
                          .want_assembly = want_assembly};
  Compiled compiled;
  Status status;
  {
    const GilReleased released;
    Result<Program> program = compiler.compile(job, compiled.report);
    if (program.ok()) {
      compiled.program = program.take();
    } else {
      status = program.status();
    }
  }
  if (!status.ok()) raise(status, compiled.report);
  return compiled;
}

}  // namespace
}  // namespace engineroom::bindings

NB_MODULE(_compiler, m) {
  using namespace engineroom::bindings;  // NOLINT(google-build-using-namespace)
  using nb::literals::operator""_a;
  m.doc() = "Embedded Clang. Internal: the package is the interface.";
  m.attr("__version__") = ENGINEROOM_VERSION;
  // Programs live as long as something may call them, at a prompt until the end.
  nb::set_leak_warnings(false);
  m.attr("CompileError") =
      nb::steal(PyErr_NewException("engineroom._compiler.CompileError", PyExc_ValueError, nullptr));
  nb::module_::import_("atexit").attr("register")(
      nb::cpp_function(&engineroom::jit::stop_unloading));
  m.def("default_cache_root", &engineroom::jit::CacheDirectory::default_root);

  nb::class_<Diagnostic>(m, "Diagnostic")
      .def_prop_ro("severity", [](const Diagnostic& self) { return name_of(self.severity); })
      .def_ro("file", &Diagnostic::file)
      .def_ro("line", &Diagnostic::line)
      .def_ro("column", &Diagnostic::column)
      .def_ro("message", &Diagnostic::message)
      .def("__str__", &Diagnostic::to_string);

  nb::class_<Program>(m, "Program")
      .def(
          "symbol",
          [](const Program& self, const std::string& name) -> nb::object {
            void* address = self.symbol(name);
            if (address == nullptr) return nb::none();
            return nb::int_(reinterpret_cast<std::uintptr_t>(address));
          },
          "name"_a, "The address of a symbol that the program defines, or None.");

  nb::class_<Compiled>(m, "Compiled")
      .def_ro("program", &Compiled::program)
      .def_prop_ro("diagnostics", [](const Compiled& self) { return self.report.diagnostics; })
      .def_prop_ro("from_cache", [](const Compiled& self) { return self.report.from_cache; })
      .def_prop_ro("ir", [](const Compiled& self) { return self.report.ir; })
      .def_prop_ro("assembly", [](const Compiled& self) { return self.report.assembly; })
      .def_prop_ro("timings_ms", [](const Compiled& self) { return timings_ms(self.report); });

  nb::class_<HeaderSet>(m, "HeaderSet")
      .def(
          "__init__",
          [](HeaderSet* self, std::string prefix, std::string header,
             std::vector<std::string> include_dirs) {
            new (self) HeaderSet{std::move(prefix), std::move(header), std::move(include_dirs)};
          },
          "prefix"_a, "header"_a, "include_dirs"_a);

  nb::class_<Compiler>(m, "Compiler")
      .def(
          "__init__",
          [](Compiler* self, std::string header, std::vector<std::string> include_dirs,
             std::string cache_root, std::vector<std::string> libraries,
             std::vector<HeaderSet> header_sets) {
            new (self) Compiler({.header = std::move(header),
                                 .header_sets = std::move(header_sets),
                                 .include_dirs = std::move(include_dirs),
                                 .libraries = std::move(libraries),
                                 .cache_root = std::move(cache_root)});
          },
          "header"_a, "include_dirs"_a, "cache_root"_a, "libraries"_a = std::vector<std::string>(),
          "header_sets"_a = std::vector<HeaderSet>())
      .def("compile", &compile, "source"_a, nb::kw_only(), "name"_a = "<cell>",
           "include_dirs"_a = std::vector<std::string>(), "flags"_a = std::vector<std::string>(),
           "optimization"_a = 2, "openmp"_a = false, "link"_a = std::vector<Program>(),
           "libraries"_a = std::vector<std::string>(),
           "library_dirs"_a = std::vector<std::string>(), "use_cache"_a = true, "want_ir"_a = false,
           "want_assembly"_a = false);

  bind_session(m);
}
