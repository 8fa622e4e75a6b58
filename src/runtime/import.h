// runtime/import.h — import statements.
#pragma once

#include "runtime/python.h"

namespace er {

// __import__(name, globals, None, fromlist, level)
ER_RUNTIME_API PyObject* import_name(PyObject* globals, PyObject* name, PyObject* fromlist,
                                     int level);
// The package a of `import a.b`.
inline PyObject* import_top(PyObject* globals, PyObject* name) {
  return import_name(globals, name, nullptr, 0);
}
ER_RUNTIME_API PyObject* import_from(PyObject* module, PyObject* name);
ER_RUNTIME_API int import_star(PyObject* globals, PyObject* module);
// The module a.b of `import a.b as c`.
ER_RUNTIME_API PyObject* import_dotted(PyObject* globals, PyObject* name);

// ---- classes that compiled code knows by name ----

struct ClassSpec {
  const char* module;  // "" for builtins
  const char* name;
};
// Imports them; -1 after an error.
ER_RUNTIME_API int import_classes(const ClassSpec* specs, Py_ssize_t n, PyObject** classes);
// None passes. The object, borrowed, or null: "Cannot convert list to numpy.ndarray".
ER_RUNTIME_API ER_COLD PyObject* check_instance(PyObject* o, PyObject* type);
inline PyObject* as_instance(PyObject* o, PyObject* type) {
  if (Py_IsNone(o) || Py_IS_TYPE(o, reinterpret_cast<PyTypeObject*>(type))) [[likely]]
    return o;
  return check_instance(o, type);
}

}  // namespace er
