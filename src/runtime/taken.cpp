#include "runtime/engineroom_runtime.h"

namespace er {

// With the operation in it: a call less.
#define ER_WHOLE __attribute__((flatten))

// ---- operators ----

#define ER_TAKING(NAME)                           \
  ER_WHOLE PyObject* NAME(Taken a, PyObject* b) { \
    const Ref held(a.object);                     \
    return held ? NAME(held.get(), b) : nullptr;  \
  }                                               \
  ER_WHOLE PyObject* NAME(PyObject* a, Taken b) { \
    const Ref held(b.object);                     \
    return held ? NAME(a, held.get()) : nullptr;  \
  }
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

#define ER_TAKING(NAME)                       \
  ER_WHOLE PyObject* NAME(Taken o) {          \
    const Ref held(o.object);                 \
    return held ? NAME(held.get()) : nullptr; \
  }
ER_TAKING(negative)
ER_TAKING(positive)
ER_TAKING(invert)
#undef ER_TAKING

ER_WHOLE PyObject* compare(Taken a, PyObject* b, int op) {
  const Ref held(a.object);
  return held ? compare(held.get(), b, op) : nullptr;
}
ER_WHOLE PyObject* compare(PyObject* a, Taken b, int op) {
  const Ref held(b.object);
  return held ? compare(a, held.get(), op) : nullptr;
}

template <int kOp>
ER_WHOLE int compare_true(Taken a, PyObject* b) {
  const Ref held(a.object);
  return held ? compare_true<kOp>(held.get(), b) : -1;
}
template <int kOp>
ER_WHOLE int compare_true(PyObject* a, Taken b) {
  const Ref held(b.object);
  return held ? compare_true<kOp>(a, held.get()) : -1;
}
#define ER_FOR_OPERATOR(OP)                             \
  template int compare_true<OP>(Taken a, PyObject * b); \
  template int compare_true<OP>(PyObject * a, Taken b);
ER_FOR_OPERATOR(Py_LT)
ER_FOR_OPERATOR(Py_LE)
ER_FOR_OPERATOR(Py_EQ)
ER_FOR_OPERATOR(Py_NE)
ER_FOR_OPERATOR(Py_GT)
ER_FOR_OPERATOR(Py_GE)
#undef ER_FOR_OPERATOR

ER_WHOLE int truth(Taken o) {
  const Ref held(o.object);
  return held ? truth(held.get()) : -1;
}
ER_WHOLE int contains(Taken item, PyObject* container) {
  const Ref held(item.object);
  return held ? contains(held.get(), container) : -1;
}
ER_WHOLE int contains(PyObject* item, Taken container) {
  const Ref held(container.object);
  return held ? contains(item, held.get()) : -1;
}
ER_WHOLE Py_ssize_t len(Taken o) {
  const Ref held(o.object);
  return held ? len(held.get()) : -1;
}

// ---- items and attributes ----

int item_truth(PyObject* o, PyObject* key) {
  long index;
  if (PyList_CheckExact(o) && small_int(key, &index)) return item_truth_index(o, index);
  return truth(Taken{get_item(o, key)});
}
ER_WHOLE int item_truth(Taken o, PyObject* key) {
  const Ref held(o.object);
  return held ? item_truth(held.get(), key) : -1;
}
ER_WHOLE int item_truth(PyObject* o, Taken key) {
  const Ref held(key.object);
  return held ? item_truth(o, held.get()) : -1;
}
int item_truth_index_slow(PyObject* o, Py_ssize_t index) {
  return truth(Taken{get_item_index(o, index)});
}

int store_global(PyObject* globals, PyObject* name, Taken value) {
  const Ref held(value.object);
  return held ? store_global(globals, name, held.get()) : -1;
}

}  // namespace er
