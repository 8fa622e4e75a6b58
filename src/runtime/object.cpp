#include "runtime/engineroom_runtime.h"

namespace er {
namespace {

// Small ints have at most 30 bits: a sum or a product of two is a long.
bool both_small(PyObject* a, PyObject* b, long* x, long* y) {
  return small_int(a, x) && small_int(b, y);
}

bool both_floats(PyObject* a, PyObject* b) {
  return PyFloat_CheckExact(a) && PyFloat_CheckExact(b);
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
  if (both_small(a, b, &x, &y)) return PyLong_FromLong(x * y);
  if (both_floats(a, b)) return PyFloat_FromDouble(PyFloat_AS_DOUBLE(a) * PyFloat_AS_DOUBLE(b));
  return nullptr;
}

bool both_str(PyObject* a, PyObject* b) {
  return PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b);
}

}  // namespace

// ---- operators ----

PyObject* add(PyObject* a, PyObject* b) {
  if (PyObject* result = add_numbers(a, b)) return result;
  if (both_str(a, b)) return PyUnicode_Concat(a, b);
  return PyNumber_Add(a, b);
}
PyObject* inplace_add(PyObject* a, PyObject* b) {
  if (PyObject* result = add_numbers(a, b)) return result;
  return PyNumber_InPlaceAdd(a, b);
}

namespace {

// A str that nobody else knows, and that has room for all characters of `more`.
bool can_grow(PyObject* text, PyObject* more) {
  return text != more && Py_REFCNT(text) == 1 &&
         PyUnicode_MAX_CHAR_VALUE(more) <= PyUnicode_MAX_CHAR_VALUE(text) &&
         PyUnicode_GET_LENGTH(more) > 0 && PyUnicode_GET_LENGTH(text) > 0;
}

// REQUIRES: can_grow(*text, more). After an error it is as it was.
bool grow(PyObject** text, PyObject* more) {
  const Py_ssize_t n = PyUnicode_GET_LENGTH(*text);
  const Py_ssize_t n_more = PyUnicode_GET_LENGTH(more);
  if (PyUnicode_Resize(text, n + n_more) < 0) return false;
  const Py_ssize_t kind = PyUnicode_KIND(*text);
  if (PyUnicode_KIND(more) != kind) return PyUnicode_CopyCharacters(*text, n, more, 0, n_more) >= 0;
  std::memcpy(static_cast<char*>(PyUnicode_DATA(*text)) + n * kind, PyUnicode_DATA(more),
              static_cast<std::size_t>(n_more * kind));
  return true;
}

}  // namespace

bool add_to(Ref& variable, PyObject* b) {
  PyObject* a = variable.get();
  if (PyObject* result = add_numbers(a, b)) return variable.set(result);
  if (!both_str(a, b)) return variable.set(PyNumber_InPlaceAdd(a, b));
  if (!can_grow(a, b)) return variable.set(PyUnicode_Concat(a, b));
  PyObject* text = variable.release();
  const bool done = grow(&text, b);
  variable = Ref(text);
  return done;
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

// As ints, which a processor divides faster than longs.
PyObject* remainder(PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y) && y != 0)
    return PyLong_FromLong(mod_nz<int>(static_cast<int>(x), static_cast<int>(y)));
  return PyNumber_Remainder(a, b);
}
PyObject* floor_divide(PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y) && y != 0)
    return PyLong_FromLong(floor_div_nz<int>(static_cast<int>(x), static_cast<int>(y)));
  return PyNumber_FloorDivide(a, b);
}

// ---- comparison ----

namespace {

template <int kOp, typename T>
bool ordered(T a, T b) {
  if constexpr (kOp == Py_LT) return a < b;
  if constexpr (kOp == Py_LE) return a <= b;
  if constexpr (kOp == Py_EQ) return a == b;
  if constexpr (kOp == Py_NE) return a != b;
  if constexpr (kOp == Py_GT) return a > b;
  return a >= b;
}

bool is_ready(PyObject* text) {
#if PY_VERSION_HEX < 0x030C0000
  return PyUnicode_IS_READY(text);
#else
  (void)text;
  return true;
#endif
}

bool equal_str(PyObject* a, PyObject* b) {
  const Py_ssize_t n = PyUnicode_GET_LENGTH(a);
  const auto kind = PyUnicode_KIND(a);
  if (n != PyUnicode_GET_LENGTH(b) || kind != PyUnicode_KIND(b)) return false;
  // Most of those that differ do so at once, and many texts are of one character.
  if (n == 0) return true;
  if (PyUnicode_READ(kind, PyUnicode_DATA(a), 0) != PyUnicode_READ(kind, PyUnicode_DATA(b), 0))
    return false;
  return n == 1 ||
         std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), static_cast<std::size_t>(n) * kind) == 0;
}

}  // namespace

template <int kOp>
int compared(PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y)) return ordered<kOp>(x, y);
  if (both_floats(a, b)) return ordered<kOp>(PyFloat_AS_DOUBLE(a), PyFloat_AS_DOUBLE(b));
  if constexpr (kOp == Py_EQ || kOp == Py_NE) {
    if (both_str(a, b) && is_ready(a) && is_ready(b))
      return (a == b || equal_str(a, b)) == (kOp == Py_EQ);
  }
  PyObject* result = PyObject_RichCompare(a, b, kOp);
  if (result == nullptr) return -1;
  const int value = truth(result);
  Py_DECREF(result);
  return value;
}

template int compared<Py_LT>(PyObject* a, PyObject* b);
template int compared<Py_LE>(PyObject* a, PyObject* b);
template int compared<Py_EQ>(PyObject* a, PyObject* b);
template int compared<Py_NE>(PyObject* a, PyObject* b);
template int compared<Py_GT>(PyObject* a, PyObject* b);
template int compared<Py_GE>(PyObject* a, PyObject* b);

int truth_of(PyObject* o) {
  long value;
  if (small_int(o, &value)) return value != 0;
  return PyObject_IsTrue(o);
}

int contains(PyObject* item, PyObject* container) {
  if (PyDict_CheckExact(container)) return PyDict_Contains(container, item);
  if (PySet_CheckExact(container)) return PySet_Contains(container, item);
  if (PyUnicode_CheckExact(container)) return PyUnicode_Contains(container, item);
  return PySequence_Contains(container, item);
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
