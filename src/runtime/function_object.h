// runtime/function_object.h — what a function object is, for the library's own files; generated
// code needs none of it.
#pragma once

#include "runtime/function.h"

namespace er {

struct Function {
  FunctionHead head;
  // So many arguments by position are all that it takes, and may go to `body` as they are.
  Py_ssize_t n_direct;  // -1: never
  PyObject* (*body)(PyObject* self, PyObject* const* args);
  const FunctionSpec* spec;
  PyObject* parameters;  // a tuple of interned names, as in the spec
  PyObject* name;
  PyObject* qualname;
  PyObject* doc;
  PyObject* module;       // the name of it
  PyObject* globals;      // the namespace that the code uses; or null
  PyObject* home;         // what keeps the code loaded; or null
  PyObject* defaults;     // a tuple, or null
  PyObject* kwdefaults;   // a dict, or null
  PyObject* annotations;  // a dict, or null
  PyObject* code;         // null until asked for
  PyObject* dict;
  PyObject* weak_references;
};

inline Function* as_function(PyObject* o) { return reinterpret_cast<Function*>(o); }

inline PyObject* parameter_name(const Function* f, Py_ssize_t i) {
  return PyTuple_GET_ITEM(f->parameters, i);
}

// How it is called: of functions without *args and **kwargs, and of any. See function_call.cpp.
PyObject* call_plain(PyObject* o, PyObject* const* args, std::size_t nargsf, PyObject* kwnames);
PyObject* call_any(PyObject* o, PyObject* const* args, std::size_t nargsf, PyObject* kwnames);

}  // namespace er
