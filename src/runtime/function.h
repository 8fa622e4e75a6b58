// runtime/function.h — Python functions around compiled code, and the constants of a module.
#pragma once

#include "runtime/python.h"

ER_BEGIN_INLINE
namespace er {

// What is known of a def function when it is compiled. It must outlive the function objects.
struct FunctionSpec {
  const char* name;
  const char* qualname;
  const char* doc;  // null if there is none
  // One borrowed object per parameter, in the order of `parameters`; keyword-only ones stand before
  // *args and **kwargs. `self` is the function object.
  PyObject* (*body)(PyObject* self, PyObject* const* args);
  const char* const* parameters;
  int n_positional_only;
  int n_positional;  // these too
  int n_keyword_only;
  bool has_varargs;
  bool has_varkeywords;
  const char* file;
  int line;
};

// `globals` is the namespace that the code uses (a dict), where __module__ is taken from too;
// `home` is kept alive as long as the function, and is its attribute __home__. It knows the
// functions by name, in a dict `functions`, and tells how to pickle them: reduce_function(f). Both,
// defaults (a tuple), kwdefaults and annotations (dicts) may be null. `scope` has the variables of
// the functions around it that the function uses: null if there are none.
ER_RUNTIME_API PyObject* new_function(const FunctionSpec* spec, PyObject* globals, PyObject* home,
                                      PyObject* defaults, PyObject* kwdefaults,
                                      PyObject* annotations, PyObject* scope = nullptr);

// What a function object starts with.
struct FunctionHead {
  PyObject ob_base;
  vectorcallfunc vectorcall;
  PyObject* scope;  // or null
};
inline PyObject* scope_of(PyObject* function) {
  return reinterpret_cast<FunctionHead*>(function)->scope;
}

enum class ConstantKind : unsigned char {
  kStr,
  kName,  // a string to be interned
  kBytes,
  kInt,
  kFloat,
  kComplex,
  kTuple,
  kFrozenSet,
};

struct ConstantSpec {
  ConstantKind kind;
  const char* text;  // kTuple, kFrozenSet: null
  Py_ssize_t size;   // of text, or how many items
  double value = 0;
  const int* items = nullptr;  // indices of earlier constants
};

// Fills `constants`; -1 after an error.
ER_RUNTIME_API int make_constants(const ConstantSpec* specs, Py_ssize_t n, PyObject** constants);

}  // namespace er
ER_END_INLINE
