// runtime/operators.h — operators on objects: arithmetic, truth, comparison.
#pragma once

#include "runtime/python.h"
#include "runtime/ref.h"

ER_BEGIN_INLINE
namespace er {

// ---- numbers ----

// a + b; target = a + b; the same of a += b. Those with a target give it no new object if its old
// one is a number that nobody else knows.
#define ER_OPERATOR(NAME)                                            \
  ER_RUNTIME_API PyObject* NAME(PyObject* a, PyObject* b);           \
  ER_RUNTIME_API bool NAME(Ref& target, PyObject* a, PyObject* b);   \
  ER_RUNTIME_API PyObject* inplace_##NAME(PyObject* a, PyObject* b); \
  ER_RUNTIME_API bool inplace_##NAME(Ref& target, PyObject* a, PyObject* b);
ER_OPERATOR(add)
ER_OPERATOR(subtract)
ER_OPERATOR(multiply)
ER_OPERATOR(true_divide)
ER_OPERATOR(floor_divide)
ER_OPERATOR(remainder)
#undef ER_OPERATOR

// variable += b. A str that only the variable holds grows where it is.
ER_RUNTIME_API bool add_to(Ref& variable, PyObject* b);
// o[key] += b
ER_RUNTIME_API int add_to_item(PyObject* o, PyObject* key, PyObject* b);
// The truth of a % b.
ER_RUNTIME_API int remainder_true(PyObject* a, PyObject* b);
// target = value
ER_RUNTIME_API bool put_int(Ref& target, long value);

inline PyObject* power(PyObject* a, PyObject* b) { return PyNumber_Power(a, b, Py_None); }
inline PyObject* matmul(PyObject* a, PyObject* b) { return PyNumber_MatrixMultiply(a, b); }
inline PyObject* lshift(PyObject* a, PyObject* b) { return PyNumber_Lshift(a, b); }
inline PyObject* rshift(PyObject* a, PyObject* b) { return PyNumber_Rshift(a, b); }
inline PyObject* bit_and(PyObject* a, PyObject* b) { return PyNumber_And(a, b); }
inline PyObject* bit_or(PyObject* a, PyObject* b) { return PyNumber_Or(a, b); }
inline PyObject* bit_xor(PyObject* a, PyObject* b) { return PyNumber_Xor(a, b); }
inline PyObject* inplace_power(PyObject* a, PyObject* b) {
  return PyNumber_InPlacePower(a, b, Py_None);
}
inline PyObject* inplace_matmul(PyObject* a, PyObject* b) {
  return PyNumber_InPlaceMatrixMultiply(a, b);
}
inline PyObject* inplace_lshift(PyObject* a, PyObject* b) { return PyNumber_InPlaceLshift(a, b); }
inline PyObject* inplace_rshift(PyObject* a, PyObject* b) { return PyNumber_InPlaceRshift(a, b); }
inline PyObject* inplace_bit_and(PyObject* a, PyObject* b) { return PyNumber_InPlaceAnd(a, b); }
inline PyObject* inplace_bit_or(PyObject* a, PyObject* b) { return PyNumber_InPlaceOr(a, b); }
inline PyObject* inplace_bit_xor(PyObject* a, PyObject* b) { return PyNumber_InPlaceXor(a, b); }

inline PyObject* negative(PyObject* o) { return PyNumber_Negative(o); }
inline PyObject* positive(PyObject* o) { return PyNumber_Positive(o); }
inline PyObject* invert(PyObject* o) { return PyNumber_Invert(o); }

// ---- truth and comparison ----

// Of others than True, False and None.
ER_RUNTIME_API int truth_of(PyObject* o);
inline int truth(PyObject* o) {
  if (o == Py_True) return 1;
  if (o == Py_False || o == Py_None) return 0;
  return truth_of(o);
}
inline PyObject* compare(PyObject* a, PyObject* b, int op) {
  return PyObject_RichCompare(a, b, op);
}
// The truth of a comparison; defined for Py_LT to Py_GE.
template <int kOp>
ER_RUNTIME_API int compare_true(PyObject* a, PyObject* b);
ER_RUNTIME_API int contains(PyObject* item, PyObject* container);
ER_RUNTIME_API int contains_in_str(PyObject* item, PyObject* text);

// Of a variable declared as dict, which may also be None.
inline int contains_in_dict(PyObject* item, PyObject* dict) {
  if (Py_IsNone(dict)) {
    PyErr_SetString(PyExc_TypeError, "'NoneType' object is not iterable");
    return -1;
  }
  return PyDict_Contains(dict, item);
}

}  // namespace er
ER_END_INLINE
