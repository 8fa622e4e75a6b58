#include "runtime/engineroom_runtime.h"

namespace er {
namespace {

// The builtin function of this name, and not what somebody put into its place.
bool is_genuine(PyObject* f, const char* name) {
  if (!PyCFunction_CheckExact(f)) return false;
  const auto* function = reinterpret_cast<PyCFunctionObject*>(f);
  return function->m_self != nullptr && PyModule_CheckExact(function->m_self) &&
         PyModule_GetDict(function->m_self) == PyEval_GetBuiltins() &&
         std::strcmp(function->m_ml->ml_name, name) == 0;
}

// A builtin function, once it was seen.
class Builtin {
 public:
  explicit Builtin(const char* name) : name_(name) {}
  bool is(PyObject* f) {
    if (f == function_) [[likely]]
      return true;
    if (function_ != nullptr || !is_genuine(f, name_)) return false;
    function_ = Py_NewRef(f);
    return true;
  }

 private:
  const char* const name_;
  PyObject* function_ = nullptr;
};

// The second, if it compares so with the first.
PyObject* better(PyObject* first, PyObject* second, int better) {
  return better < 0 ? nullptr : Py_NewRef(better > 0 ? second : first);
}

}  // namespace

// ---- functions ----

PyObject* call_isinstance(PyObject* f, PyObject* const (&args)[2]) {
  static Builtin builtin("isinstance");
  if (!builtin.is(f)) return call(f, args);
  const int is_it = PyObject_IsInstance(args[0], args[1]);
  return is_it < 0 ? nullptr : to_bool(is_it);
}

PyObject* call_abs(PyObject* f, PyObject* const (&args)[1]) {
  static Builtin builtin("abs");
  return builtin.is(f) ? PyNumber_Absolute(args[0]) : call(f, args);
}

PyObject* call_min(PyObject* f, PyObject* const (&args)[2]) {
  static Builtin builtin("min");
  if (!builtin.is(f)) return call(f, args);
  return better(args[0], args[1], compare_true<Py_LT>(args[1], args[0]));
}

PyObject* call_max(PyObject* f, PyObject* const (&args)[2]) {
  static Builtin builtin("max");
  if (!builtin.is(f)) return call(f, args);
  return better(args[0], args[1], compare_true<Py_GT>(args[1], args[0]));
}

// ---- methods ----

int do_append(PyObject* o, PyObject* name, PyObject* const (&args)[1]) {
  if (PyList_CheckExact(o)) return PyList_Append(o, args[0]);
  return Ref(call_method(o, name, args)) ? 0 : -1;
}

int do_add(PyObject* o, PyObject* name, PyObject* const (&args)[1]) {
  if (PySet_CheckExact(o)) return PySet_Add(o, args[0]);
  return Ref(call_method(o, name, args)) ? 0 : -1;
}

}  // namespace er
