#include "runtime/engineroom_runtime.h"

namespace er {
namespace {

// The sum and so on of two small ints, if it is one.
bool both_small(PyObject* a, PyObject* b, long* x, long* y) {
  return small_int(a, x) && small_int(b, y);
}

bool both_floats(PyObject* a, PyObject* b) {
  return PyFloat_CheckExact(a) && PyFloat_CheckExact(b);
}

template <typename T>
bool ordered(T a, T b, int op) {
  switch (op) {
    case Py_LT:
      return a < b;
    case Py_LE:
      return a <= b;
    case Py_EQ:
      return a == b;
    case Py_NE:
      return a != b;
    case Py_GT:
      return a > b;
    default:
      return a >= b;
  }
}

// ints and floats at once; null means: ask Python.
inline PyObject* add_numbers(PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y)) return PyLong_FromLong(x + y);
  if (both_floats(a, b)) return PyFloat_FromDouble(PyFloat_AS_DOUBLE(a) + PyFloat_AS_DOUBLE(b));
  return nullptr;
}
inline PyObject* subtract_numbers(PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y)) return PyLong_FromLong(x - y);
  if (both_floats(a, b)) return PyFloat_FromDouble(PyFloat_AS_DOUBLE(a) - PyFloat_AS_DOUBLE(b));
  return nullptr;
}
inline PyObject* multiply_numbers(PyObject* a, PyObject* b) {
  long x;
  long y;
  long product;
  if (both_small(a, b, &x, &y) && !__builtin_mul_overflow(x, y, &product))
    return PyLong_FromLong(product);
  if (both_floats(a, b)) return PyFloat_FromDouble(PyFloat_AS_DOUBLE(a) * PyFloat_AS_DOUBLE(b));
  return nullptr;
}
}  // namespace

// ---- operators ----
// Small ints have at most 60 bits, so that a sum of two is a long.

PyObject* add(PyObject* a, PyObject* b) {
  if (PyObject* result = add_numbers(a, b)) return result;
  if (PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b)) return PyUnicode_Concat(a, b);
  return PyNumber_Add(a, b);
}
PyObject* inplace_add(PyObject* a, PyObject* b) {
  if (PyObject* result = add_numbers(a, b)) return result;
  return PyNumber_InPlaceAdd(a, b);
}

PyObject* subtract(PyObject* a, PyObject* b) {
  if (PyObject* result = subtract_numbers(a, b)) return result;
  return PyNumber_Subtract(a, b);
}
PyObject* inplace_subtract(PyObject* a, PyObject* b) {
  if (PyObject* result = subtract_numbers(a, b)) return result;
  return PyNumber_InPlaceSubtract(a, b);
}

PyObject* multiply(PyObject* a, PyObject* b) {
  if (PyObject* result = multiply_numbers(a, b)) return result;
  return PyNumber_Multiply(a, b);
}
PyObject* inplace_multiply(PyObject* a, PyObject* b) {
  if (PyObject* result = multiply_numbers(a, b)) return result;
  return PyNumber_InPlaceMultiply(a, b);
}

PyObject* remainder(PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y) && y != 0) return PyLong_FromLong(mod_nz<long>(x, y));
  return PyNumber_Remainder(a, b);
}
PyObject* floor_divide(PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y) && y != 0) return PyLong_FromLong(floor_div_nz<long>(x, y));
  return PyNumber_FloorDivide(a, b);
}

int compare_true(PyObject* a, PyObject* b, int op) {
  long x;
  long y;
  if (both_small(a, b, &x, &y)) return ordered(x, y, op);
  if (both_floats(a, b)) return ordered(PyFloat_AS_DOUBLE(a), PyFloat_AS_DOUBLE(b), op);
  if (PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b) && (op == Py_EQ || op == Py_NE)) {
    if (a == b) return op == Py_EQ;
    if (PyUnicode_GET_LENGTH(a) != PyUnicode_GET_LENGTH(b)) return op == Py_NE;
  }
  PyObject* result = PyObject_RichCompare(a, b, op);
  if (result == nullptr) return -1;
  const int value = truth(result);
  Py_DECREF(result);
  return value;
}

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
  PyErr_Format(PyExc_UnboundLocalError,
               "cannot access local variable '%s' where it is not associated with a value", name);
  return false;
}

// ---- methods ----

PyObject* call_one(PyObject* f, PyObject* argument) {
  if (f == reinterpret_cast<PyObject*>(&PyUnicode_Type)) return PyObject_Str(argument);
  if (f == reinterpret_cast<PyObject*>(&PyType_Type))
    return Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(argument)));
  PyObject* stack[2] = {nullptr, argument};
  return PyObject_Vectorcall(f, stack + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
}

PyObject* append(PyObject* o, PyObject* name, PyObject* item) {
  if (PyList_CheckExact(o)) return PyList_Append(o, item) == 0 ? Py_NewRef(Py_None) : nullptr;
  return call_method(o, name, {item});
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

// ---- calls ----

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
