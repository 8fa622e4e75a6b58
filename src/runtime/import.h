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

}  // namespace er
