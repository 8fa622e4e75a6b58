// runtime/object.h — names, attributes, calls.
#pragma once

#include "runtime/python.h"
#include "runtime/ref.h"

ER_BEGIN_INLINE
namespace er {

// ---- names ----

// In globals, then in builtins.
ER_RUNTIME_API PyObject* load_global(PyObject* globals, PyObject* name);
// The same with what was found last time, as long as neither dict has changed since. Up to Python
// 3.11 a dict tells; later ones would have to be watched.
struct GlobalCache {
  PyObject* builtins;
  std::uint64_t globals_version;
  std::uint64_t builtins_version;
  PyObject* value;
};
#if PY_VERSION_HEX < 0x030C0000
#define ER_DICT_VERSIONS
inline std::uint64_t dict_version(PyObject* dict) {
  return reinterpret_cast<PyDictObject*>(dict)->ma_version_tag;
}
#endif
ER_RUNTIME_API PyObject* load_global_anew(PyObject* globals, PyObject* name, GlobalCache& cache);
inline PyObject* load_global(PyObject* globals, PyObject* name, GlobalCache& cache) {
#ifdef ER_DICT_VERSIONS
  if (cache.value != nullptr && cache.globals_version == dict_version(globals) &&
      cache.builtins_version == dict_version(cache.builtins)) [[likely]]
    return Py_NewRef(cache.value);
#endif
  return load_global_anew(globals, name, cache);
}
inline int store_global(PyObject* globals, PyObject* name, PyObject* value) {
  return PyDict_SetItem(globals, name, value);
}
ER_RUNTIME_API int delete_global(PyObject* globals, PyObject* name);
// delete_global(), but no error if it is not there.
ER_RUNTIME_API int forget_global(PyObject* globals, PyObject* name);
// Always false.
ER_RUNTIME_API ER_COLD bool raise_unbound_local(const char* name);

// ---- attributes ----

inline PyObject* get_attr(PyObject* o, PyObject* name) { return PyObject_GetAttr(o, name); }
inline int set_attr(PyObject* o, PyObject* name, PyObject* value) {
  const setattrofunc set = Py_TYPE(o)->tp_setattro;
  return set != nullptr ? set(o, name, value) : PyObject_SetAttr(o, name, value);
}
inline int del_attr(PyObject* o, PyObject* name) { return PyObject_SetAttr(o, name, nullptr); }
// A method that the language calls (__enter__, __exit__): looked up on the class, bound.
ER_RUNTIME_API PyObject* lookup_special(PyObject* o, PyObject* name);

// ---- calls ----

// f(args[0], …), with keyword arguments at the end if there are `names` of them. There is room for
// an object in front of the arguments: a bound method then need not copy them.
ER_RUNTIME_API PyObject* vectorcall(PyObject* f, PyObject* const* args, std::size_t n,
                                    PyObject* names = nullptr);
// The method `name` of args[0]; n counts that too.
ER_RUNTIME_API PyObject* vectorcall_method(PyObject* name, PyObject* const* args, std::size_t n);
inline PyObject* call(PyObject* f) {
  PyObject* stack[1] = {nullptr};
  return vectorcall(f, stack + 1, 0);
}
template <std::size_t N>
inline PyObject* call(PyObject* f, PyObject* const (&args)[N]) {
  PyObject* stack[N + 1] = {nullptr};
  for (std::size_t i = 0; i < N; ++i) stack[i + 1] = args[i];
  return vectorcall(f, stack + 1, N);
}
inline PyObject* call_method(PyObject* o, PyObject* name) {
  PyObject* stack[2] = {nullptr, o};
  return vectorcall_method(name, stack + 1, 1);
}
template <std::size_t N>
inline PyObject* call_method(PyObject* o, PyObject* name, PyObject* const (&args)[N]) {
  PyObject* stack[N + 2] = {nullptr, o};
  for (std::size_t i = 0; i < N; ++i) stack[i + 2] = args[i];
  return vectorcall_method(name, stack + 1, N + 1);
}
// The last len(names) arguments are keyword arguments.
template <std::size_t N>
inline PyObject* call_kw(PyObject* f, PyObject* names, PyObject* const (&args)[N]) {
  PyObject* stack[N + 1] = {nullptr};
  for (std::size_t i = 0; i < N; ++i) stack[i + 1] = args[i];
  return vectorcall(f, stack + 1, N - static_cast<std::size_t>(PyTuple_GET_SIZE(names)), names);
}
// kwargs may be null.
inline PyObject* call_ex(PyObject* f, PyObject* args, PyObject* kwargs) {
  return PyObject_Call(f, args, kwargs);
}
// Build the keyword arguments of a call of f; a name that is there already is a TypeError.
ER_RUNTIME_API int kwargs_set(PyObject* kwargs, PyObject* name, PyObject* value, PyObject* f);
ER_RUNTIME_API int kwargs_update(PyObject* kwargs, PyObject* mapping, PyObject* f);
// For f(*args): a tuple of anything iterable.
ER_RUNTIME_API PyObject* call_args(PyObject* args, PyObject* f);

// ---- statements ----

// Python 2's print; `file` may be null.
ER_RUNTIME_API int print_of(PyObject* file, int newline, PyObject* const* items, Py_ssize_t n);
inline int print(PyObject* file, int newline) { return print_of(file, newline, nullptr, 0); }
template <std::size_t N>
inline int print(PyObject* file, int newline, PyObject* const (&items)[N]) {
  return print_of(file, newline, items, N);
}
// Python 2's exec; locals may be null.
ER_RUNTIME_API int exec_statement(PyObject* code, PyObject* globals, PyObject* locals);

// ---- functions that would look at the frame of their caller ----

// eval(code[, globals[, locals]]): None stands for what was left out.
ER_RUNTIME_API PyObject* eval(PyObject* module_globals, PyObject* code, PyObject* globals,
                              PyObject* locals);
ER_RUNTIME_API PyObject* exec(PyObject* module_globals, PyObject* code, PyObject* globals,
                              PyObject* locals);
// For locals(): a variable without a value is left out.
inline int dict_set_bound(PyObject* dict, PyObject* name, PyObject* value) {
  return value == nullptr ? 0 : PyDict_SetItem(dict, name, value);
}
ER_RUNTIME_API PyObject* sorted_keys(PyObject* dict);

}  // namespace er
ER_END_INLINE
