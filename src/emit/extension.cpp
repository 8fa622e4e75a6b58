#include "emit/extension.h"

#include "emit/text.h"
#include "engineroom/version.h"

namespace engineroom::emit {

void begin_extension(bool uses_openmp, Writer& out) {
  if (uses_openmp) {
    // Without it loops would run on one core, and nobody would know why.
    out.line("#ifndef _OPENMP");
    out.line("#error \"prange needs OpenMP: compile and link this with -fopenmp\"");
    out.line("#endif");
  }
  // Whoever builds the module chooses the warnings. These are not for them: a parameter that
  // nothing reads, and vectors that are passed between functions of the module alone.
  for (const char* warning : {"unused-variable", "unused-function", "unused-parameter", "psabi"})
    out.line("#pragma GCC diagnostic ignored \"-W" + std::string(warning) + "\"");
  // What is filled in by a call that tells whether it did.
  out.line("#if !defined(__clang__)");
  out.line("#pragma GCC diagnostic ignored \"-Wmaybe-uninitialized\"");
  out.line("#endif");
}

void define_extension(const std::string& module, const std::string& init_symbol,
                      const std::string& entry, Writer& out) {
  const std::size_t dot = module.rfind('.');
  const std::string name = dot == std::string::npos ? module : module.substr(dot + 1);
  out.line("static er::ExtensionModule er_extension = {" + quoted(module) + ", " +
           quoted(ENGINEROOM_VERSION) + ", " + entry + "};");
  out.open("static PyObject* er_create(PyObject* spec, PyModuleDef*)");
  out.line("return er::create_module(spec, er_extension);");
  out.close();
  out.open("static int er_execute(PyObject* module)");
  out.line("er::make_openmp_fork_safe();");
  out.line("return er::exec_module(module, er_extension);");
  out.close();
  out.open("static PyModuleDef_Slot er_slots[] =");
  out.line("{Py_mod_create, reinterpret_cast<void*>(&er_create)},");
  out.line("{Py_mod_exec, reinterpret_cast<void*>(&er_execute)},");
  out.line("{0, nullptr},");
  out.close("};");
  out.line("static PyModuleDef er_definition = {PyModuleDef_HEAD_INIT, " + quoted(name) +
           ", nullptr, 0, nullptr, er_slots, nullptr, nullptr, nullptr};");
  out.open("PyMODINIT_FUNC " + init_symbol + "(void)");
  out.line("return PyModuleDef_Init(&er_definition);");
  out.close();
}

}  // namespace engineroom::emit
