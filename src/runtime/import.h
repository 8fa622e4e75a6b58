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

// ---- C names that compiled modules lend each other ----

// Puts the address of a C function or variable, under its name and with its signature, into the
// dictionary __pyx_capi__ of `globals`, where Cython's modules look for such. `home`, which may be
// null, lives as long as the dictionary. False after an error.
ER_RUNTIME_API bool lend_c(PyObject* globals, PyObject* home, const char* name,
                           const char* signature, void* address);
// Imports the module and finds what it lends. `home.modules`, a list, keeps the module alive.
// False after an error: ImportError, or TypeError if the signature is another.
ER_RUNTIME_API bool borrow_c(PyObject* home, const char* module, const char* name,
                             const char* signature, bool is_function, void** address);

}  // namespace er
