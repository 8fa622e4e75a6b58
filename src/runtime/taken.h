// runtime/taken.h — operations that take their operands over, so that generated code nests them.
//
//   er::add(er::Taken{er::multiply(x, x)}, one)   is x * x + 1, with one test for both at the end
//
// A Taken is a new reference, or null after an error. Whoever gets it gives the reference up when
// it is done; if it is null, nothing is done, and the result is that of a failure.
#pragma once

#include "runtime/convert.h"
#include "runtime/object.h"
#include "runtime/operators.h"
#include "runtime/sequence.h"

namespace er {

// Not a Ref: without a destructor it is passed in a register.
struct Taken {
  PyObject* object;
};

// ---- operators ----

#define ER_TAKING(NAME)                                \
  ER_RUNTIME_API PyObject* NAME(Taken a, PyObject* b); \
  ER_RUNTIME_API PyObject* NAME(PyObject* a, Taken b);
ER_TAKING(add)
ER_TAKING(subtract)
ER_TAKING(multiply)
ER_TAKING(true_divide)
ER_TAKING(floor_divide)
ER_TAKING(remainder)
ER_TAKING(power)
ER_TAKING(matmul)
ER_TAKING(lshift)
ER_TAKING(rshift)
ER_TAKING(bit_and)
ER_TAKING(bit_or)
ER_TAKING(bit_xor)
#undef ER_TAKING

ER_RUNTIME_API PyObject* negative(Taken o);
ER_RUNTIME_API PyObject* positive(Taken o);
ER_RUNTIME_API PyObject* invert(Taken o);

ER_RUNTIME_API PyObject* compare(Taken a, PyObject* b, int op);
ER_RUNTIME_API PyObject* compare(PyObject* a, Taken b, int op);
template <int kOp>
ER_RUNTIME_API int compare_true(Taken a, PyObject* b);
template <int kOp>
ER_RUNTIME_API int compare_true(PyObject* a, Taken b);
ER_RUNTIME_API int truth(Taken o);
ER_RUNTIME_API int contains(Taken item, PyObject* container);
ER_RUNTIME_API int contains(PyObject* item, Taken container);
ER_RUNTIME_API Py_ssize_t len(Taken o);

// ---- items and attributes ----

// truth(get_item(o, key)), mostly without a reference to the item.
ER_RUNTIME_API int item_truth(PyObject* o, PyObject* key);
ER_RUNTIME_API int item_truth(Taken o, PyObject* key);
ER_RUNTIME_API int item_truth(PyObject* o, Taken key);
ER_RUNTIME_API int item_truth_index_slow(PyObject* o, Py_ssize_t index);
inline int item_truth_index(PyObject* o, Py_ssize_t index) {
  if (PyList_CheckExact(o)) {
    const Py_ssize_t n = PyList_GET_SIZE(o);
    const Py_ssize_t i = index < 0 ? index + n : index;
    if (static_cast<std::size_t>(i) < static_cast<std::size_t>(n)) [[likely]] {
      PyObject* item = PyList_GET_ITEM(o, i);
      if (item == Py_True) return 1;
      if (item == Py_False) return 0;
    }
  }
  return item_truth_index_slow(o, index);
}
// What follows, and calls, are often little more than a call: one more would tell.
ER_BEGIN_INLINE
inline PyObject* get_item(Taken o, PyObject* key) {
  const Ref held(o.object);
  return held ? get_item(held.get(), key) : nullptr;
}
inline PyObject* get_item(PyObject* o, Taken key) {
  const Ref held(key.object);
  return held ? get_item(o, held.get()) : nullptr;
}
inline PyObject* get_attr(Taken o, PyObject* name) {
  const Ref held(o.object);
  return held ? get_attr(held.get(), name) : nullptr;
}
inline int set_item(PyObject* o, PyObject* key, Taken value) {
  const Ref held(value.object);
  return held ? set_item(o, key, held.get()) : -1;
}
inline int set_item_index(PyObject* o, Py_ssize_t index, Taken value) {
  const Ref held(value.object);
  return held ? set_item_index(o, index, held.get()) : -1;
}
inline int list_append(PyObject* list, Taken item) {
  const Ref held(item.object);
  return held ? list_append(list, held.get()) : -1;
}
inline int set_add(PyObject* set, Taken item) {
  const Ref held(item.object);
  return held ? set_add(set, held.get()) : -1;
}
inline int set_attr(PyObject* o, PyObject* name, Taken value) {
  const Ref held(value.object);
  return held ? set_attr(o, name, held.get()) : -1;
}
ER_END_INLINE
ER_RUNTIME_API int store_global(PyObject* globals, PyObject* name, Taken value);

// ---- calls ----

ER_BEGIN_INLINE
inline PyObject* call(Taken f) {
  const Ref held(f.object);
  return held ? call(held.get()) : nullptr;
}
template <std::size_t N>
inline PyObject* call(Taken f, PyObject* const (&args)[N]) {
  const Ref held(f.object);
  return held ? call(held.get(), args) : nullptr;
}
inline PyObject* call_method(Taken o, PyObject* name) {
  const Ref held(o.object);
  return held ? call_method(held.get(), name) : nullptr;
}
template <std::size_t N>
inline PyObject* call_method(Taken o, PyObject* name, PyObject* const (&args)[N]) {
  const Ref held(o.object);
  return held ? call_method(held.get(), name, args) : nullptr;
}
ER_END_INLINE

// ---- to C values ----

template <typename T>
inline bool from_object(Taken o, T* out, const char* name = nullptr) {
  const Ref held(o.object);
  return held && from_object(held.get(), out, name);
}
inline bool from_object_index(Taken o, Py_ssize_t* out) {
  const Ref held(o.object);
  return held && from_object_index(held.get(), out);
}
inline bool from_object_bint(Taken o, int* out) {
  *out = truth(o);
  return *out >= 0;
}
inline bool ucs4_from_object(Taken o, Py_UCS4* out) {
  const Ref held(o.object);
  return held && ucs4_from_object(held.get(), out);
}

}  // namespace er
