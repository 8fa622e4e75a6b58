// runtime/builtins.h — calls that nearly always are of a builtin.
//
// The text says isinstance(…) or o.append(…); what that is, is known when it runs. If it is the
// builtin, or a method of a builtin type, no call is made; otherwise it is a call like any other.
#pragma once

#include "runtime/object.h"
#include "runtime/python.h"

namespace er {

// ---- functions: f is what the name stands for ----

ER_RUNTIME_API PyObject* call_isinstance(PyObject* f, PyObject* const (&args)[2]);
ER_RUNTIME_API PyObject* call_abs(PyObject* f, PyObject* const (&args)[1]);
ER_RUNTIME_API PyObject* call_min(PyObject* f, PyObject* const (&args)[2]);
ER_RUNTIME_API PyObject* call_max(PyObject* f, PyObject* const (&args)[2]);

// ---- methods: `name` is the method's ----

// o.get(key) and o.get(key, otherwise)
template <std::size_t N>
inline PyObject* call_get(PyObject* o, PyObject* name, PyObject* const (&args)[N]) {
  if (!PyDict_CheckExact(o)) return call_method(o, name, args);
  PyObject* found = PyDict_GetItemWithError(o, args[0]);
  if (found == nullptr) {
    if (PyErr_Occurred()) return nullptr;
    found = N > 1 ? args[N - 1] : Py_None;
  }
  return Py_NewRef(found);
}
// Whose result nobody looks at: -1 after an error.
ER_RUNTIME_API int do_append(PyObject* o, PyObject* name, PyObject* const (&args)[1]);
ER_RUNTIME_API int do_add(PyObject* o, PyObject* name, PyObject* const (&args)[1]);

}  // namespace er
