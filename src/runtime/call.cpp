#include "runtime/engineroom_runtime.h"

namespace er {

// ---- calls ----

// CPython would also check that there is a result or an exception, never both.
PyObject* vectorcall(PyObject* f, PyObject* const* args, std::size_t n, PyObject* names) {
  const std::size_t n_and_flag = n | PY_VECTORCALL_ARGUMENTS_OFFSET;
  const PyTypeObject* type = Py_TYPE(f);
  if (PyType_HasFeature(const_cast<PyTypeObject*>(type), Py_TPFLAGS_HAVE_VECTORCALL)) [[likely]] {
    vectorcallfunc function;
    std::memcpy(&function, reinterpret_cast<const char*>(f) + type->tp_vectorcall_offset,
                sizeof function);
    if (function != nullptr) [[likely]]
      return function(f, args, n_and_flag, names);
  }
  if (n == 1 && names == nullptr && f == reinterpret_cast<PyObject*>(&PyUnicode_Type))
    return PyObject_Str(args[0]);
  return PyObject_Vectorcall(f, args, n_and_flag, names);
}

namespace {

// What a module has in its dict under this name, borrowed; null if it is not that simple. What its
// type has all begins with an underscore.
PyObject* in_module(PyObject* module, PyObject* name) {
  if (!PyModule_CheckExact(module) || PyUnicode_GET_LENGTH(name) == 0 ||
      PyUnicode_READ_CHAR(name, 0) == '_')
    return nullptr;
  PyObject* found = PyDict_GetItemWithError(PyModule_GetDict(module), name);
  if (found == nullptr) PyErr_Clear();
  return found;
}

}  // namespace

PyObject* vectorcall_method(PyObject* name, PyObject* const* args, std::size_t n) {
  PyObject* found = in_module(args[0], name);
  if (found != nullptr) {
    const Ref f = borrow(found);
    return vectorcall(f, args + 1, n - 1);
  }
#if PY_VERSION_HEX < 0x030D0000
  const bool is_unbound = _PyObject_GetMethod(args[0], name, &found) != 0;
  if (found == nullptr) return nullptr;
  const Ref f(found);
  return is_unbound ? vectorcall(f, args, n) : vectorcall(f, args + 1, n - 1);
#else
  return PyObject_VectorcallMethod(name, args, n | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
#endif
}

// ---- keyword arguments ----

namespace {

// "f()" as CPython calls it in messages about calls. Null after an error.
PyObject* shown_function(PyObject* f) {
  PyObject* qualname = PyObject_GetAttrString(f, "__qualname__");
  if (qualname == nullptr || !PyUnicode_Check(qualname)) {
    PyErr_Clear();
    Py_XDECREF(qualname);
    return PyObject_Str(f);
  }
  PyObject* module = PyObject_GetAttrString(f, "__module__");
  if (module == nullptr) PyErr_Clear();
  PyObject* shown = nullptr;
  if (module != nullptr && PyUnicode_Check(module) &&
      PyUnicode_CompareWithASCIIString(module, "builtins") != 0) {
    shown = PyUnicode_FromFormat("%U.%U()", module, qualname);
  } else {
    shown = PyUnicode_FromFormat("%U()", qualname);
  }
  Py_XDECREF(module);
  Py_DECREF(qualname);
  return shown;
}

void raise_call_error(PyObject* f, const char* text, PyObject* what) {
  PyObject* shown = shown_function(f);
  if (shown == nullptr) return;
  PyErr_Format(PyExc_TypeError, text, shown, what);
  Py_DECREF(shown);
}

}  // namespace

int kwargs_set(PyObject* kwargs, PyObject* name, PyObject* value, PyObject* f) {
  const int there = PyDict_Contains(kwargs, name);
  if (there < 0) return -1;
  if (there > 0) {
    raise_call_error(f, "%U got multiple values for keyword argument '%S'", name);
    return -1;
  }
  return PyDict_SetItem(kwargs, name, value);
}

int kwargs_update(PyObject* kwargs, PyObject* mapping, PyObject* f) {
  if (!PyDict_Check(mapping) && !PyObject_HasAttrString(mapping, "keys")) {
    PyObject* shown = shown_function(f);
    if (shown == nullptr) return -1;
    PyErr_Format(PyExc_TypeError, "%U argument after ** must be a mapping, not %.200s", shown,
                 Py_TYPE(mapping)->tp_name);
    Py_DECREF(shown);
    return -1;
  }
  PyObject* keys = PyMapping_Keys(mapping);
  if (keys == nullptr) return -1;
  int result = 0;
  for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(keys); ++i) {
    PyObject* key = PyList_GET_ITEM(keys, i);
    if (!PyUnicode_Check(key)) {
      raise_call_error(f, "%U keywords must be strings", nullptr);
      result = -1;
      break;
    }
    PyObject* value = PyObject_GetItem(mapping, key);
    result = value != nullptr ? kwargs_set(kwargs, key, value, f) : -1;
    Py_XDECREF(value);
  }
  Py_DECREF(keys);
  return result;
}

PyObject* call_args(PyObject* args, PyObject* f) {
  if (PyTuple_CheckExact(args)) return Py_NewRef(args);
  if (Py_TYPE(args)->tp_iter == nullptr && !PySequence_Check(args)) {
    PyObject* shown = shown_function(f);
    if (shown == nullptr) return nullptr;
    PyErr_Format(PyExc_TypeError, "%U argument after * must be an iterable, not %.200s", shown,
                 Py_TYPE(args)->tp_name);
    Py_DECREF(shown);
    return nullptr;
  }
  return PySequence_Tuple(args);
}

}  // namespace er
