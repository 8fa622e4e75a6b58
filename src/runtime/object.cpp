#include "runtime/engineroom_runtime.h"

namespace er {
// ---- names ----

namespace {

// NameError and its kin know the name, from which Python makes suggestions.
void raise_name_error(PyObject* type, const char* text, PyObject* name) {
  PyObject* message = PyUnicode_FromFormat(text, name);
  PyObject* exception = message != nullptr ? PyObject_CallOneArg(type, message) : nullptr;
  Py_XDECREF(message);
  if (exception == nullptr) return;
  if (type == PyExc_NameError && PyObject_SetAttrString(exception, "name", name) < 0) PyErr_Clear();
  PyErr_SetObject(type, exception);
  Py_DECREF(exception);
}

// Builtins of Cython that this Python has elsewhere, or a substitute for. Borrowed; null if it is
// none.
PyObject* builtin_elsewhere(PyObject* name) {
  if (PyUnicode_CompareWithASCIIString(name, "frozendict") == 0)
    return reinterpret_cast<PyObject*>(&PyDict_Type);
  if (PyUnicode_CompareWithASCIIString(name, "intern") == 0) return PySys_GetObject("intern");
  return nullptr;
}

}  // namespace

PyObject* load_global(PyObject* globals, PyObject* name) {
  PyObject* found = PyDict_GetItemWithError(globals, name);
  if (found != nullptr) return Py_NewRef(found);
  if (PyErr_Occurred()) return nullptr;
  found = PyDict_GetItemWithError(PyEval_GetBuiltins(), name);
  if (found == nullptr && !PyErr_Occurred()) found = builtin_elsewhere(name);
  if (found != nullptr) return Py_NewRef(found);
  if (!PyErr_Occurred()) raise_name_error(PyExc_NameError, "name '%U' is not defined", name);
  return nullptr;
}

PyObject* load_global_anew(PyObject* globals, PyObject* name, GlobalCache& cache) {
#ifdef ER_DICT_VERSIONS
  PyObject* builtins = PyEval_GetBuiltins();
  PyObject* found = PyDict_GetItemWithError(globals, name);
  if (found == nullptr && !PyErr_Occurred()) found = PyDict_GetItemWithError(builtins, name);
  if (found != nullptr) {
    cache.builtins = builtins;
    cache.globals_version = dict_version(globals);
    cache.builtins_version = dict_version(builtins);
    cache.value = found;
    return Py_NewRef(found);
  }
  if (PyErr_Occurred()) return nullptr;
#else
  (void)cache;
#endif
  return load_global(globals, name);
}

int delete_global(PyObject* globals, PyObject* name) {
  if (PyDict_DelItem(globals, name) == 0) return 0;
  if (PyErr_ExceptionMatches(PyExc_KeyError)) {
    PyErr_Clear();
    raise_name_error(PyExc_NameError, "name '%U' is not defined", name);
  }
  return -1;
}

int forget_global(PyObject* globals, PyObject* name) {
  if (PyDict_DelItem(globals, name) == 0) return 0;
  if (!PyErr_ExceptionMatches(PyExc_KeyError)) return -1;
  PyErr_Clear();
  return 0;
}

bool raise_unbound_local(const char* name) {
  const WithGil gil;  // items of a buffer are read without it
  PyErr_Format(PyExc_UnboundLocalError,
               "cannot access local variable '%s' where it is not associated with a value", name);
  return false;
}

// ---- attributes ----

PyObject* lookup_special(PyObject* o, PyObject* name) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject* found = _PyType_Lookup(type, name);
  if (found == nullptr) {
    if (PyUnicode_CompareWithASCIIString(name, "__exit__") == 0) {
      PyErr_Format(PyExc_TypeError,
                   "'%.200s' object does not support the context manager protocol "
                   "(missed __exit__ method)",
                   type->tp_name);
    } else if (PyUnicode_CompareWithASCIIString(name, "__enter__") == 0) {
      PyErr_Format(PyExc_TypeError, "'%.200s' object does not support the context manager protocol",
                   type->tp_name);
    } else {
      PyErr_SetObject(PyExc_AttributeError, name);
    }
    return nullptr;
  }
  const descrgetfunc get = Py_TYPE(found)->tp_descr_get;
  if (get == nullptr) return Py_NewRef(found);
  Py_INCREF(found);
  PyObject* bound = get(found, o, reinterpret_cast<PyObject*>(type));
  Py_DECREF(found);
  return bound;
}

// ---- statements ----

int print_of(PyObject* file, int newline, PyObject* const* items, Py_ssize_t n) {
  PyObject* print = PyDict_GetItemString(PyEval_GetBuiltins(), "print");
  if (print == nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "lost builtins.print");
    return -1;
  }
  const Ref args(tuple_of(items, n));
  const Ref kwargs(PyDict_New());
  if (!args || !kwargs) return -1;
  if (file != nullptr && PyDict_SetItemString(kwargs, "file", file) < 0) return -1;
  if (!newline) {
    const Ref space(PyUnicode_FromString(" "));
    if (!space || PyDict_SetItemString(kwargs, "end", space) < 0) return -1;
  }
  const Ref result(PyObject_Call(print, args, kwargs));
  return result ? 0 : -1;
}

int exec_statement(PyObject* code, PyObject* globals, PyObject* locals) {
  const Ref result(exec(globals, code, globals, locals == nullptr ? Py_None : locals));
  return result ? 0 : -1;
}

namespace {

PyObject* run_code(const char* name, PyObject* module_globals, PyObject* code, PyObject* globals,
                   PyObject* locals) {
  if (globals == Py_None) globals = module_globals;
  if (locals == Py_None) locals = globals;
  PyObject* function = PyDict_GetItemString(PyEval_GetBuiltins(), name);
  if (function == nullptr) {
    PyErr_Format(PyExc_RuntimeError, "lost builtins.%s", name);
    return nullptr;
  }
  return PyObject_CallFunctionObjArgs(function, code, globals, locals, nullptr);
}

}  // namespace

PyObject* eval(PyObject* module_globals, PyObject* code, PyObject* globals, PyObject* locals) {
  return run_code("eval", module_globals, code, globals, locals);
}

PyObject* exec(PyObject* module_globals, PyObject* code, PyObject* globals, PyObject* locals) {
  return run_code("exec", module_globals, code, globals, locals);
}

PyObject* sorted_keys(PyObject* dict) {
  Ref keys(PyDict_Keys(dict));
  if (!keys || PyList_Sort(keys) < 0) return nullptr;
  return keys.release();
}

}  // namespace er
