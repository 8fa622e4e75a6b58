#include "runtime/module.h"

#include "engineroom/version.h"
#include "runtime/ref.h"

namespace er {
namespace {

// What was compiled with the headers of one version calls this library as that version has it.
bool check_version(const ExtensionModule& extension) {
  if (std::strcmp(extension.version, ENGINEROOM_VERSION) == 0) return true;
  PyErr_Format(
      PyExc_ImportError,
      "%s was built with engineroom %s, and this is engineroom %s: build it again, or as a "
      "self-contained module",
      extension.name, extension.version, ENGINEROOM_VERSION);
  return false;
}

bool check_interpreter(const ExtensionModule& extension) {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return true;
  PyErr_Format(PyExc_ImportError, "%s can be imported by the main interpreter only",
               extension.name);
  return false;
}

}  // namespace

PyObject* create_module(PyObject* spec, ExtensionModule& extension) {
  if (!check_version(extension) || !check_interpreter(extension)) return nullptr;
  if (extension.module != nullptr) return Py_NewRef(extension.module);
  Ref reloaded(PyObject_GetAttrString(spec, "loader_state"));
  if (!reloaded) return nullptr;
  if (PyModule_Check(reloaded.get())) return reloaded.release();
  const Ref name(PyObject_GetAttrString(spec, "name"));
  return name ? PyModule_NewObject(name.get()) : nullptr;
}

int exec_module(PyObject* module, ExtensionModule& extension) {
  if (extension.module == module) return 0;  // it is imported again, or reloaded
  if (extension.module != nullptr) {
    PyErr_Format(PyExc_ImportError, "%s was imported under another name before", extension.name);
    return -1;
  }
  PyObject* globals = PyModule_GetDict(module);
  const Ref key(PyUnicode_InternFromString("__builtins__"));
  if (!key || PyDict_SetDefault(globals, key.get(), PyEval_GetBuiltins()) == nullptr) return -1;
  extension.module = Py_NewRef(module);
  if (extension.run(globals, nullptr) == 0) return 0;
  // Its functions may be in use elsewhere, so what they refer to has to stay: no reference is
  // dropped.
  extension.module = nullptr;
  return -1;
}

}  // namespace er
